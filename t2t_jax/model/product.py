"""The product of activations and weights, wherever the model has one."""

import jax.numpy as jnp


def product(equation: str, x, weights, dtype=None):
  """Returns einsum(equation, x, weights) in `dtype`, default that of `x`.

  Multiplied in the narrower dtype of the two, added up in float32 by the
  platform: float32 weights in bfloat16 computation, and weights that were made
  bfloat16 to decode with in float32 computation.
  """
  low = narrower(x.dtype, weights.dtype)
  return jnp.einsum(
    equation,
    x.astype(low),
    weights.astype(low),
    preferred_element_type=dtype or x.dtype,
  )


def narrower(a, b):
  """Returns the one of two dtypes that takes fewer bytes."""
  return min(jnp.dtype(a), jnp.dtype(b), key=lambda dtype: dtype.itemsize)
