"""Beam search as one pure function over a step of any cached model.

Dimensions: B sentence, W beam slot, T target position, V vocabulary, N result,
C candidate, K candidate of one slot.

The cache is never reordered. At position t each slot w appends its token, and
`ancestors_BWT[b, w, u]` names the slot that wrote position u of the hypothesis
now in slot w. Tokens are kept the same way, so a hypothesis is nothing but a
row of ancestors, and hypotheses that change place cost T integers each.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from t2t_jax.decoding.greedy import greedy_search
from t2t_jax.decoding.growing_loop import growing_loop
from t2t_jax.decoding.hypotheses import (
  Hypotheses,
  banned_ids,
  length_penalty,
)

# token_ids_BW, position, ancestors_BWT, kv_cache -> logits_BWV, kv_cache
StepFunction = Callable[[Any, Any, Any, Any], tuple[Any, Any]]


class Live(NamedTuple):
  """Hypotheses that may grow, best first; log P = -inf marks an empty slot."""

  ids_BW: Any  # the newest token, not yet in the cache
  log_probs_BW: Any
  ancestors_BWT: Any


class Finished(NamedTuple):
  """Hypotheses that end with EOS, best first; score -inf marks an empty one."""

  scores_BW: Any
  log_probs_BW: Any
  lengths_BW: Any  # with EOS
  ancestors_BWT: Any


class Candidates(NamedTuple):
  """Live hypotheses with one token more, best first."""

  ids_BC: Any
  log_probs_BC: Any
  slots_BC: Any  # the live hypothesis that each one continues


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
  stop_early: bool = True,
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
    stop_early: False searches on to the longest length, for the same result.
    cache_lengths: shorter T, ascending, that the search begins with, so that
      short results do not pay for a long cache; each is compiled apart.
  """
  num_results = beam_size if num_results is None else num_results
  if not 1 <= num_results <= beam_size:
    raise ValueError(
      f'num_results: expected 1 to beam_size = {beam_size}, found {num_results}'
    )
  if beam_size == 1:
    return greedy_search(
      step_fn,
      init_cache,
      max_lengths_B=max_lengths_B,
      max_length=max_length,
      length_penalty_alpha=length_penalty_alpha,
      bos_id=bos_id,
      eos_id=eos_id,
      pad_id=pad_id,
      cache_lengths=cache_lengths,
    )
  max_lengths_B = jnp.minimum(max_lengths_B, max_length).astype(jnp.int32)
  banned = banned_ids(bos_id=bos_id, eos_id=eos_id, pad_id=pad_id)
  own_slot_W1 = jnp.arange(beam_size, dtype=jnp.int32)[:, None]

  def start(length):
    arrays = _start(max_lengths_B, beam_size, length, bos_id)
    return jnp.int32(0), *arrays, init_cache(length)

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
    candidates = _candidates(
      logits_BWV,
      live.log_probs_BW,
      must_end_B=position + 1 >= max_lengths_B,
      eos_id=eos_id,
      banned=banned,
    )
    finished = _finish(
      finished, live, candidates, position + 1, eos_id, length_penalty_alpha
    )
    live = _continue(live, candidates, eos_id)
    if stop_early:
      within_reach_B = live.log_probs_BW[:, 0] / length_penalty(
        max_lengths_B, length_penalty_alpha
      )
      over_B = within_reach_B <= finished.scores_BW[:, num_results - 1]
      live = live._replace(
        log_probs_BW=jnp.where(over_B[:, None], -jnp.inf, live.log_probs_BW)
      )
    return position + 1, live, finished, tokens_BWT, kv_cache

  _, _, finished, tokens_BWT, _ = growing_loop(
    is_live, step, start, (*cache_lengths, max_length)
  )
  return _hypotheses(finished, tokens_BWT, num_results, eos_id, pad_id)


def _start(max_lengths_B, beam_size: int, length: int, bos_id: int):
  """One live hypothesis, BOS, in slot 0; nothing finished; no tokens."""
  shape_BW = (max_lengths_B.shape[0], beam_size)
  # Whatever a later `where` has not written yet is only ever masked.
  zeros_BWT = jnp.zeros((*shape_BW, length), jnp.int32)
  nothing_BW = jnp.full(shape_BW, -jnp.inf)
  first_BW = (jnp.arange(beam_size) == 0) & (max_lengths_B[:, None] > 0)
  live = Live(
    ids_BW=jnp.full(shape_BW, bos_id, jnp.int32),
    log_probs_BW=jnp.where(first_BW, 0.0, -jnp.inf),
    ancestors_BWT=zeros_BWT,
  )
  finished = Finished(
    nothing_BW, nothing_BW, jnp.zeros(shape_BW, jnp.int32), zeros_BWT
  )
  return live, finished, zeros_BWT


