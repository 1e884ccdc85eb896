"""What every search returns, and the score that ranks it."""

from typing import Any, NamedTuple

import jax.numpy as jnp


class Hypotheses(NamedTuple):
  """The results of each sentence, best first (B sentence, N result)."""

  ids_BNT: Any  # int32: target tokens, EOS, then PAD
  scores_BN: Any  # float32, log P / length penalty; -inf: there is none
  log_probs_BN: Any  # float32, log P of all tokens with EOS


def length_penalty(length, alpha: float):
  """Returns ((5 + length) / 6)^alpha, float32 (Wu et al. 2016, equation 14).

  `length` counts target tokens with EOS. A score is log P / penalty.
  """
  return ((5.0 + jnp.asarray(length, jnp.float32)) / 6.0) ** alpha


def banned_ids(*, bos_id: int, eos_id: int, pad_id: int) -> tuple[int, ...]:
  """Returns the tokens that may not be generated: PAD and BOS.

  Where EOS starts the decoder too (a vocabulary without BOS), EOS stays.
  """
  return tuple({pad_id, bos_id} - {eos_id})
