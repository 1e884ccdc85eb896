"""A search whose batch shrinks as its sentences end.

A step takes as long as its arrays have rows, and those of sentences that are
over count too. Shapes are fixed while a loop runs; so it ends when the live
sentences fit into fewer rows, they move there together, and a loop of that
shape goes on: a stage. The host waits for the device once a stage.

Dimensions as in beam_search.py; P device, R row of its part of the batch.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from t2t_jax.decoding.search.at_once import Program
from t2t_jax.decoding.search.growing_loop import padded
from t2t_jax.decoding.search.hypotheses import Hypotheses
from t2t_jax.decoding.search.steps import Steps
from t2t_jax.parallel.mesh import batch_shards, replicated

# params, batch, nbest -> Steps. A batch is a NamedTuple of arrays with their
# sentences in axis 0; what they hold is read by `start` alone.
MakeSteps = Callable[[Any, Any, int], Steps]


class Told(NamedTuple):
  """What a stage tells the host.

  Attributes:
    position: that the search has reached.
    live: sentences that are not over, of the device that has most.
    order_B: the row of the stage before that each row was.
    found: the results so far.
  """

  position: Any
  live: Any
  order_B: Any
  found: Hypotheses


class StagedSearch:
  """Runs searches of one kind; a transition is compiled when it first occurs.

  Every device moves its own rows, and none gets a row from another.
  """

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
      mesh: the devices that batches are split over; None: one device.
      compiler_options: of `jax.jit`.
    """
    self._pad_id = pad_id
    self._parts = _parts(mesh)
    self._first_stage, self._next_stage = (
      Program(
        functools.partial(stage, make_steps, mesh),
        static_argnames=('like', 'nbest', 'length'),
        compiler_options=compiler_options,
      )
      for stage in (_first_stage, _next_stage)
    )

  def num_programs(self) -> int:
    """Returns how many were compiled."""
    stages = self._first_stage, self._next_stage
    return sum(stage.num_compiled() for stage in stages)

  def begin(
    self,
    params: Any,
    batch: Any,
    *,
    nbest: int,
    lengths: Sequence[int],
    sizes: Sequence[int],
  ) -> Callable[[], Hypotheses]:
    """Starts a search; returns what ends it and gives its results (numpy).

    Args:
      params, batch, nbest: of `make_steps`.
      lengths: that the arrays take, ascending; at the last all must be over.
      sizes: rows that stages take, descending, from those of the batch; the
        number of devices divides them.
    """

    def options(lengths: Sequence[int], sizes: Sequence[int]):
      return {
        'like': _with_rows(batch, sizes[0]),
        'nbest': nbest,
        'length': lengths[0],
        'enough': np.int32(self._enough(sizes)),
      }

    def go_on(state: Any, lengths: Sequence[int], sizes: Sequence[int]):
      return self._next_stage(params, state, **options(lengths, sizes))

    state, told = self._first_stage(params, batch, **options(lengths, sizes))
    return functools.partial(self._end, go_on, state, told, lengths, sizes)

  def _end(
    self,
    go_on: Callable[..., tuple[Any, Told]],
    state: Any,
    told: Told,
    lengths: Sequence[int],
    sizes: Sequence[int],
  ) -> Hypotheses:
    told = jax.device_get(told)
    home_B = told.order_B
    results = _room_for(told.found, lengths[-1], self._pad_id)
    _write(results, home_B, told.found)
    while told.live and told.position < lengths[-1]:
      # Few rows cost little at any length: with the fewest the arrays grow at
      # once, which leaves a stage less to compile.
      is_few = told.live <= self._enough(sizes)
      if is_few:
        sizes = sizes[1:]
      if not is_few or len(sizes) == 1:
        lengths = lengths[1:] or lengths
      state, told = go_on(state, lengths, sizes)
      told = jax.device_get(told)
      home_B = home_B[told.order_B]
      # What is not over yet is written again by the stage that follows.
      _write(results, home_B, told.found)
    return results

  def _enough(self, sizes: Sequence[int]) -> int:
    """The live sentences of a device with which a stage ends early."""
    return sizes[1] // self._parts if len(sizes) > 1 else 0


