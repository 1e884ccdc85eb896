"""Scaled dot-product attention (section 3.2.1), equation and kernels."""

import jax
import jax.numpy as jnp

from t2t_jax.errors import UsageError

# In place of minus infinity: a row with every key masked then has equal
# logits, so it yields the mean of the values and not NaN (as jax.nn does).
MASKED = float(jnp.finfo(jnp.float32).min) * 0.7


def attention_logits(q_BTHK, k_BSHK):
  """Q K^T, summed and returned in float32 whatever the compute dtype."""
  return jnp.einsum(
    'BTHK,BSHK->BHTS', q_BTHK, k_BSHK, preferred_element_type=jnp.float32
  )


def attention_weights(logits, mask):
  """Softmax over the last axis; `mask` True = may attend, None: all may."""
  if mask is not None:
    logits = jnp.where(mask, logits, MASKED)
  return jax.nn.softmax(logits, axis=-1)


def dot_product_attention(q_BTHK, k_BSHK, v_BSHU, mask=None):
  """softmax(Q K^T / sqrt(d_k)) V, equation 1: the reference.

  Args:
    q_BTHK, k_BSHK, v_BSHU: queries, keys and values.
    mask: bool, broadcast to (B, H, T, S); True = may attend.

  Returns:
    (B, T, H, U) in the dtype of the values.
  """
  scale = q_BTHK.shape[-1] ** -0.5
  logits_BHTS = attention_logits(q_BTHK * scale, k_BSHK)
  weights_BHTS = attention_weights(logits_BHTS, mask).astype(v_BSHU.dtype)
  return jnp.einsum('BHTS,BSHU->BTHU', weights_BHTS, v_BSHU)


def make_mask(length: int, key_mask_BS, is_causal: bool):
  """Returns a bool mask that broadcasts to (B, H, T, S); None: all may attend.

  `length` is T, and S as well where `is_causal`.
  """
  mask = None
  if key_mask_BS is not None:
    mask = key_mask_BS[:, None, None, :]
  if is_causal:
    causal_TS = jnp.tril(jnp.ones((length, length), bool))
    mask = causal_TS if mask is None else mask & causal_TS
  return mask


def fused_attention(q_BTHK, k_BSHK, v_BSHU, key_mask_BS, is_causal, impl):
  """The platform's kernel for `dot_product_attention`, by jax.nn.

  cuDNN takes lengths in place of a mask, so there the padding must stand
  behind the tokens; a row without any token attends to its first padding.
  """
  if impl == 'cudnn':
    if q_BTHK.dtype != jnp.bfloat16:
      raise UsageError(
        "config.model.attention_impl: 'cudnn' needs compute_dtype = bfloat16, "
        f"found {q_BTHK.dtype}; use 'xla'"
      )
    lengths = {}
    if key_mask_BS is not None:
      # At least 1: over no key at all the backward pass may divide by zero.
      keys_B = jnp.maximum(key_mask_BS.sum(axis=-1, dtype=jnp.int32), 1)
      lengths = {
        'key_value_seq_lengths': keys_B,
        # Left out, jax.nn makes them without the axis of copies.
        'query_seq_lengths': 0 * keys_B + q_BTHK.shape[1],
      }
    return jax.nn.dot_product_attention(
      q_BTHK,
      k_BSHK,
      v_BSHU,
      is_causal=is_causal,
      implementation='cudnn',
      **lengths,
    )
  mask = None if key_mask_BS is None else key_mask_BS[:, None, None, :]
  return jax.nn.dot_product_attention(
    q_BTHK, k_BSHK, v_BSHU, mask=mask, is_causal=is_causal, implementation='xla'
  )
