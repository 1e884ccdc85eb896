"""The whole model: embeddings, encoder, decoder, softmax (section 3)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from t2t_jax.config import ModelConfig
from t2t_jax.errors import UsageError
from t2t_jax.model.decoder import Decoder
from t2t_jax.model.dropout import Dropout
from t2t_jax.model.encoder import Encoder
from t2t_jax.model.modules import PAPER, Modules
from t2t_jax.model.positions import sinusoids
from t2t_jax.model.product import narrower, product


def shift_right(target_ids_BT, bos_id: int):
  """Returns decoder_input_ids_BT: the target behind a start symbol (3.1)."""
  return jnp.pad(
    target_ids_BT[:, :-1], ((0, 0), (1, 0)), constant_values=bos_id
  )


def padded_rows(vocab_size: int, multiple: int) -> int:
  """Rows of a table for `vocab_size` entries that meshes can divide."""
  return -(-vocab_size // multiple) * multiple


def build_transformer(
  config: ModelConfig, tokenizers, modules: Modules = PAPER
) -> 'Transformer':
  """Returns the module for `tokenizers`, of which it takes the sizes and the
  padding id; it holds no parameters."""
  return Transformer(
    config,
    source_vocab_size=tokenizers.source.vocab_size,
    target_vocab_size=tokenizers.target.vocab_size,
    pad_id=tokenizers.target.pad_id,
    modules=modules,
  )


class Transformer(nn.Module):
  """The encoder-decoder of Figure 1; parameters are arguments of `apply`.

  Either stack stands alone where the other has 0 layers: a bidirectional
  encoder with logits at each source position (decoder inputs are not read),
  or a causal language model (the source is not read; `encode` is not there).

  Attributes:
    config: sizes and variants.
    source_vocab_size, target_vocab_size: entries that tokens may take; the
      tables hold more rows, whose logits are never seen.
    pad_id: the token that fills rows; never attended to in the source.
    modules: the modules that the layers are made of.
  """

  config: ModelConfig
  source_vocab_size: int
  target_vocab_size: int
  pad_id: int
  modules: Modules = PAPER

  def setup(self):
    c = self.config
    self.target_embedding_VD = self._table(
      'target_embedding', self.target_vocab_size
    )
    if c.num_encoder_layers and not c.tie_source_target:
      self.source_embedding_VD = self._table(
        'source_embedding', self.source_vocab_size
      )
    if not c.tie_softmax:
      self.softmax_VD = self._table('softmax', self.target_vocab_size)
    if c.softmax_bias:
      self.softmax_bias_V = self.param(
        'softmax_bias',
        nn.with_logical_partitioning(nn.initializers.zeros, ('vocab',)),
        (padded_rows(self.target_vocab_size, c.vocab_row_multiple),),
        jnp.dtype(c.param_dtype),
      )
    if c.num_encoder_layers:
      self.encoder = Encoder(c, self.modules)
      if c.positions == 'learned':
        self.source_positions_TD = self._positions('source_positions')
    if c.num_decoder_layers:
      self.decoder = Decoder(c, self.modules)
      if c.positions == 'learned':
        self.target_positions_TD = self._positions('target_positions')
    self.embedding_dropout = Dropout(c.dropout_rate)

  def _table(self, name, size):
    c = self.config
    # N(0, 1/d_model): times sqrt(d_model) on input it has unit variance, and
    # logits of normalised states have it too.
    init = nn.with_logical_partitioning(
      nn.initializers.normal(c.d_model**-0.5), ('vocab', 'embed_table')
    )
    rows = padded_rows(size, c.vocab_row_multiple)
    return self.param(name, init, (rows, c.d_model), jnp.dtype(c.param_dtype))

  def _positions(self, name):
    c = self.config
    init = nn.with_logical_partitioning(
      nn.initializers.normal(0.02), (None, 'embed_table')
    )
    shape = (c.max_positions, c.d_model)
    return self.param(name, init, shape, jnp.dtype(c.param_dtype))

  def __call__(
    self, source_ids_BS, decoder_input_ids_BT, *, deterministic=True
  ):
    """Returns logits_BTV (float32) of each next target token."""
    decoded_BTD = self.features(
      source_ids_BS, decoder_input_ids_BT, deterministic=deterministic
    )[0]
    return self.logits(decoded_BTD)

  def features(
    self, source_ids_BS, decoder_input_ids_BT, *, deterministic=True
  ):
    """What the loss needs to make logits a chunk at a time.

    Returns:
      decoded_BTD, the softmax weights (rows, D) with their padding rows, and
      the bias (rows,) or None.
    """
    encoded_BSD = source_mask_BS = None
    if self.config.num_encoder_layers:
      encoded_BSD = self.encode(source_ids_BS, deterministic=deterministic)
      source_mask_BS = self.source_mask(source_ids_BS)
    if not self.config.num_decoder_layers:
      return encoded_BSD, *self._softmax_weights()
    decoded_BTD = self.decode(
      decoder_input_ids_BT,
      encoded_BSD,
      source_mask_BS,
      deterministic=deterministic,
    )
    return decoded_BTD, *self._softmax_weights()

  def source_mask(self, source_ids_BS):
    """Returns bool (B, S), True = a token."""
    return source_ids_BS != self.pad_id

  def encode(self, source_ids_BS, *, deterministic=True):
    """Returns encoded_BSD."""
    table_VD = (
      self.target_embedding_VD
      if self.config.tie_source_target
      else self.source_embedding_VD
    )
    x_BSD = self._embed(source_ids_BS, table_VD)
    x_BSD = self._add_positions(x_BSD, 'source', source_ids_BS.shape[1])
    x_BSD = self.embedding_dropout(x_BSD, deterministic=deterministic)
    return self.encoder(
      x_BSD, self.source_mask(source_ids_BS), deterministic=deterministic
    )

  def decode(
    self,
    decoder_input_ids_BT,
    encoded_BSD,
    source_mask_BS,
    *,
    deterministic=True,
  ):
    """Returns decoded_BTD, the decoder's output before the softmax."""
    x_BTD = self._embed(decoder_input_ids_BT, self.target_embedding_VD)
    x_BTD = self._add_positions(x_BTD, 'target', decoder_input_ids_BT.shape[1])
    x_BTD = self.embedding_dropout(x_BTD, deterministic=deterministic)
    return self.decoder(
      x_BTD, encoded_BSD, source_mask_BS, deterministic=deterministic
    )

  def logits(self, decoded):
    """Returns float32 logits (..., V) of decoder outputs (..., D)."""
    return self._logits(decoded, self._softmax_table())

  def _softmax_table(self):
    """The softmax weights (V, D) without padding rows, to compute with."""
    weights_VD, _ = self._softmax_weights()
    dtype = narrower(self.config.compute_dtype, weights_VD.dtype)
    return weights_VD[: self.target_vocab_size].astype(dtype)

  def _logits(self, decoded, table_VD):
    logits = product('...D,VD->...V', decoded, table_VD, jnp.float32)
    _, bias_V = self._softmax_weights()
    if bias_V is not None:
      logits += bias_V[: self.target_vocab_size].astype(jnp.float32)
    return logits

  def init_cache(
    self, encoded_BSD, source_mask_BS, *, beam_size: int, max_length: int
  ):
    """Returns the empty KV cache of a search: a pytree of arrays.

    {'source_mask_BS', 'softmax_VD', 'layers': [{'cross': {'keys_BHKS',
    'values_BHSU'}, 'self': {'keys_BHKX', 'values_BHXU'}}, ...]}, where
    X = max_length * beam_size.
    """
    return {
      'source_mask_BS': source_mask_BS,
      # Here, for in the loop of a search the table would be cut, which is to
      # say copied, at every step.
      'softmax_VD': self._softmax_table(),
      'layers': self.decoder.init_cache(
        source_mask_BS.shape[0], encoded_BSD, beam_size, max_length
      ),
    }

  def decode_step(self, token_ids_BW, position, ancestors_BWT, kv_cache):
    """Returns logits_BWV of the next tokens, and the cache one longer.

    Args:
      token_ids_BW: the newest token of each beam.
      position: int32 scalar, where these tokens stand (0: the start symbol).
      ancestors_BWT: int32, the beam slot that wrote position t of the history
        of beam w: w itself at `position`, not read beyond it. The cache is
        only ever appended to: beams that change place change their ancestors.
      kv_cache: as `init_cache` or the step before returned it.
    """
    x_BWD = self._embed(token_ids_BW, self.target_embedding_VD)
    table_TD = self._position_table('target', ancestors_BWT.shape[-1])
    if table_TD is not None:
      row_D = jax.lax.dynamic_index_in_dim(table_TD, position, keepdims=False)
      x_BWD += row_D.astype(x_BWD.dtype)
    x_BWD, layers = self.decoder.decode_step(
      x_BWD,
      kv_cache['layers'],
      kv_cache['source_mask_BS'],
      position,
      ancestors_BWT,
    )
    logits_BWV = self._logits(x_BWD, kv_cache['softmax_VD'])
    return logits_BWV, kv_cache | {'layers': layers}

  def _embed(self, ids_BT, table_VD):
    """Embeddings times sqrt(d_model) (section 3.4)."""
    dtype = jnp.dtype(self.config.compute_dtype)
    x_BTD = jnp.take(table_VD, ids_BT, axis=0).astype(dtype)
    x_BTD *= jnp.asarray(self.config.d_model**0.5, dtype)
    return nn.with_logical_constraint(
      x_BTD, ('act_batch', 'act_length', 'act_embed')
    )

  def _add_positions(self, x_BTD, side: str, length: int):
    table_TD = self._position_table(side, length)
    return x_BTD if table_TD is None else x_BTD + table_TD.astype(x_BTD.dtype)

  def _position_table(self, side: str, length: int):
    c = self.config
    if c.positions == 'relative':
      return None
    if c.positions == 'sinusoidal':
      if isinstance(length, int):
        return jnp.asarray(sinusoids(length, c.d_model))
      # A symbol: jax.export traces once for all lengths, up to this one.
      return jnp.asarray(sinusoids(2 * c.max_positions, c.d_model))[:length]
    if length > c.max_positions:
      raise UsageError(
        f'{side} of {length} tokens: learned positions end at '
        f'model.max_positions = {c.max_positions}'
      )
    if side == 'source':
      return self.source_positions_TD[:length]
    return self.target_positions_TD[:length]

  def _softmax_weights(self):
    c = self.config
    weights_VD = self.target_embedding_VD if c.tie_softmax else self.softmax_VD
    return weights_VD, self.softmax_bias_V if c.softmax_bias else None
