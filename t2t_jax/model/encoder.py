"""Encoder layer and stack (section 3.1)."""

import flax.linen as nn

from t2t_jax.config import ModelConfig
from t2t_jax.model.modules import PAPER, Modules
from t2t_jax.model.stack import rematerialised, run_layers
from t2t_jax.model.sublayers import Residual


class EncoderLayer(nn.Module):
  """Self-attention, feed-forward (section 3.1)."""

  config: ModelConfig
  modules: Modules = PAPER

  def setup(self):
    c, modules = self.config, self.modules
    self.self_attention = modules.attention(c, c.positions == 'relative')
    self.self_attention_residual = Residual(c, modules.norm)
    self.feed_forward = modules.feed_forward(c)
    self.feed_forward_residual = Residual(c, modules.norm)

  def __call__(self, x_BSD, source_mask_BS, _, deterministic):
    """Returns (B, S, D); `source_mask_BS` True = a token.

    The unnamed argument stands where a decoder's layer has one more.
    """

    def attend(x_BSD):
      return self.self_attention(
        x_BSD,
        x_BSD,
        key_mask_BS=source_mask_BS,
        is_causal=False,
        deterministic=deterministic,
      )

    def feed(x_BSD):
      return self.feed_forward(x_BSD, deterministic=deterministic)

    x_BSD = self.self_attention_residual(
      x_BSD, attend, deterministic=deterministic
    )
    return self.feed_forward_residual(x_BSD, feed, deterministic=deterministic)


class Encoder(nn.Module):
  """The stack of encoder layers; a final layer norm if norm_position='pre'."""

  config: ModelConfig
  modules: Modules = PAPER

  def setup(self):
    c = self.config
    layer = rematerialised(EncoderLayer, c)
    self.layers = [
      layer(c, self.modules, name=f'layer_{i}')
      for i in range(c.num_encoder_layers)
    ]
    if c.norm_position == 'pre':
      self.final_norm = self.modules.norm(c)

  def __call__(self, x_BSD, source_mask_BS, *, deterministic):
    x_BSD = run_layers(self, x_BSD, source_mask_BS, None, deterministic)
    return (
      self.final_norm(x_BSD) if self.config.norm_position == 'pre' else x_BSD
    )
