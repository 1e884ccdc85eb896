"""A search whose batch shrinks as its sentences end.

A step takes as long as its arrays have rows, and those of sentences that are
over count too. Shapes are fixed while a loop runs; so it ends when the live
sentences fit into fewer rows, they move there together, and a loop of that
shape goes on to the end. Both are one program, so nobody waits in between:
neither the host, nor one of several devices (parallel/own_rows.py) for others.

Where the arrays are full before few enough sentences are left, they grow, and
the same is done once more: a further stage, which the host begins.

Dimensions as in beam_search.py; P device, R row of its part of the batch, Q
row of those that its search ends in.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from t2t_jax.decoding.search.at_once import Program
from t2t_jax.decoding.search.growing_loop import padded
from t2t_jax.decoding.search.hypotheses import Hypotheses
from t2t_jax.decoding.search.steps import Steps
from t2t_jax.parallel.own_rows import collect, num_parts, on_own_rows

# params, batch, nbest -> Steps. A batch is a NamedTuple of arrays with their
# sentences in axis 0; what they hold is read by `start` alone.
MakeSteps = Callable[[Any, Any, int], Steps]


class Stage(NamedTuple):
  """What a device knows of its rows when a stage has ended.

  Attributes:
    state: of the search in all rows, to go on with.
    is_over: whether all its sentences are, so there is nothing to go on with.
    found: the results so far, of as many positions as there can be.
  """

  state: Any
  is_over: Any
  found: Hypotheses


class StagedSearch:
  """Runs searches of one kind; a stage is compiled when it first occurs."""

  def __init__(
    self,
    make_steps: MakeSteps,
    *,
    pad_id: int,
    mesh: Mesh | None = None,
    compiler_options: dict[str, bool | str] | None = None,
  ):
    """Makes a search; compiles nothing yet.

    Args:
      make_steps: params, batch, nbest -> the search's functions.
      pad_id: fills the tokens of results.
      mesh: the devices that batches are dealt out to; None: one device.
      compiler_options: of `jax.jit`.
    """
    self._parts = num_parts(mesh)

    def stage(params, own, **options):
      of_one = functools.partial(_stage, make_steps, pad_id, **options)
      return on_own_rows(of_one, mesh)(params, own)

    self._stage = Program(
      stage,
      static_argnames=('nbest', 'last_rows', 'lengths'),
      compiler_options=compiler_options,
    )

  def num_programs(self) -> int:
    """Returns how many were compiled."""
    return self._stage.num_compiled()

  def begin(
    self,
    params: Any,
    batch: Any,
    *,
    nbest: int,
    lengths: Sequence[int],
    last_rows: int,
  ) -> Callable[[], Hypotheses]:
    """Starts a search; returns what ends it and gives its results (numpy).

    Args:
      params, nbest: of `make_steps`.
      batch: of `make_steps`, dealt out (own_rows.py).
      lengths: that the arrays take, ascending; at the last all must be over.
      last_rows: that the search ends in, of all devices together.
    """

    def run(before: Stage | None, lengths: Sequence[int]) -> Stage:
      return self._stage(
        params,
        (batch, before),
        nbest=nbest,
        last_rows=last_rows // self._parts,
        lengths=tuple(lengths),
      )

    first = run(None, lengths)

    def end() -> Hypotheses:
      stage, left = first, lengths
      while not jax.device_get(stage.is_over).all():
        left = left[1:]
        stage = run(stage, left)
      return collect(stage.found)

    return end


def _stage(
  make_steps: MakeSteps,
  pad_id: int,
  params: Any,
  own: tuple[Any, Stage | None],
  *,
  nbest: int,
  last_rows: int,
  lengths: tuple[int, ...],
) -> Stage:
  """Goes on with a search, or starts it, in a device's own rows.

  Args:
    make_steps, pad_id, params, nbest: as of `StagedSearch`.
    own: the batch, and the stage before, if there was one.
    last_rows: Q.
    lengths: that arrays take from this stage on.
  """
  batch, before = own
  length, longest = lengths[0], lengths[-1]
  steps = make_steps(params, batch, nbest)
  goes_on: Any = True
  if before is None:
    state = steps.start(length)
  else:
    like = jax.eval_shape(functools.partial(steps.start, length))
    state = jax.tree.map(padded, before.state, like)
    goes_on = ~before.is_over

  def has_many(state):
    return steps.live_B(state).sum() > last_rows

  state = jax.lax.while_loop(
    lambda state: has_many(state) & (state[0] < length),
    steps.step,
    state,
  )
  is_over = ~has_many(state)
  order_Q = jnp.argsort(~steps.live_B(state), stable=True)[:last_rows]
  # Of a batch its shapes alone are needed from here on.
  last_steps = make_steps(
    params, jax.tree.map(lambda x: x[:last_rows], batch), nbest
  )
  last = jax.lax.while_loop(
    lambda last: (
      goes_on & is_over & jnp.any(last_steps.live_B(last)) & (last[0] < longest)
    ),
    last_steps.step,
    _moved(state, order_Q, functools.partial(last_steps.start, longest)),
  )
  found = jax.tree.map(
    lambda x_R, last_Q: x_R.at[order_Q].set(last_Q),
    _lengthened(steps.read(state), longest, pad_id),
    last_steps.read(last),
  )
  if before is not None:
    found = jax.tree.map(
      lambda old, new: jnp.where(goes_on, new, old), before.found, found
    )
  return Stage(state, is_over, found)


def _moved(state: Any, order_Q, start: Callable[[], Any]) -> Any:
  """Returns sentences of `state` in arrays such as `start` makes."""

  def moved(x, like):
    if x.shape[:1] != like.shape[:1]:
      x = x[order_Q]
    return padded(x, like)

  return jax.tree.map(moved, state, jax.eval_shape(start))


def _lengthened(found: Hypotheses, length: int, pad_id: int) -> Hypotheses:
  more = length - found.ids_BNT.shape[2]
  widths = ((0, 0), (0, 0), (0, more))
  return found._replace(
    ids_BNT=jnp.pad(found.ids_BNT, widths, constant_values=pad_id)
  )
