"""The beams of a search and what a step does with them.

Dimensions as in beam_search.py: B sentence, W beam slot, T target position,
V vocabulary, N result, C candidate, K candidate of one slot.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from t2t_jax.decoding.search.hypotheses import Hypotheses, length_penalty
from t2t_jax.decoding.search.two_stage_top_k import (
  block_length,
  two_stage_top_k,
)


class Live(NamedTuple):
  """Hypotheses that may grow, best first; log P = -inf marks an empty slot."""

  ids_BW: Any  # the newest token, not yet in the cache
  log_probs_BW: Any
  ancestors_BWT: Any
  progress_BWC: Any = None  # through lexical constraints (phrases.py)


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


def start_beams(max_lengths_B, beam_size: int, length: int, bos_id: int):
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


def slot_candidates(
  logits_BWV, allowed_BWV, log_probs_BW, *, must_end_B, eos_id, banned
):
  """The best 2 W continuations of each slot; EOS alone where one must end.

  Args:
    logits_BWV: the model's, which probabilities come from.
    allowed_BWV: the same, or -inf for what may not come.
    log_probs_BW: of the live hypotheses.
    must_end_B: bool, the sentences whose longest length is reached.
    eos_id, banned: tokens; banned ones may not come.

  Returns:
    ids_BWK, and log_probs_BWK of the hypotheses with them.
  """
  beam_size, vocab_size = logits_BWV.shape[1:]
  # Logits do for the choice within a slot: log-probabilities of the whole
  # vocabulary are never written down.
  per_slot = min(2 * beam_size + len(banned), vocab_size)
  logits_BWK, ids_BWK = two_stage_top_k(allowed_BWV, per_slot)
  for banned_id in banned:
    logits_BWK = jnp.where(ids_BWK == banned_id, -jnp.inf, logits_BWK)
  only_eos_BWK = jnp.where(
    jnp.arange(per_slot) == 0, logits_BWV[..., eos_id, None], -jnp.inf
  )
  must_end_B11 = must_end_B[:, None, None]
  logits_BWK = jnp.where(must_end_B11, only_eos_BWK, logits_BWK)
  ids_BWK = jnp.where(must_end_B11, eos_id, ids_BWK)
  return ids_BWK, with_token(log_probs_BW, logits_BWK, logits_BWV)


def with_token(log_probs_BW, logits_BWK, logits_BWV):
  """Returns log P (B, W, K) of hypotheses with one token more."""
  total_BW1 = jax.nn.logsumexp(logits_BWV, axis=-1, keepdims=True)
  return _log_probs(log_probs_BW[..., None], logits_BWK, total_BW1)


def _log_probs(before, logits, total):
  """log P with a token more, whose log-probability is logits - total."""
  # Rounding must not lift a probability above 1: the early stop relies on it.
  return before + jnp.minimum(logits - total, 0.0)


def best_candidates(
  logits_BWV, allowed_BWV, log_probs_BW, *, must_end_B, eos_id, banned
) -> Candidates:
  """The best 2 W continuations of all slots, as `slot_candidates` takes them.

  Of all slots together, so that few are sorted, and those of blocks of the
  vocabulary: the blocks whose best entries are the best hold the best entries.
  """
  batch, beam_size, vocab_size = logits_BWV.shape
  wanted = min(2 * beam_size, beam_size * vocab_size)
  # A banned token may be what lifts a block above others.
  some = wanted + beam_size * len(banned)
  block = block_length(vocab_size, some // beam_size) or 1
  total_BW = jax.nn.logsumexp(logits_BWV, axis=-1)
  # N blocks of a slot, X of all slots, K of those that are looked into.
  allowed_BWNI = allowed_BWV.reshape(batch, beam_size, -1, block)
  blocks = allowed_BWNI.shape[2]
  best_BWN = _log_probs(
    log_probs_BW[..., None], allowed_BWNI.max(axis=-1), total_BW[..., None]
  )
  _, blocks_BK = jax.lax.top_k(_flat(best_BWN), min(some, beam_size * blocks))
  # In rising order, so that of equal entries the first comes first.
  blocks_BK = jnp.sort(blocks_BK, axis=-1)
  slots_BK = blocks_BK // blocks
  ids_BKI = (blocks_BK % blocks * block)[..., None] + jnp.arange(block)
  log_probs_BKI = _log_probs(
    _take(log_probs_BW, slots_BK)[..., None],
    _take_rows(allowed_BWNI.reshape(batch, -1, block), blocks_BK),
    _take(total_BW, slots_BK)[..., None],
  )
  for banned_id in banned:
    log_probs_BKI = jnp.where(ids_BKI == banned_id, -jnp.inf, log_probs_BKI)
  log_probs_BC, order_BC = jax.lax.top_k(_flat(log_probs_BKI), wanted)
  found = Candidates(
    ids_BC=_take(_flat(ids_BKI), order_BC),
    log_probs_BC=log_probs_BC,
    slots_BC=_take(slots_BK, order_BC // block),
  )
  ends = _ends(logits_BWV[..., eos_id], log_probs_BW, total_BW, wanted, eos_id)
  return Candidates(
    *(
      jnp.where(must_end_B[:, None], end_BC, found_BC)
      for end_BC, found_BC in zip(ends, found, strict=True)
    )
  )


def _ends(
  logits_BW, log_probs_BW, total_BW, wanted: int, eos_id: int
) -> Candidates:
  """EOS behind every slot, at its logits; the rest of `wanted` are empty."""
  log_probs_BC, slots_BC = jax.lax.top_k(
    jnp.pad(
      _log_probs(log_probs_BW, logits_BW, total_BW),
      ((0, 0), (0, wanted - logits_BW.shape[1])),
      constant_values=-jnp.inf,
    ),
    wanted,
  )
  slots_BC = jnp.minimum(slots_BC, logits_BW.shape[1] - 1)
  return Candidates(jnp.full_like(slots_BC, eos_id), log_probs_BC, slots_BC)


def finish(
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


def keep_live(live: Live, candidates: Candidates, eos_id: int) -> Live:
  """The best candidates that do not end here."""
  log_probs_BW, best_BW = jax.lax.top_k(
    jnp.where(candidates.ids_BC == eos_id, -jnp.inf, candidates.log_probs_BC),
    live.ids_BW.shape[1],
  )
  return continue_live(live, candidates, best_BW, log_probs_BW)


def continue_live(
  live: Live, candidates: Candidates, best_BW, log_probs_BW
) -> Live:
  """The hypotheses that candidates `best_BW` are, of these probabilities."""
  return Live(
    ids_BW=_take(candidates.ids_BC, best_BW),
    log_probs_BW=log_probs_BW,
    ancestors_BWT=_take_rows(
      live.ancestors_BWT, _take(candidates.slots_BC, best_BW)
    ),
  )


def read_hypotheses(
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
