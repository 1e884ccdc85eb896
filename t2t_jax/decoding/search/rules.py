"""What a search may generate, beyond what the model finds probable.

Dimensions as in beam_search.py; P: position of a prefix.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Rules:
  """What hypotheses must obey.

  They are left out after normalisation: the probability of what is generated
  stays the model's own. Where rules contradict, the longest length comes
  first, then the prefix.

  Attributes:
    min_length: fewest tokens before EOS.
    no_repeat_ngram: no n-gram of this size twice in a hypothesis; 0: any.
    prefix_ids_BP: the tokens each target begins with, then PAD; None: none.
  """

  min_length: int = 0
  no_repeat_ngram: int = 0
  prefix_ids_BP: Any = None

  def with_prefix(self, prefix_ids_BP) -> 'Rules':
    """Returns these rules with other prefixes."""
    return dataclasses.replace(self, prefix_ids_BP=prefix_ids_BP)

  def restrict(
    self, logits_BWV, position, tokens_BWT, ancestors_BWT, *, eos_id, pad_id
  ):
    """Returns the logits with -inf for what may not come after `position`.

    Args:
      logits_BWV: the model's.
      position: int32 scalar, where the newest input stands (0: BOS).
      tokens_BWT: the inputs so far, by slot; BOS first.
      ancestors_BWT: the slot that wrote position t of each hypothesis.
      eos_id, pad_id: of the target vocabulary.
    """
    allowed_BWV = logits_BWV
    is_eos_V = jnp.arange(logits_BWV.shape[-1]) == eos_id
    if self.min_length:
      too_short = position < self.min_length
      allowed_BWV = jnp.where(is_eos_V & too_short, -jnp.inf, allowed_BWV)
    if self.no_repeat_ngram:
      history_BWT = jnp.take_along_axis(tokens_BWT, ancestors_BWT, axis=1)
      repeats_BWV = repeated(
        history_BWT, position, self.no_repeat_ngram, logits_BWV.shape[-1]
      )
      allowed_BWV = jnp.where(repeats_BWV & ~is_eos_V, -jnp.inf, allowed_BWV)
    if self.prefix_ids_BP is not None:
      wanted_B11 = self._prefix_token_B(position, pad_id)[:, None, None]
      other_BWV = jnp.arange(logits_BWV.shape[-1]) != wanted_B11
      allowed_BWV = jnp.where(
        wanted_B11 == pad_id,
        allowed_BWV,
        jnp.where(other_BWV, -jnp.inf, logits_BWV),
      )
    return allowed_BWV

  def in_prefix_B(self, position, batch_size: int, pad_id: int):
    """Returns bool: the sentences whose token after `position` is given."""
    if self.prefix_ids_BP is None:
      return jnp.zeros((batch_size,), bool)
    return self._prefix_token_B(position, pad_id) != pad_id

  def _prefix_token_B(self, position, pad_id: int):
    """The token that must come after `position`; PAD: any may."""
    length = self.prefix_ids_BP.shape[1]
    token_B = self.prefix_ids_BP[:, jnp.minimum(position, length - 1)]
    return jnp.where(position < length, token_B, pad_id)


NO_RULES = Rules()


def repeated(history_BWT, position, size: int, vocab_size: int):
  """Returns bool (B, W, V): the tokens that would repeat an n-gram.

  Args:
    history_BWT: inputs up to `position`, BOS first, anything behind.
    position: int32 scalar.
    size: of the n-grams, at least 1.
    vocab_size: V.
  """
  start_T = jnp.arange(history_BWT.shape[-1])
  # An n-gram that starts at t ends at t + size - 1; BOS is not part of one.
  same_BWT = (start_T >= 1) & (start_T + size - 1 <= position)
  for offset in range(size - 1):
    newest = jnp.maximum(position - size + 2 + offset, 0)
    newest_BW1 = history_BWT[:, :, newest][..., None]
    same_BWT &= jnp.roll(history_BWT, -offset, axis=-1) == newest_BW1
  last_BWT = jnp.roll(history_BWT, 1 - size, axis=-1)
  b, w = jnp.ogrid[: history_BWT.shape[0], : history_BWT.shape[1]]
  none_BWV = jnp.zeros((*history_BWT.shape[:2], vocab_size), bool)
  return none_BWV.at[b[..., None], w[..., None], last_BWT].max(same_BWT)
