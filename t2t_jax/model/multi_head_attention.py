"""Multi-head attention (section 3.2.2), whole rows and cached single steps."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from t2t_jax.config import ModelConfig
from t2t_jax.model.attention import (
  attention_logits,
  attention_weights,
  dot_product_attention,
  fused_attention,
  make_mask,
)
from t2t_jax.model.dropout import Dropout
from t2t_jax.model.positions import relative_index
from t2t_jax.model.product import product


class MultiHeadAttention(nn.Module):
  """Concat(head_1, ..., head_h) W_O (section 3.2.2).

  Attributes:
    config: sizes, rates and dtypes.
    relative: adds relative position embeddings to keys and values (Shaw et
      al. 2018), which only self-attention has; one table a layer, shared by
      its heads (their section 3.3).
  """

  config: ModelConfig
  relative: bool = False

  def setup(self):
    c = self.config
    self.query_DHK = self._projection('query', c.d_k)
    self.key_DHK = self._projection('key', c.d_k)
    self.value_DHU = self._projection('value', c.d_v)
    self.out_HUD = self.param(
      'out',
      nn.with_logical_partitioning(
        nn.initializers.xavier_uniform(in_axis=(0, 1), out_axis=2),
        ('heads', 'kv', 'embed'),
      ),
      (c.num_heads, c.d_v, c.d_model),
      jnp.dtype(c.param_dtype),
    )
    if c.attention_bias:
      self.query_bias_HK = self._bias('query_bias', c.d_k)
      self.key_bias_HK = self._bias('key_bias', c.d_k)
      self.value_bias_HU = self._bias('value_bias', c.d_v)
      self.out_bias_D = self.param(
        'out_bias',
        nn.with_logical_partitioning(nn.initializers.zeros, ('norm',)),
        (c.d_model,),
        jnp.dtype(c.param_dtype),
      )
    if self.relative:
      self.relative_keys = self._relative('relative_keys', c.d_k)
      self.relative_values = self._relative('relative_values', c.d_v)
    self.weights_dropout = Dropout(c.attention_dropout_rate)

  def _projection(self, name, width):
    c = self.config
    # Xavier with gain 1/sqrt(2), about what one matrix for queries, keys and
    # values together would get: attention begins softer.
    init = nn.initializers.variance_scaling(
      0.5, 'fan_avg', 'uniform', in_axis=0, out_axis=(1, 2)
    )
    return self.param(
      name,
      nn.with_logical_partitioning(
        init,
        ('embed', 'heads', 'kv'),
      ),
      (c.d_model, c.num_heads, width),
      jnp.dtype(c.param_dtype),
    )

  def _bias(self, name, width):
    c = self.config
    return self.param(
      name,
      nn.with_logical_partitioning(nn.initializers.zeros, ('heads', 'kv')),
      (c.num_heads, width),
      jnp.dtype(c.param_dtype),
    )

  def _relative(self, name, width):
    c = self.config
    return self.param(
      name,
      nn.with_logical_partitioning(
        nn.initializers.xavier_uniform(), (None, 'kv')
      ),
      (2 * c.max_relative_distance + 1, width),
      jnp.dtype(c.param_dtype),
    )

  def queries(self, x_BTD):
    """Returns q_BTHK."""
    q_BTHK = product('BTD,DHK->BTHK', x_BTD, self.query_DHK)
    if self.config.attention_bias:
      q_BTHK += self.query_bias_HK.astype(q_BTHK.dtype)
    return q_BTHK

  def keys_values(self, x_BSD):
    """Returns k_BSHK, v_BSHU."""
    k_BSHK = product('BSD,DHK->BSHK', x_BSD, self.key_DHK)
    v_BSHU = product('BSD,DHU->BSHU', x_BSD, self.value_DHU)
    if self.config.attention_bias:
      k_BSHK += self.key_bias_HK.astype(k_BSHK.dtype)
      v_BSHU += self.value_bias_HU.astype(v_BSHU.dtype)
    return k_BSHK, v_BSHU

  def output(self, heads_BTHU):
    """Returns (B, T, D): the heads through W_O."""
    y_BTD = product('BTHU,HUD->BTD', heads_BTHU, self.out_HUD)
    if self.config.attention_bias:
      y_BTD += self.out_bias_D.astype(y_BTD.dtype)
    return y_BTD

  def __call__(
    self, x_BTD, other_BSD, *, key_mask_BS, is_causal, deterministic
  ):
    """Attends from `x_BTD` to `other_BSD` (itself in self-attention).

    Args:
      x_BTD: what asks.
      other_BSD: what is asked.
      key_mask_BS: bool, True = a token of `other_BSD`; None: all are.
      is_causal: position t sees only positions up to t.
      deterministic: no dropout.

    Returns:
      (B, T, D). Where the collection `intermediates` is mutable, weights_BHTS
      (float32, without dropout) is left there.
    """
    c = self.config
    q_BTHK = self.queries(x_BTD)
    k_BSHK, v_BSHU = self.keys_values(other_BSD)
    axes = ('act_batch', 'act_length', 'act_heads', 'act_kv')
    q_BTHK = nn.with_logical_constraint(q_BTHK, axes)
    k_BSHK = nn.with_logical_constraint(k_BSHK, axes)
    v_BSHU = nn.with_logical_constraint(v_BSHU, axes)
    drops = c.attention_dropout_rate > 0 and not deterministic
    # A fused kernel never has the weights in one piece.
    shows_weights = self.is_mutable_collection('intermediates')
    if self.relative or drops or c.d_k != c.d_v or shows_weights:
      heads_BTHU = self._attend(
        q_BTHK, k_BSHK, v_BSHU, key_mask_BS, is_causal, deterministic
      )
    # Parameters are made, and planned with, where there is no such kernel.
    elif c.attention_impl in ('auto', 'reference') or self.is_initializing():
      mask = make_mask(q_BTHK.shape[1], key_mask_BS, is_causal)
      heads_BTHU = dot_product_attention(q_BTHK, k_BSHK, v_BSHU, mask)
    else:
      heads_BTHU = fused_attention(
        q_BTHK, k_BSHK, v_BSHU, key_mask_BS, is_causal, c.attention_impl
      )
    return self.output(heads_BTHU)

  def _attend(
    self, q_BTHK, k_BSHK, v_BSHU, key_mask_BS, is_causal, deterministic
  ):
    """The equation with what no fused kernel takes: relative positions
    (Shaw et al. 2018, equations 3 and 4), dropout, d_k apart from d_v."""
    q_BTHK = q_BTHK * q_BTHK.shape[-1] ** -0.5
    logits_BHTS = attention_logits(q_BTHK, k_BSHK)
    if self.relative:
      rows_TS = relative_index(
        jnp.arange(q_BTHK.shape[1])[:, None],
        jnp.arange(k_BSHK.shape[1])[None, :],
        self.config.max_relative_distance,
      )
      keys_TSK = self.relative_keys[rows_TS].astype(q_BTHK.dtype)
      logits_BHTS += jnp.einsum(
        'BTHK,TSK->BHTS',
        q_BTHK,
        keys_TSK,
        preferred_element_type=jnp.float32,
      )
    mask = make_mask(q_BTHK.shape[1], key_mask_BS, is_causal)
    weights_BHTS = attention_weights(logits_BHTS, mask)
    # Does nothing, and costs nothing, unless the collection is mutable.
    self.sow('intermediates', 'weights_BHTS', weights_BHTS)
    weights_BHTS = self.weights_dropout(
      weights_BHTS.astype(v_BSHU.dtype), deterministic=deterministic
    )
    heads_BTHU = jnp.einsum('BHTS,BSHU->BTHU', weights_BHTS, v_BSHU)
    if self.relative:
      values_TSU = self.relative_values[rows_TS].astype(v_BSHU.dtype)
      heads_BTHU += jnp.einsum('BHTS,TSU->BTHU', weights_BHTS, values_TSU)
    return heads_BTHU

  def source_cache(self, encoded_BSD):
    """Returns {'keys_BHKS', 'values_BHSU'}, as `decode_cross` reads them."""
    k_BSHK, v_BSHU = self.keys_values(encoded_BSD)
    return {
      'keys_BHKS': jnp.moveaxis(k_BSHK, 1, 3),
      'values_BHSU': jnp.moveaxis(v_BSHU, 1, 2),
    }

  def empty_cache(self, batch: int, beam_size: int, max_length: int):
    """Returns {'keys_BHKX', 'values_BHXU'} for `decode_self`: zeros.

    X is a position and the beam slot that wrote it: position * W + slot. The
    cache lies as a step's products read it; in any other order, or with X in
    two axes, each step would make copies of all of it, or take three times as
    long for the logits.
    """
    c = self.config
    dtype = jnp.dtype(c.compute_dtype)
    shape_BH, written = (batch, c.num_heads), max_length * beam_size
    return {
      'keys_BHKX': jnp.zeros((*shape_BH, c.d_k, written), dtype),
      'values_BHXU': jnp.zeros((*shape_BH, written, c.d_v), dtype),
    }

  def decode_cross(self, x_BWD, cache, source_mask_BS):
    """One step of encoder-decoder attention for W beams of each sentence.

    The beams stand where training has positions, so that a sentence's keys
    and values are neither copied nor gathered for each beam.
    """
    logits_BHWS = jnp.einsum(
      'BHWK,BHKS->BHWS',
      self._step_queries(x_BWD),
      cache['keys_BHKS'],
      preferred_element_type=jnp.float32,
    )
    mask_B11S = source_mask_BS[:, None, None, :]
    weights_BHWS = attention_weights(logits_BHWS, mask_B11S).astype(x_BWD.dtype)
    heads_BHWU = jnp.einsum(
      'BHWS,BHSU->BHWU', weights_BHWS, cache['values_BHSU']
    )
    return self.output(jnp.moveaxis(heads_BHWU, 1, 2))

  def decode_self(self, x_BWD, cache, position, ancestors_BWT):
    """One step of decoder self-attention on an append-only cache.

    Args:
      x_BWD: the new position of each beam.
      cache: {'keys_BHKX', 'values_BHXU'}, as `empty_cache` tells.
      position: int32 scalar, where the new tokens stand.
      ancestors_BWT: int32, the slot that wrote position t of beam w; w itself
        at `position`.

    Returns:
      (B, W, D) and the cache with the new keys and values.
    """
    batch, width, length = ancestors_BWT.shape
    q_BHWK = self._step_queries(x_BWD)
    k_BWHK, v_BWHU = self.keys_values(x_BWD)
    keys_BHKX = jax.lax.dynamic_update_slice_in_dim(
      cache['keys_BHKX'], jnp.moveaxis(k_BWHK, 1, 3), position * width, axis=3
    )
    values_BHXU = jax.lax.dynamic_update_slice_in_dim(
      cache['values_BHXU'], jnp.moveaxis(v_BWHU, 1, 2), position * width, axis=2
    )
    # Each beam sees its own past: of each position the slot that wrote it.
    past_T1 = (jnp.arange(length) <= position)[:, None]
    mine_BWTW = ancestors_BWT[..., None] == jnp.arange(width)
    mask_BWX = (mine_BWTW & past_T1).reshape(batch, width, -1)
    logits_BHWX = jnp.einsum(
      'BHWK,BHKX->BHWX', q_BHWK, keys_BHKX, preferred_element_type=jnp.float32
    )
    if self.relative:
      rows_T = relative_index(
        position, jnp.arange(length), self.config.max_relative_distance
      )
      keys_TK = self.relative_keys[rows_T].astype(q_BHWK.dtype)
      logits_BHWT = jnp.einsum(
        'BHWK,TK->BHWT', q_BHWK, keys_TK, preferred_element_type=jnp.float32
      )
      logits_BHWX += jnp.repeat(logits_BHWT, width, axis=-1)
    weights_BHWX = attention_weights(logits_BHWX, mask_BWX[:, None])
    weights_BHWX = weights_BHWX.astype(x_BWD.dtype)
    heads_BHWU = jnp.einsum('BHWX,BHXU->BHWU', weights_BHWX, values_BHXU)
    if self.relative:
      values_TU = self.relative_values[rows_T].astype(x_BWD.dtype)
      values_XU = jnp.repeat(values_TU, width, axis=0)
      heads_BHWU += jnp.einsum('BHWX,XU->BHWU', weights_BHWX, values_XU)
    cache = {'keys_BHKX': keys_BHKX, 'values_BHXU': values_BHXU}
    return self.output(jnp.moveaxis(heads_BHWU, 1, 2)), cache

  def _step_queries(self, x_BWD):
    """Returns the scaled queries of one position, q_BHWK."""
    return jnp.moveaxis(self.queries(x_BWD), 2, 1) * self.config.d_k**-0.5
