"""Search that never looks back: greedy, and sampling.

Dimensions as in beam_search.py; the slots W of a sentence are independent.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

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
from t2t_jax.decoding.search.steps import Sentences, Steps
from t2t_jax.decoding.search.two_stage_top_k import two_stage_top_k

# allowed_BWV, position, keys_B -> token_ids_BW
ChooseFunction = Callable[[Any, Any, Any], Any]


class PathState(NamedTuple):
  """All that such a search knows between two steps."""

  position: Any
  sentences: Sentences
  ids_BW: Any  # the newest tokens, not yet in the cache
  tokens_BWT: Any
  log_probs_BW: Any
  lengths_BW: Any
  over_BW: Any
  kv_cache: Any


def greedy_steps(
  step_fn, init_cache, *, bos_id, eos_id, pad_id, **options
) -> Steps:
  """Returns the search for the hypothesis of each sentence that takes the best
  token each time; arguments, limits and rules are those of `beam_steps`."""
  banned = banned_ids(bos_id=bos_id, eos_id=eos_id, pad_id=pad_id)
  return single_path_steps(
    step_fn,
    init_cache,
    lambda allowed_BWV, position, keys_B: _best(allowed_BWV, banned),
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
  max_length: int,
  cache_lengths: tuple[int, ...] = (),
  **options: Any,
) -> Hypotheses:
  """Returns samples of each sentence's targets, in the order drawn; arguments
  as of `sample_steps`, cache_lengths as of `beam_search`."""
  steps = sample_steps(step_fn, init_cache, max_length=max_length, **options)
  return growing_loop(steps, (*cache_lengths, max_length))


def sample_steps(
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
) -> Steps:
  """Returns the search for samples of each sentence's targets.

  A token is drawn from softmax(logits / temperature) among the `top_k` most
  probable, and of these the fewest whose probability is at least `top_p`
  (nucleus, Holtzman et al. 2020). log P and score are the model's own.

  Args:
    keys_B: a random key of each sentence; the same key draws the same.
    num_samples: W.
    temperature: above 0.
    top_k: 0: all.
    top_p: in (0, 1]; 1: all.
    step_fn, init_cache, bos_id, eos_id, pad_id, options: as of `beam_steps`.
  """
  banned = banned_ids(bos_id=bos_id, eos_id=eos_id, pad_id=pad_id)

  def draw(allowed_BWV, position, keys_B):
    for banned_id in banned:
      allowed_BWV = allowed_BWV.at[..., banned_id].set(-jnp.inf)
    # From the best down: of a temperature near 0 nothing overflows upwards.
    best_BW1 = allowed_BWV.max(axis=-1, keepdims=True)
    scaled_BWV = (allowed_BWV - best_BW1) / jnp.maximum(temperature, 1e-30)
    logits_BWV = likely(scaled_BWV, top_k, top_p)
    step_keys_B = jax.vmap(jax.random.fold_in, (0, None))(keys_B, position)
    ids_BW = jax.vmap(jax.random.categorical)(step_keys_B, logits_BWV)
    return ids_BW.astype(jnp.int32)

  return single_path_steps(
    step_fn,
    init_cache,
    draw,
    num_slots=num_samples,
    keys_B=keys_B,
    bos_id=bos_id,
    eos_id=eos_id,
    pad_id=pad_id,
    **options,
  )


def single_path_steps(
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
  num_results: int | None = None,
  rules: Rules = NO_RULES,
  keys_B=None,
) -> Steps:
  """Returns the search for `num_slots` hypotheses of each sentence, of which
  the first `num_results` are read.

  The length penalty scales the scores and decides nothing.
  """

  def start(length):
    limits_B = jnp.minimum(max_lengths_B, max_length).astype(jnp.int32)
    shape_BW = (limits_B.shape[0], num_slots)
    exists_BW = jnp.broadcast_to(limits_B[:, None] > 0, shape_BW)
    return PathState(
      position=jnp.int32(0),
      sentences=Sentences(limits_B, rules.prefix_ids_BP, keys_B=keys_B),
      ids_BW=jnp.full(shape_BW, bos_id, jnp.int32),
      tokens_BWT=jnp.zeros((*shape_BW, length), jnp.int32),
      log_probs_BW=jnp.where(exists_BW, 0.0, -jnp.inf),
      lengths_BW=jnp.zeros(shape_BW, jnp.int32),
      over_BW=~exists_BW,
      kv_cache=init_cache(length),
    )

  def live_B(state):
    return ~jnp.all(state.over_BW, axis=1)

  def step(state):
    position, sentences = state.position, state.sentences
    tokens_BWT = jax.lax.dynamic_update_slice_in_dim(
      state.tokens_BWT, state.ids_BW[..., None], position, axis=2
    )
    ancestors_BWT = _own_slots(tokens_BWT.shape)
    logits_BWV, kv_cache = step_fn(
      state.ids_BW, position, ancestors_BWT, state.kv_cache
    )
    allowed_BWV = rules.with_prefix(sentences.prefix_ids_BP).restrict(
      logits_BWV,
      position,
      tokens_BWT,
      ancestors_BWT,
      eos_id=eos_id,
      pad_id=pad_id,
    )
    must_end_B1 = (position + 1 >= sentences.max_lengths_B)[:, None]
    chosen_BW = choose(allowed_BWV, position, sentences.keys_B)
    ids_BW = jnp.where(must_end_B1, eos_id, chosen_BW)
    chosen_BW1 = jnp.take_along_axis(logits_BWV, ids_BW[..., None], axis=-1)
    grown_BW = with_token(state.log_probs_BW, chosen_BW1, logits_BWV)[..., 0]
    return PathState(
      position=position + 1,
      sentences=sentences,
      ids_BW=ids_BW,
      tokens_BWT=tokens_BWT,
      log_probs_BW=jnp.where(state.over_BW, state.log_probs_BW, grown_BW),
      lengths_BW=jnp.where(state.over_BW, state.lengths_BW, position + 1),
      over_BW=state.over_BW | (ids_BW == eos_id),
      kv_cache=kv_cache,
    )

  def read(state):
    finished = Finished(
      scores_BW=state.log_probs_BW
      / length_penalty(state.lengths_BW, length_penalty_alpha),
      log_probs_BW=state.log_probs_BW,
      lengths_BW=state.lengths_BW,
      ancestors_BWT=_own_slots(state.tokens_BWT.shape),
    )
    return read_hypotheses(
      finished, state.tokens_BWT, num_results or num_slots, eos_id, pad_id
    )

  return Steps(start, step, live_B, read)


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


def _own_slots(shape_BWT):
  slots_W1 = jnp.arange(shape_BWT[1], dtype=jnp.int32)[:, None]
  return jnp.broadcast_to(slots_W1, shape_BWT)
