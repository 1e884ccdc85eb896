"""Several models as one: the mean of their probabilities."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

Member = tuple[Callable[..., Any], Callable[[int], Any]]


def ensemble_step(members: Sequence[Member]) -> Member:
  """Returns the step function and the empty cache of an ensemble.

  Args:
    members: (step_fn, init_cache) of each model, as `beam_search` takes them.

  Returns:
    The same of all together: the cache is the tuple of theirs, and the logits
    are log((p_1 + ... + p_n) / n). One model is itself.
  """
  if len(members) == 1:
    return members[0]
  steps, caches = zip(*members, strict=True)

  def step(token_ids_BW, position, ancestors_BWT, kv_caches):
    results = [
      step(token_ids_BW, position, ancestors_BWT, kv_cache)
      for step, kv_cache in zip(steps, kv_caches, strict=True)
    ]
    log_probs = [jax.nn.log_softmax(logits_BWV) for logits_BWV, _ in results]
    total_BWV = functools.reduce(jnp.logaddexp, log_probs)
    return total_BWV - jnp.log(len(members)), tuple(c for _, c in results)

  return step, lambda length: tuple(cache(length) for cache in caches)
