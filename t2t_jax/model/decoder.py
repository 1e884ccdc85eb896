"""Decoder layer and stack (section 3.1), and their cached single steps."""

import flax.linen as nn

from t2t_jax.config import ModelConfig
from t2t_jax.model.modules import PAPER, Modules
from t2t_jax.model.stack import rematerialised, run_layers
from t2t_jax.model.sublayers import Residual


class DecoderLayer(nn.Module):
  """Self-attention, encoder-decoder attention, feed-forward (section 3.1).

  Without an encoder (num_encoder_layers = 0) there is no encoder-decoder
  attention: the stack is a causal language model.
  """

  config: ModelConfig
  modules: Modules = PAPER

  def setup(self):
    c, modules = self.config, self.modules
    self.self_attention = modules.attention(c, c.positions == 'relative')
    self.self_attention_residual = Residual(c, modules.norm)
    if c.num_encoder_layers:
      self.cross_attention = modules.attention(c)
      self.cross_attention_residual = Residual(c, modules.norm)
    self.feed_forward = modules.feed_forward(c)
    self.feed_forward_residual = Residual(c, modules.norm)

  def __call__(self, x_BTD, encoded_BSD, source_mask_BS, deterministic):
    """Returns (B, T, D).

    No padding mask on the target: padding stands behind the tokens, where
    the causal mask hides it from them already.
    """

    def attend_self(x_BTD):
      return self.self_attention(
        x_BTD,
        x_BTD,
        key_mask_BS=None,
        is_causal=True,
        deterministic=deterministic,
      )

    def attend_source(x_BTD):
      return self.cross_attention(
        x_BTD,
        encoded_BSD,
        key_mask_BS=source_mask_BS,
        is_causal=False,
        deterministic=deterministic,
      )

    return self._chain(x_BTD, attend_self, attend_source, deterministic)

  def _chain(self, x_BTD, attend_self, attend_source, deterministic):
    def feed(x_BTD):
      return self.feed_forward(x_BTD, deterministic=deterministic)

    chain = [(self.self_attention_residual, attend_self)]
    if self.config.num_encoder_layers:
      chain.append((self.cross_attention_residual, attend_source))
    chain.append((self.feed_forward_residual, feed))
    for residual, sublayer in chain:
      x_BTD = residual(x_BTD, sublayer, deterministic=deterministic)
    return x_BTD

  def init_cache(self, batch, encoded_BSD, beam_size: int, max_length: int):
    """Returns this layer's cache: source keys and values, empty target ones."""
    cache = {
      'self': self.self_attention.empty_cache(batch, beam_size, max_length)
    }
    if self.config.num_encoder_layers:
      cache['cross'] = self.cross_attention.source_cache(encoded_BSD)
    return cache

  def decode_step(self, x_BWD, cache, source_mask_BS, position, ancestors_BWT):
    """One new position of W beams: (B, W, D) and the layer's new cache."""
    self_cache = cache['self']

    def attend_self(x_BWD):
      nonlocal self_cache
      y_BWD, self_cache = self.self_attention.decode_self(
        x_BWD, self_cache, position, ancestors_BWT
      )
      return y_BWD

    def attend_source(x_BWD):
      return self.cross_attention.decode_cross(
        x_BWD, cache['cross'], source_mask_BS
      )

    x_BWD = self._chain(x_BWD, attend_self, attend_source, True)
    return x_BWD, cache | {'self': self_cache}


class Decoder(nn.Module):
  """The stack of decoder layers; a final layer norm if norm_position='pre'."""

  config: ModelConfig
  modules: Modules = PAPER

  def setup(self):
    c = self.config
    layer = rematerialised(DecoderLayer, c)
    self.layers = [
      layer(c, self.modules, name=f'layer_{i}')
      for i in range(c.num_decoder_layers)
    ]
    if c.norm_position == 'pre':
      self.final_norm = self.modules.norm(c)

  def __call__(self, x_BTD, encoded_BSD, source_mask_BS, *, deterministic):
    x_BTD = run_layers(self, x_BTD, encoded_BSD, source_mask_BS, deterministic)
    return self._finish(x_BTD)

  def init_cache(self, batch, encoded_BSD, beam_size: int, max_length: int):
    """Returns each layer's cache."""
    return [
      layer.init_cache(batch, encoded_BSD, beam_size, max_length)
      for layer in self.layers
    ]

  def decode_step(self, x_BWD, caches, source_mask_BS, position, ancestors_BWT):
    """One new position of W beams through all layers: (B, W, D), new caches."""
    new_caches = []
    for layer, cache in zip(self.layers, caches, strict=True):
      x_BWD, cache = layer.decode_step(
        x_BWD, cache, source_mask_BS, position, ancestors_BWT
      )
      new_caches.append(cache)
    return self._finish(x_BWD), new_caches

  def _finish(self, x_BTD):
    return (
      self.final_norm(x_BTD) if self.config.norm_position == 'pre' else x_BTD
    )
