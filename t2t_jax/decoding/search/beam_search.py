"""Beam search as one pure function over a step of any cached model.

Dimensions: B sentence, W beam slot, T target position, V vocabulary, N result.

The cache is never reordered. At position t each slot w appends its token, and
`ancestors_BWT[b, w, u]` names the slot that wrote position u of the hypothesis
now in slot w. Tokens are kept the same way, so a hypothesis is nothing but a
row of ancestors, and hypotheses that change place cost T integers each.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from t2t_jax.decoding.search.beams import (
  Finished,
  Live,
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
from t2t_jax.decoding.search.single_path import greedy_steps
from t2t_jax.decoding.search.steps import Sentences, Steps

# token_ids_BW, position, ancestors_BWT, kv_cache -> logits_BWV, kv_cache
StepFunction = Callable[[Any, Any, Any, Any], tuple[Any, Any]]


class BeamState(NamedTuple):
  """All that a beam search knows between two steps."""

  position: Any
  sentences: Sentences
  live: Live
  finished: Finished
  tokens_BWT: Any  # what slot w appended at position t
  kv_cache: Any


def beam_search(
  step_fn: StepFunction,
  init_cache: Callable[[int], Any],
  *,
  max_length: int,
  cache_lengths: tuple[int, ...] = (),
  **options: Any,
) -> Hypotheses:
  """Returns the best hypotheses of each sentence, best first.

  Args:
    step_fn, init_cache, max_length, options: as of `beam_steps`.
    cache_lengths: shorter T, ascending, that the search begins with, so that
      short results do not pay for a long cache; each is compiled apart.
  """
  steps = beam_steps(step_fn, init_cache, max_length=max_length, **options)
  return growing_loop(steps, (*cache_lengths, max_length))


def beam_steps(
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
) -> Steps:
  """Returns the search for the best hypotheses of each sentence.

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
  """
  num_results = beam_size if num_results is None else num_results
  if not 1 <= num_results <= beam_size:
    raise ValueError(
      f'num_results: expected 1 to beam_size = {beam_size}, found {num_results}'
    )
  if beam_size == 1 and phrases is None:
    return greedy_steps(
      step_fn,
      init_cache,
      max_lengths_B=max_lengths_B,
      max_length=max_length,
      length_penalty_alpha=length_penalty_alpha,
      bos_id=bos_id,
      eos_id=eos_id,
      pad_id=pad_id,
      rules=rules,
    )
  banned = banned_ids(bos_id=bos_id, eos_id=eos_id, pad_id=pad_id)
  own_slot_W1 = jnp.arange(beam_size, dtype=jnp.int32)[:, None]

  def start(length):
    limits_B = jnp.minimum(max_lengths_B, max_length).astype(jnp.int32)
    live, *arrays = start_beams(limits_B, beam_size, length, bos_id)
    if phrases is not None:
      progress_BWC = start_progress_BWC(phrases, beam_size)
      live = live._replace(progress_BWC=progress_BWC)
    sentences = Sentences(limits_B, rules.prefix_ids_BP, phrases)
    return BeamState(jnp.int32(0), sentences, live, *arrays, init_cache(length))

  def live_B(state):
    return jnp.any(state.live.log_probs_BW > -jnp.inf, axis=1)

  def step(state):
    position, sentences, live, finished, tokens_BWT, kv_cache = state
    max_lengths_B = sentences.max_lengths_B
    here_T = jnp.arange(tokens_BWT.shape[-1]) == position
    tokens_BWT = jnp.where(here_T, live.ids_BW[..., None], tokens_BWT)
    live = live._replace(
      ancestors_BWT=jnp.where(here_T, own_slot_W1, live.ancestors_BWT)
    )
    logits_BWV, kv_cache = step_fn(
      live.ids_BW, position, live.ancestors_BWT, kv_cache
    )
    rules_now = rules.with_prefix(sentences.prefix_ids_BP)
    allowed_BWV = rules_now.restrict(
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
    if sentences.phrases is None:
      candidates = best_candidates(
        logits_BWV, allowed_BWV, live.log_probs_BW, **limits
      )
      kept = keep_live(live, candidates, eos_id)
    else:
      candidates = phrase_candidates(
        sentences.phrases,
        live,
        logits_BWV,
        allowed_BWV,
        room_B=max_lengths_B - position - 2,
        in_prefix_B=rules_now.in_prefix_B(position, len(max_lengths_B), pad_id),
        **limits,
      )
      kept = keep_live_by_need(sentences.phrases, live, candidates, eos_id)
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
    return BeamState(
      position + 1, sentences, live, finished, tokens_BWT, kv_cache
    )

  def read(state):
    return read_hypotheses(
      state.finished, state.tokens_BWT, num_results, eos_id, pad_id
    )

  return Steps(start, step, live_B, read)
