"""Beam search as one pure function over a step of any cached model.

Dimensions: B sentence, W beam slot, T target position, V vocabulary, N result.

The cache is never reordered. At position t each slot w appends its token, and
`ancestors_BWT[b, w, u]` names the slot that wrote position u of the hypothesis
now in slot w. Tokens are kept the same way, so a hypothesis is nothing but a
row of ancestors, and hypotheses that change place cost T integers each.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from t2t_jax.decoding.search.beams import (
  best_candidates,
  finish,
  keep_live,
  read_hypotheses,
  start_beams,
)
from t2t_jax.decoding.search.growing_loop import growing_loop
from t2t_jax.decoding.search.hypotheses import (
  Hypotheses,
  banned_ids,
  length_penalty,
)
from t2t_jax.decoding.search.phrase_beams import (
  keep_live_by_need,
  phrase_candidates,
)
from t2t_jax.decoding.search.phrases import Phrases, start_progress_BWC
from t2t_jax.decoding.search.rules import NO_RULES, Rules
from t2t_jax.decoding.search.single_path import greedy_search

# token_ids_BW, position, ancestors_BWT, kv_cache -> logits_BWV, kv_cache
StepFunction = Callable[[Any, Any, Any, Any], tuple[Any, Any]]


def beam_search(
  step_fn: StepFunction,
  init_cache: Callable[[int], Any],
  *,
  max_lengths_B,
  max_length: int,
  beam_size: int,
  length_penalty_alpha: float,
  bos_id: int,
  eos_id: int,
  pad_id: int,
  num_results: int | None = None,
  rules: Rules = NO_RULES,
  phrases: Phrases | None = None,
  stopping: str = 'exact',
  cache_lengths: tuple[int, ...] = (),
) -> Hypotheses:
  """Returns the best hypotheses of each sentence, best first.

  Each step takes the best 2 * beam_size continuations of the live hypotheses;
  those that end with EOS join the finished ones, the best beam_size others
  stay live. A sentence is over, and changes no more, when no live hypothesis
  can still displace one of its results: log P only falls, so the best score
  within reach is log P / penalty(longest length). This is exact.

  PAD and BOS are never generated. They are left out after normalisation, so
  probabilities are the model's own. A hypothesis that reaches the longest
  length of its sentence ends with EOS, at the model's probability for it.

  Args:
    step_fn: the model's `decode_step`: token_ids_BW at int32 scalar
      `position`, ancestors_BWT and the cache to float32 logits_BWV and cache.
    init_cache: length -> empty cache of B sentences and W slots, for `length`
      positions; growing it appends zeros.
    max_lengths_B: int, most target tokens of each sentence, with EOS; 0 for a
      row that only fills the batch.
    max_length: the longest T; cuts max_lengths_B.
    beam_size: W. A beam of 1 follows one hypothesis: greedy search.
    length_penalty_alpha: 0 or more; 0 ranks by log P.
    bos_id, eos_id, pad_id: the target's special tokens.
    num_results: N, from 1 to W; default W. Fewer let sentences end sooner; the
      first N are the same for any N.
    rules: what hypotheses must obey beside.
    phrases: what each must contain; a sentence's longest length must leave
      room for its prefix, all its phrases and EOS.
    stopping: exact: as told above; never: at the longest length, for the same
      result; likely: when no live hypothesis would displace a result if it
      ended now, which longer ones with a penalty then seldom do.
    cache_lengths: shorter T, ascending, that the search begins with, so that
      short results do not pay for a long cache; each is compiled apart.
  """
  num_results = beam_size if num_results is None else num_results
  if not 1 <= num_results <= beam_size:
    raise ValueError(
      f'num_results: expected 1 to beam_size = {beam_size}, found {num_results}'
    )
  if beam_size == 1 and phrases is None:
    return greedy_search(
      step_fn,
      init_cache,
      max_lengths_B=max_lengths_B,
      max_length=max_length,
      length_penalty_alpha=length_penalty_alpha,
      bos_id=bos_id,
      eos_id=eos_id,
      pad_id=pad_id,
      rules=rules,
      cache_lengths=cache_lengths,
    )
  max_lengths_B = jnp.minimum(max_lengths_B, max_length).astype(jnp.int32)
  banned = banned_ids(bos_id=bos_id, eos_id=eos_id, pad_id=pad_id)
  own_slot_W1 = jnp.arange(beam_size, dtype=jnp.int32)[:, None]

  def start(length):
    live, *arrays = start_beams(max_lengths_B, beam_size, length, bos_id)
    if phrases is not None:
      progress_BWC = start_progress_BWC(phrases, beam_size)
      live = live._replace(progress_BWC=progress_BWC)
    return jnp.int32(0), live, *arrays, init_cache(length)

  def is_live(state):
    return jnp.any(state[1].log_probs_BW > -jnp.inf)

  def step(state):
    position, live, finished, tokens_BWT, kv_cache = state
    here_T = jnp.arange(tokens_BWT.shape[-1]) == position
    tokens_BWT = jnp.where(here_T, live.ids_BW[..., None], tokens_BWT)
    live = live._replace(
      ancestors_BWT=jnp.where(here_T, own_slot_W1, live.ancestors_BWT)
    )
    logits_BWV, kv_cache = step_fn(
      live.ids_BW, position, live.ancestors_BWT, kv_cache
    )
    allowed_BWV = rules.restrict(
      logits_BWV,
      position,
      tokens_BWT,
      live.ancestors_BWT,
      eos_id=eos_id,
      pad_id=pad_id,
    )
    limits = {
      'must_end_B': position + 1 >= max_lengths_B,
      'eos_id': eos_id,
      'banned': banned,
    }
    if phrases is None:
      candidates = best_candidates(
        logits_BWV, allowed_BWV, live.log_probs_BW, **limits
      )
      kept = keep_live(live, candidates, eos_id)
    else:
      candidates = phrase_candidates(
        phrases,
        live,
        logits_BWV,
        allowed_BWV,
        room_B=max_lengths_B - position - 2,
        in_prefix_B=rules.in_prefix_B(position, len(max_lengths_B), pad_id),
        **limits,
      )
      kept = keep_live_by_need(phrases, live, candidates, eos_id)
    finished = finish(
      finished, live, candidates, position + 1, eos_id, length_penalty_alpha
    )
    live = kept
    if stopping != 'never':
      length_B = max_lengths_B
      if stopping == 'likely':
        length_B = jnp.minimum(position + 2, max_lengths_B)  # EOS comes next
      within_reach_B = live.log_probs_BW.max(axis=1) / length_penalty(
        length_B, length_penalty_alpha
      )
      over_B = within_reach_B <= finished.scores_BW[:, num_results - 1]
      live = live._replace(
        log_probs_BW=jnp.where(over_B[:, None], -jnp.inf, live.log_probs_BW)
      )
    return position + 1, live, finished, tokens_BWT, kv_cache

  _, _, finished, tokens_BWT, _ = growing_loop(
    is_live, step, start, (*cache_lengths, max_length)
  )
  return read_hypotheses(finished, tokens_BWT, num_results, eos_id, pad_id)
