"""Log-probabilities of given targets: one pass, no search.

Dimensions: B pair, S source position, T target position, V vocabulary.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from t2t_jax.decoding.search.hypotheses import length_penalty
from t2t_jax.model.transformer import Transformer, shift_right

# About how many positions have their logits in memory at a time.
_CHUNK = 512


class ForcedTargets(NamedTuple):
  """What a model says of given targets."""

  log_probs_BT: Any  # float32; beyond a target's end they mean nothing
  penalties_B: Any  # float32; a score is log P / penalty


def force_targets(
  model: Transformer,
  params: Any,
  source_ids_BS,
  target_ids_BT,
  lengths_B,
  *,
  length_penalty_alpha: float,
  bos_id: int,
) -> ForcedTargets:
  """Returns log P of each target token given those before it; to be jitted.

  Probabilities are the model's own, over its whole vocabulary, as the
  search's are. Logits are made a chunk of positions at a time: B x T x V of
  them never exist together.

  Args:
    model, params: the model.
    source_ids_BS, target_ids_BT: tokens, EOS, PAD.
    lengths_B: target tokens with EOS.
    length_penalty_alpha: 0 or more; 0: the penalty is 1.
    bos_id: of the target vocabulary.
  """
  decoded_BTD, *_ = model.apply(
    {'params': params},
    source_ids_BS,
    shift_right(target_ids_BT, bos_id),
    method='features',
  )

  def of_position(decoded_BD, target_ids_B):
    logits_BV = model.apply({'params': params}, decoded_BD, method='logits')
    chosen_B = jnp.take_along_axis(logits_BV, target_ids_B[:, None], axis=1)
    # Rounding must not lift a probability above 1; the search cuts it too.
    total_B = jax.nn.logsumexp(logits_BV, axis=-1)
    return jnp.minimum(chosen_B[:, 0] - total_B, 0.0)

  # Along T, for B is what a mesh splits.
  log_probs_TB = jax.lax.map(
    lambda position: of_position(*position),
    (jnp.moveaxis(decoded_BTD, 1, 0), target_ids_BT.T),
    batch_size=max(1, _CHUNK // target_ids_BT.shape[0]),
  )
  return ForcedTargets(
    log_probs_TB.T, length_penalty(lengths_B, length_penalty_alpha)
  )
