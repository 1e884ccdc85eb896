"""Candidates and live hypotheses of a search with lexical constraints.

Dimensions as in beams.py; C is a phrase in names of phrases.py, a candidate
in names of beams.py: here phrases are `...BXC`, candidates `...BC`.
"""

import jax.numpy as jnp

from t2t_jax.decoding.search.beams import (
  Candidates,
  Live,
  continue_live,
  slot_candidates,
  with_token,
)
from t2t_jax.decoding.search.phrases import Phrases, advance, needed, wanted_BXC


def phrase_candidates(
  phrases: Phrases, live: Live, logits_BWV, allowed_BWV, *, room_B, in_prefix_B,
  must_end_B, eos_id, banned,
) -> Candidates:  # fmt: skip
  """The best 2 W continuations of each slot, and all that phrases want.

  Those that could not meet all phrases any more are left out: EOS before
  they are met, and tokens behind which the room for them is too short.

  Args:
    phrases, live, logits_BWV, allowed_BWV: at this step.
    room_B: tokens that may follow the next one, without EOS.
    in_prefix_B: bool, the sentences whose next token is given.
    must_end_B, eos_id, banned: as for `slot_candidates`.
  """
  ids_BWK, log_probs_BWK = slot_candidates(
    logits_BWV,
    allowed_BWV,
    live.log_probs_BW,
    must_end_B=must_end_B,
    eos_id=eos_id,
    banned=banned,
  )
  wanted_BWC = wanted_BXC(phrases, live.progress_BWC)
  # A phrase may break a rule, for it must appear; but not a given prefix.
  source_BWV = jnp.where(in_prefix_B[:, None, None], allowed_BWV, logits_BWV)
  wanted_logits_BWC = jnp.take_along_axis(
    source_BWV, jnp.maximum(wanted_BWC, 0), axis=-1
  )
  wanted_log_probs_BWC = jnp.where(
    _is_new(wanted_BWC, ids_BWK, log_probs_BWK),
    with_token(live.log_probs_BW, wanted_logits_BWC, logits_BWV),
    -jnp.inf,
  )
  ids_BWK = jnp.concatenate([ids_BWK, wanted_BWC], axis=-1)
  log_probs_BWK = jnp.concatenate(
    [log_probs_BWK, wanted_log_probs_BWC], axis=-1
  )
  batch, beam_size, per_slot = ids_BWK.shape
  ids_BC = ids_BWK.reshape(batch, -1)
  slots_BC = jnp.broadcast_to(
    jnp.arange(beam_size * per_slot) // per_slot, ids_BC.shape
  )
  candidates = Candidates(ids_BC, log_probs_BWK.reshape(batch, -1), slots_BC)
  _, need_BC = _continued(phrases, live, candidates)
  is_eos_BC = ids_BC == eos_id
  fits_BC = jnp.where(is_eos_BC, need_BC == 0, need_BC <= room_B[:, None])
  return candidates._replace(
    log_probs_BC=jnp.where(fits_BC, candidates.log_probs_BC, -jnp.inf)
  )


def keep_live_by_need(
  phrases: Phrases, live: Live, candidates: Candidates, eos_id: int
) -> Live:
  """The candidates that stay live: the best of each need, then the seconds.

  Without this the hypotheses that have met a phrase, which costs probability,
  would all lose to those that have not.
  """
  progress_BCC, need_BC = _continued(phrases, live, candidates)
  log_probs_BC = jnp.where(
    candidates.ids_BC == eos_id, -jnp.inf, candidates.log_probs_BC
  )
  same_BCC = need_BC[:, :, None] == need_BC[:, None, :]
  index_C = jnp.arange(log_probs_BC.shape[1])
  better_BCC = (log_probs_BC[:, None, :] > log_probs_BC[:, :, None]) | (
    (log_probs_BC[:, None, :] == log_probs_BC[:, :, None])
    & (index_C[None, :] < index_C[:, None])
  )
  rank_BC = (same_BCC & better_BCC).sum(axis=-1)
  rank_BC = jnp.where(log_probs_BC > -jnp.inf, rank_BC, len(index_C))
  best_BC = jnp.lexsort((-log_probs_BC, rank_BC), axis=-1)
  best_BW = best_BC[:, : live.ids_BW.shape[1]]
  log_probs_BW = jnp.take_along_axis(log_probs_BC, best_BW, axis=1)
  progress_BWC = jnp.take_along_axis(progress_BCC, best_BW[..., None], axis=1)
  return continue_live(live, candidates, best_BW, log_probs_BW)._replace(
    progress_BWC=progress_BWC
  )


def _continued(phrases: Phrases, live: Live, candidates: Candidates):
  """The progress through each phrase, and the need, of each candidate."""
  before = jnp.take_along_axis(
    live.progress_BWC, candidates.slots_BC[..., None], axis=1
  )
  after = advance(phrases, before, candidates.ids_BC)
  return after, needed(phrases, after)


def _is_new(wanted_BWC, ids_BWK, log_probs_BWK):
  """Bool (B, W, C): a wanted token that no other candidate has already."""
  is_there_BWCK = (wanted_BWC[..., None] == ids_BWK[:, :, None]) & (
    log_probs_BWK[:, :, None] > -jnp.inf
  )
  count = wanted_BWC.shape[-1]
  earlier_CC = jnp.tril(jnp.ones((count, count), bool), -1)
  is_twice_BWCC = (
    wanted_BWC[..., :, None] == wanted_BWC[..., None, :]
  ) & earlier_CC
  return (
    (wanted_BWC >= 0)
    & ~is_there_BWCK.any(axis=-1)
    & ~is_twice_BWCC.any(axis=-1)
  )
