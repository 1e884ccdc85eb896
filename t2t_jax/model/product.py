"""The product of activations and weights, wherever the model has one."""

import functools

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

# What rematerialisation may keep of a layer: its products with weights.
PRODUCT = 'product'


def product(equation: str, x, weights, dtype=None):
  """Returns einsum(equation, x, weights) in `dtype`, default that of `x`.

  Multiplied in the narrower dtype of the two, added up in float32 by the
  platform: float32 weights in bfloat16 computation, and weights that were made
  bfloat16 to decode with in float32 computation.
  """
  return checkpoint_name(_product(equation, x, weights, dtype), PRODUCT)


# The gradients are those of einsum, written down: autodiff's product for the
# weights' takes up to three times as long on CPUs (BUILD_NOTES.md), and is
# rounded to the narrower dtype.
@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 3))
def _product(equation, x, weights, dtype):
  low = narrower(x.dtype, weights.dtype)
  return jnp.einsum(
    equation,
    x.astype(low),
    weights.astype(low),
    preferred_element_type=dtype or x.dtype,
  )


def _forward(equation, x, weights, dtype):
  return _product(equation, x, weights, dtype), (x, weights)


def _backward(equation, dtype, residuals, dy):
  del dtype
  x, weights = residuals
  low = narrower(x.dtype, weights.dtype)
  x_axes, weight_axes, y_axes = equation.replace('->', ',').split(',')
  dx = jnp.einsum(
    f'{y_axes},{weight_axes}->{x_axes}',
    dy.astype(low),
    weights.astype(low),
    preferred_element_type=x.dtype,
  )
  # CPUs make a transposed copy of the first factor: of the smaller one, then.
  factors = [(x_axes, x.astype(low)), (y_axes, dy.astype(low))]
  (first_axes, first), (second_axes, second) = (
    factors if x.size <= dy.size else factors[::-1]
  )
  axes = ''.join(sorted(weight_axes, key=lambda axis: axis not in first_axes))
  dweights = jnp.einsum(
    f'{first_axes},{second_axes}->{axes}',
    first,
    second,
    preferred_element_type=weights.dtype,
  )
  if axes != weight_axes:  # or the compiler turns the factors round again
    dweights = jax.lax.optimization_barrier(dweights)
  return dx, jnp.einsum(f'{axes}->{weight_axes}', dweights)


_product.defvjp(_forward, _backward)


def narrower(a, b):
  """Returns the one of two dtypes that takes fewer bytes."""
  return min(jnp.dtype(a), jnp.dtype(b), key=lambda dtype: dtype.itemsize)
