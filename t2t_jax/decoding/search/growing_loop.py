"""A search's loop over arrays that grow with the position it has reached."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from t2t_jax.decoding.search.hypotheses import Hypotheses
from t2t_jax.decoding.search.steps import Steps


def growing_loop(steps: Steps, lengths: tuple[int, ...]) -> Hypotheses:
  """Returns what a search finds when all its sentences are over.

  Attention reads a KV cache to its end, so a cache for the longest output
  makes each step of a usual one dear. Shapes in a loop are fixed; so there is
  one loop for each length, and zeros are appended between them.

  Args:
    steps: of the search.
    lengths: of the arrays, ascending; at the last one all must be over.
  """
  state = _run(steps, lengths[0], steps.start(lengths[0]))
  for length in lengths[1:]:
    like = jax.eval_shape(functools.partial(steps.start, length))
    state = _run(steps, length, jax.tree.map(padded, state, like))
  return steps.read(state)


def _run(steps: Steps, length: int, state: Any) -> Any:
  def goes_on(state):
    return jnp.any(steps.live_B(state)) & (state[0] < length)

  return jax.lax.while_loop(goes_on, steps.step, state)


def padded(x, like):
  """Returns `x` with zeros behind it, in the shape that `like` has."""
  if x.shape == like.shape:
    return x
  widths = [(0, n - m) for m, n in zip(x.shape, like.shape, strict=True)]
  return jnp.pad(x, widths)