def _first_stage(
  make_steps: MakeSteps,
  mesh: Mesh | None,
  params: Any,
  batch: Any,
  *,
  like: Any,
  nbest: int,
  length: int,
  enough: Any,
):
  """Starts a search, and runs it as `_run` does."""
  steps = make_steps(params, batch, nbest)
  state = steps.start(length)
  order_B = jnp.arange(_rows(like))
  return _run(steps, mesh, state, order_B, length, enough)


def _next_stage(
  make_steps: MakeSteps,
  mesh: Mesh | None,
  params: Any,
  state: Any,
  *,
  like: Any,
  nbest: int,
  length: int,
  enough: Any,
):
  """Moves the live sentences into arrays as a search of `like` has them for
  `length` positions, and runs it as `_run` does."""
  # Of a batch its shapes alone are needed from here on.
  batch = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), like)
  steps = make_steps(params, batch, nbest)
  parts, rows = _parts(mesh), _rows(like)
  live_PR = steps.live_B(state).reshape(parts, -1)
  order_PR = jnp.broadcast_to(jnp.arange(live_PR.shape[1]), live_PR.shape)
  shrinks = live_PR.size > rows
  if shrinks:
    order_PR = jnp.argsort(~live_PR, axis=1, stable=True)[:, : rows // parts]

  def moved(x, shape):
    if shrinks and x.shape[:1] != shape.shape[:1]:
      x_PR = x.reshape(parts, -1, *x.shape[1:])
      x_PR = jax.vmap(lambda x_R, order_R: x_R[order_R])(x_PR, order_PR)
      x = x_PR.reshape(rows, *x.shape[1:])
    return padded(x, shape)

  shapes = jax.eval_shape(functools.partial(steps.start, length))
  state = jax.tree.map(moved, state, shapes)
  first_P1 = jnp.arange(parts)[:, None] * live_PR.shape[1]
  order_B = (order_PR + first_P1).reshape(-1)
  return _run(steps, mesh, state, order_B, length, enough)


def _run(
  steps: Steps, mesh: Mesh | None, state: Any, order_B, length: int, enough: Any
):
  """Returns the state in which a device has at most `enough` live sentences,
  or whose arrays are full, and what the host must know of it."""
  parts = _parts(mesh)

  def most_live(state):
    return steps.live_B(state).reshape(parts, -1).sum(axis=1).max()

  def goes_on(state):
    return (most_live(state) > enough) & (state[0] < length)

  state = jax.lax.while_loop(goes_on, steps.step, state)
  told = Told(state[0], most_live(state), order_B, steps.read(state))
  if mesh:
    told = jax.lax.with_sharding_constraint(told, replicated(mesh))
  return state, told


def _room_for(found: Hypotheses, length: int, pad_id: int) -> Hypotheses:
  shape_BN = found.scores_BN.shape
  return Hypotheses(
    np.full((*shape_BN, length), pad_id, found.ids_BNT.dtype),
    np.empty(shape_BN, found.scores_BN.dtype),
    np.empty(shape_BN, found.log_probs_BN.dtype),
  )


def _write(results: Hypotheses, home_B, found: Hypotheses) -> None:
  results.ids_BNT[home_B, :, : found.ids_BNT.shape[2]] = found.ids_BNT
  results.scores_BN[home_B] = found.scores_BN
  results.log_probs_BN[home_B] = found.log_probs_BN


def _parts(mesh: Mesh | None) -> int:
  return batch_shards(mesh) if mesh else 1


def _rows(batch: Any) -> int:
  return jax.tree.leaves(batch)[0].shape[0]


def _with_rows(batch: Any, rows: int) -> Any:
  """Returns the shapes of a batch of so many rows."""
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct((rows, *x.shape[1:]), x.dtype), batch
  )