def _candidates(
  logits_BWV, log_probs_BW, *, must_end_B, eos_id, banned
) -> Candidates:
  """The best 2 W continuations; EOS alone where a sentence must end."""
  beam_size, vocab_size = logits_BWV.shape[1:]
  # The best 2 W of all are among the best 2 W of each slot, for which logits
  # do: log-probabilities of the whole vocabulary are never written down.
  per_slot = min(2 * beam_size + len(banned), vocab_size)
  logits_BWK, ids_BWK = jax.lax.top_k(logits_BWV, per_slot)
  for banned_id in banned:
    logits_BWK = jnp.where(ids_BWK == banned_id, -jnp.inf, logits_BWK)
  only_eos_BWK = jnp.where(
    jnp.arange(per_slot) == 0, logits_BWV[..., eos_id, None], -jnp.inf
  )
  must_end_B11 = must_end_B[:, None, None]
  logits_BWK = jnp.where(must_end_B11, only_eos_BWK, logits_BWK)
  ids_BWK = jnp.where(must_end_B11, eos_id, ids_BWK)

  total_BW1 = jax.nn.logsumexp(logits_BWV, axis=-1, keepdims=True)
  # Rounding must not lift a probability above 1: the early stop relies on it.
  step_BWK = jnp.minimum(logits_BWK - total_BW1, 0.0)
  log_probs_BC, order_BC = jax.lax.top_k(
    _flat(log_probs_BW[..., None] + step_BWK),
    min(2 * beam_size, beam_size * per_slot),
  )
  return Candidates(
    ids_BC=_take(_flat(ids_BWK), order_BC),
    log_probs_BC=log_probs_BC,
    slots_BC=order_BC // per_slot,
  )


def _finish(
  finished: Finished,
  live: Live,
  candidates: Candidates,
  length,
  eos_id: int,
  length_penalty_alpha: float,
) -> Finished:
  """The best of what was finished and the candidates that end here."""
  beam_size = finished.scores_BW.shape[1]
  log_probs_BC = jnp.where(
    candidates.ids_BC == eos_id, candidates.log_probs_BC, -jnp.inf
  )
  scores_BC = log_probs_BC / length_penalty(length, length_penalty_alpha)
  # The old come first: an equal newcomer displaces nobody.
  scores_BW, best_BW = jax.lax.top_k(
    jnp.concatenate([finished.scores_BW, scores_BC], axis=1), beam_size
  )

  def pick(old_BW, new_BC):
    return _take(jnp.concatenate([old_BW, new_BC], axis=1), best_BW)

  old_rows_BW = jnp.broadcast_to(jnp.arange(beam_size), scores_BW.shape)
  return Finished(
    scores_BW=scores_BW,
    log_probs_BW=pick(finished.log_probs_BW, log_probs_BC),
    lengths_BW=pick(
      finished.lengths_BW, jnp.full_like(candidates.ids_BC, length)
    ),
    ancestors_BWT=_take_rows(
      jnp.concatenate([finished.ancestors_BWT, live.ancestors_BWT], axis=1),
      pick(old_rows_BW, beam_size + candidates.slots_BC),
    ),
  )


def _continue(live: Live, candidates: Candidates, eos_id: int) -> Live:
  """The best candidates that do not end here."""
  log_probs_BW, best_BW = jax.lax.top_k(
    jnp.where(candidates.ids_BC == eos_id, -jnp.inf, candidates.log_probs_BC),
    live.ids_BW.shape[1],
  )
  return Live(
    ids_BW=_take(candidates.ids_BC, best_BW),
    log_probs_BW=log_probs_BW,
    ancestors_BWT=_take_rows(
      live.ancestors_BWT, _take(candidates.slots_BC, best_BW)
    ),
  )


def _hypotheses(
  finished: Finished, tokens_BWT, num_results: int, eos_id: int, pad_id: int
) -> Hypotheses:
  """Reads the tokens of the best finished hypotheses along their ancestors."""
  finished = Finished(*(leaf[:, :num_results] for leaf in finished))
  inputs_BNT = jnp.take_along_axis(tokens_BWT, finished.ancestors_BWT, axis=1)
  # The decoder's inputs are BOS and the target without its EOS.
  targets_BNT = jnp.pad(inputs_BNT[..., 1:], ((0, 0), (0, 0), (0, 1)))
  lengths_BN = jnp.where(finished.scores_BW > -jnp.inf, finished.lengths_BW, 0)
  left_BNT = lengths_BN[..., None] - jnp.arange(tokens_BWT.shape[-1])
  ids_BNT = jnp.where(
    left_BNT > 1, targets_BNT, jnp.where(left_BNT == 1, eos_id, pad_id)
  )
  return Hypotheses(ids_BNT, finished.scores_BW, finished.log_probs_BW)


def _flat(x_BWK):
  return x_BWK.reshape(x_BWK.shape[0], -1)


def _take(x_BC, index_BW):
  return jnp.take_along_axis(x_BC, index_BW, axis=1)


def _take_rows(x_BCT, index_BW):
  return jnp.take_along_axis(x_BCT, index_BW[..., None], axis=1)
