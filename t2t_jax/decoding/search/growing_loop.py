"""A while-loop over arrays that grow with the position it has reached."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def growing_loop(
  is_live: Callable[[Any], Any],
  step: Callable[[Any], Any],
  start: Callable[[int], Any],
  lengths: tuple[int, ...],
):
  """Returns the state in which `is_live` no longer holds.

  Attention reads a KV cache to its end, so a cache for the longest output
  makes each step of a usual one dear. Shapes in a loop are fixed; so there is
  one loop for each length, and zeros are appended between them.

  Args:
    is_live: state -> bool scalar.
    step: state -> state of the same shapes, with state[0], the position, one
      higher.
    start: length -> the first state, with arrays for `length` positions;
      position is 0.
    lengths: ascending; at the last one `is_live` must be False.
  """
  state = start(lengths[0])
  for length in lengths:
    state = _padded(state, jax.eval_shape(functools.partial(start, length)))
    goes_on = functools.partial(_goes_on, is_live, length)
    state = jax.lax.while_loop(goes_on, step, state)
  return state


def _goes_on(is_live: Callable[[Any], Any], length: int, state: Any):
  return is_live(state) & (state[0] < length)


def _padded(state, shapes):
  def pad(x, like):
    if x.shape == like.shape:
      return x
    widths = [(0, n - m) for m, n in zip(x.shape, like.shape, strict=True)]
    return jnp.pad(x, widths)

  return jax.tree.map(pad, state, shapes)
