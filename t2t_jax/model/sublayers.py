"""Feed-forward sub-layer and residual connection (3.1 and 3.3)."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from t2t_jax.config import ModelConfig
from t2t_jax.model.dropout import Dropout
from t2t_jax.model.layer_norm import LayerNorm
from t2t_jax.model.product import product

ACTIVATIONS = {'relu': jax.nn.relu, 'gelu': jax.nn.gelu, 'swish': jax.nn.swish}


class FeedForward(nn.Module):
  """activation(x W_1 + b_1) W_2 + b_2 (section 3.3; ReLU in the paper)."""

  config: ModelConfig

  @nn.compact
  def __call__(self, x_BTD, *, deterministic):
    c, dtype = self.config, x_BTD.dtype
    in_DF = self._matrix('in', ('embed', 'mlp'), (c.d_model, c.d_ff))
    out_FD = self._matrix('out', ('mlp', 'embed'), (c.d_ff, c.d_model))
    in_bias_F = self._bias('in_bias', 'mlp', c.d_ff)
    out_bias_D = self._bias('out_bias', 'norm', c.d_model)
    h_BTF = product('BTD,DF->BTF', x_BTD, in_DF)
    h_BTF = ACTIVATIONS[c.activation](h_BTF + in_bias_F.astype(dtype))
    h_BTF = Dropout(c.activation_dropout_rate)(
      h_BTF, deterministic=deterministic
    )
    h_BTF = nn.with_logical_constraint(
      h_BTF, ('act_batch', 'act_length', 'act_mlp')
    )
    y_BTD = product('BTF,FD->BTD', h_BTF, out_FD)
    return y_BTD + out_bias_D.astype(dtype)

  def _matrix(self, name, axes, shape):
    init = nn.with_logical_partitioning(nn.initializers.xavier_uniform(), axes)
    return self.param(name, init, shape, jnp.dtype(self.config.param_dtype))

  def _bias(self, name, axis, size):
    init = nn.with_logical_partitioning(nn.initializers.zeros, (axis,))
    return self.param(name, init, (size,), jnp.dtype(self.config.param_dtype))


class Residual(nn.Module):
  """The residual connection and layer norm around a sub-layer (3.1, 5.4).

  post: LayerNorm(x + Dropout(Sublayer(x))), the paper's;
  pre:  x + Dropout(Sublayer(LayerNorm(x))).
  """

  config: ModelConfig
  make_norm: Callable[[ModelConfig], Any] = LayerNorm

  def setup(self):
    self.norm = self.make_norm(self.config)
    self.dropout = Dropout(self.config.dropout_rate)

  def __call__(self, x_BTD, sublayer, *, deterministic):
    """Returns x_BTD with `sublayer`, a function of (B, T, D), added."""
    axes = ('act_batch', 'act_length', 'act_embed')
    if self.config.norm_position == 'pre':
      y_BTD = sublayer(self.norm(x_BTD))
      y_BTD = x_BTD + self.dropout(y_BTD, deterministic=deterministic)
    else:
      y_BTD = self.dropout(sublayer(x_BTD), deterministic=deterministic)
      y_BTD = self.norm(x_BTD + y_BTD)
    return nn.with_logical_constraint(y_BTD, axes)
