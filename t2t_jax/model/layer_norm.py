"""Layer normalisation (section 3.1; Ba et al. 2016) with its own gradient."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from t2t_jax.config import ModelConfig


class LayerNorm(nn.Module):
  """Normalises the last axis to mean 0 and variance 1, then scales and shifts.

  Computed in float32, returned in compute_dtype.
  """

  config: ModelConfig

  @nn.compact
  def __call__(self, x):
    c = self.config
    scale_D, bias_D = (
      self.param(
        name,
        nn.with_logical_partitioning(init, ('norm',)),
        x.shape[-1:],
        jnp.dtype(c.param_dtype),
      )
      for name, init in (
        ('scale', nn.initializers.ones),
        ('bias', nn.initializers.zeros),
      )
    )
    return layer_norm(
      x,
      scale_D.astype(jnp.float32),
      bias_D.astype(jnp.float32),
      c.layer_norm_epsilon,
      jnp.dtype(c.compute_dtype),
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def layer_norm(x, scale_D, bias_D, epsilon: float, dtype):
  """Returns scale (x - mean) / sqrt(variance + epsilon) + bias as `dtype`."""
  return _forward(x, scale_D, bias_D, epsilon, dtype)[0]


def _forward(x, scale_D, bias_D, epsilon, dtype):
  # mean((x - mean)^2): the short cut E[x^2] - mean^2 cancels digits.
  wide = x.astype(jnp.float32)
  mean = wide.mean(axis=-1, keepdims=True)
  variance = jnp.square(wide - mean).mean(axis=-1, keepdims=True)
  scaling = jax.lax.rsqrt(variance + epsilon)
  y = (wide - mean) * scaling * scale_D + bias_D
  return y.astype(dtype), (x, mean, scaling, scale_D)


def _backward(epsilon, dtype, residuals, dy):
  """With x and dy read as they lie: autodiff, on GPUs, writes float32 arrays
  of their size in between (BUILD_NOTES.md)."""
  del epsilon, dtype
  x, mean, scaling, scale_D = residuals
  # Else XLA makes them anew for each sum over rows, and writes what it sums.
  mean, scaling = jax.lax.optimization_barrier((mean, scaling))
  dy = dy.astype(jnp.float32)
  normal = (x.astype(jnp.float32) - mean) * scaling
  dnormal = dy * scale_D
  dx = scaling * (
    dnormal
    - dnormal.mean(axis=-1, keepdims=True)
    - normal * (dnormal * normal).mean(axis=-1, keepdims=True)
  )
  rows = tuple(range(x.ndim - 1))
  return dx.astype(x.dtype), (dy * normal).sum(axis=rows), dy.sum(axis=rows)


layer_norm.defvjp(_forward, _backward)
