"""Search that never looks back: greedy, and sampling.

Dimensions as in beam_search.py; the slots W of a sentence are independent.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from t2t_jax.decoding.search.beams import Finished, read_hypotheses, with_token
from t2t_jax.decoding.search.growing_loop import growing_loop
from t2t_jax.decoding.search.hypotheses import (
  Hypotheses,
  banned_ids,
  length_penalty,
)
from t2t_jax.decoding.search.rules import NO_RULES, Rules
from t2t_jax.decoding.search.two_stage_top_k import two_stage_top_k

# allowed_BWV, position -> token_ids_BW
ChooseFunction = Callable[[Any, Any], Any]


def greedy_search(step_fn, init_cache, *, bos_id, eos_id, pad_id, **options):
  """Returns the hypothesis of each sentence that takes the best token each
  time; arguments, limits and rules are those of `beam_search`."""
  banned = banned_ids(bos_id=bos_id, eos_id=eos_id, pad_id=pad_id)
  return single_path_search(
    step_fn,
    init_cache,
    lambda allowed_BWV, position: _best(allowed_BWV, banned),
    num_slots=1,
    bos_id=bos_id,
    eos_id=eos_id,
    pad_id=pad_id,
    **options,
  )


def sample_search(
  step_fn,
  init_cache,
  *,
  keys_B,
  num_samples: int,
  temperature: float,
  top_k: int,
  top_p: float,
  bos_id: int,
  eos_id: int,
  pad_id: int,
  **options,
):
  """Returns samples of each sentence's targets, in the order drawn.

  A token is drawn from softmax(logits / temperature) among the `top_k` most
  probable, and of these the fewest whose probability is at least `top_p`
  (nucleus, Holtzman et al. 2020). log P and score are the model's own.

  Args:
    keys_B: a random key of each sentence; the same key draws the same.
    num_samples: W.
    temperature: above 0.
    top_k: 0: all.
    top_p: in (0, 1]; 1: all.
    step_fn, init_cache, bos_id, eos_id, pad_id, options: as `beam_search`.
  """
  banned = banned_ids(bos_id=bos_id, eos_id=eos_id, pad_id=pad_id)

  def draw(allowed_BWV, position):
    for banned_id in banned:
      allowed_BWV = allowed_BWV.at[..., banned_id].set(-jnp.inf)
    logits_BWV = likely(allowed_BWV / temperature, top_k, top_p)
    step_keys_B = jax.vmap(jax.random.fold_in, (0, None))(keys_B, position)
    ids_BW = jax.vmap(jax.random.categorical)(step_keys_B, logits_BWV)
    return ids_BW.astype(jnp.int32)

  return single_path_search(
    step_fn,
    init_cache,
    draw,
    num_slots=num_samples,
    bos_id=bos_id,
    eos_id=eos_id,
    pad_id=pad_id,
    **options,
  )


def single_path_search(
  step_fn,
  init_cache,
  choose: ChooseFunction,
  *,
  num_slots: int,
  max_lengths_B,
  max_length: int,
  length_penalty_alpha: float,
  bos_id: int,
  eos_id: int,
  pad_id: int,
  rules: Rules = NO_RULES,
  cache_lengths: tuple[int, ...] = (),
) -> Hypotheses:
  """Returns `num_slots` hypotheses of each sentence; stops when all ended.

  The length penalty scales the scores and decides nothing.
  """
  max_lengths_B = jnp.minimum(max_lengths_B, max_length).astype(jnp.int32)
  shape_BW = (max_lengths_B.shape[0], num_slots)
  own_slot_BWT = functools.partial(_own_slots, shape_BW)

  def start(length):
    exists_BW = jnp.broadcast_to(max_lengths_B[:, None] > 0, shape_BW)
    return (
      jnp.int32(0),
      jnp.full(shape_BW, bos_id, jnp.int32),
      jnp.zeros((*shape_BW, length), jnp.int32),
      jnp.where(exists_BW, 0.0, -jnp.inf),
      jnp.zeros(shape_BW, jnp.int32),
      ~exists_BW,
      init_cache(length),
    )

  def is_live(state):
    return jnp.any(~state[5])

  def step(state):
    position, ids_BW, tokens_BWT, log_probs_BW, lengths_BW, over_BW, cache = (
      state
    )
    tokens_BWT = jax.lax.dynamic_update_slice_in_dim(
      tokens_BWT, ids_BW[..., None], position, axis=2
    )
    ancestors_BWT = own_slot_BWT(tokens_BWT.shape[-1])
    logits_BWV, cache = step_fn(ids_BW, position, ancestors_BWT, cache)
    allowed_BWV = rules.restrict(
      logits_BWV,
      position,
      tokens_BWT,
      ancestors_BWT,
      eos_id=eos_id,
      pad_id=pad_id,
    )
    must_end_B1 = (position + 1 >= max_lengths_B)[:, None]
    ids_BW = jnp.where(must_end_B1, eos_id, choose(allowed_BWV, position))
    chosen_BW1 = jnp.take_along_axis(logits_BWV, ids_BW[..., None], axis=-1)
    grown_BW = with_token(log_probs_BW, chosen_BW1, logits_BWV)[..., 0]
    return (
      position + 1,
      ids_BW,
      tokens_BWT,
      jnp.where(over_BW, log_probs_BW, grown_BW),
      jnp.where(over_BW, lengths_BW, position + 1),
      over_BW | (ids_BW == eos_id),
      cache,
    )

  _, _, tokens_BWT, log_probs_BW, lengths_BW, _, _ = growing_loop(
    is_live, step, start, (*cache_lengths, max_length)
  )
  finished = Finished(
    scores_BW=log_probs_BW / length_penalty(lengths_BW, length_penalty_alpha),
    log_probs_BW=log_probs_BW,
    lengths_BW=lengths_BW,
    ancestors_BWT=own_slot_BWT(max_length),
  )
  return read_hypotheses(finished, tokens_BWT, num_slots, eos_id, pad_id)


def likely(logits, top_k: int, top_p: float):
  """Returns logits (..., V) with -inf for all but the most probable tokens."""
  if 0 < top_k < logits.shape[-1]:
    smallest = two_stage_top_k(logits, top_k)[0][..., -1:]
    logits = jnp.where(logits < smallest, -jnp.inf, logits)
  if top_p < 1:
    falling = -jnp.sort(-logits, axis=-1)
    probabilities = jax.nn.softmax(falling, axis=-1)
    before = jnp.cumsum(probabilities, axis=-1) - probabilities
    smallest = jnp.min(
      jnp.where(before < top_p, falling, jnp.inf), axis=-1, keepdims=True
    )
    logits = jnp.where(logits < smallest, -jnp.inf, logits)
  return logits


def _best(logits_BWV, banned: tuple[int, ...]):
  """The most probable token of each row that may be generated."""
  # On CPU argmax takes three times as long as even lax.top_k (V = 37,000).
  _, ids_BWK = two_stage_top_k(logits_BWV, len(banned) + 1)
  allowed_BWK = jnp.stack([ids_BWK != banned_id for banned_id in banned]).all(0)
  first_BW1 = jnp.argmax(allowed_BWK, axis=-1)[..., None]
  return jnp.take_along_axis(ids_BWK, first_BW1, axis=-1)[..., 0]


def _own_slots(shape_BW, length: int):
  slots_W1 = jnp.arange(shape_BW[1], dtype=jnp.int32)[:, None]
  return jnp.broadcast_to(slots_W1, (*shape_BW, length))
