"""The rate of large matrix products: what MFU is measured against here."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Products(NamedTuple):
  """A chain of products to be timed.

  Attributes:
    job: makes them and waits.
    flops: of one call, each product that is added up counted as two.
  """

  job: Callable[[], Any]
  flops: float


def make_products(
  dtype: str, width: int = 0, count: int = 0, compiler_options=None
) -> Products:
  """Returns a chain of square products in one program.

  Each takes the one before, so none can be left out. The precision is the
  platform's default, as it is for the model (TF32 for float32 on a GPU).

  Args:
    dtype: of the matrices.
    width: of the matrices; 0: large for the platform.
    count: of the products; 0: some tenths of a second of them.
    compiler_options: of jax.jit.
  """
  on_cpu = jax.default_backend() == 'cpu'
  width = width or (2048 if on_cpu else 8192)
  count = count or (4 if on_cpu else 128)
  keys = jax.random.split(jax.random.key(0))
  x, w = (jax.random.normal(key, (width, width)).astype(dtype) for key in keys)
  # Keeps the products' variance: random values, as those of a model.
  w = w * jnp.asarray(width**-0.5, dtype)

  @jax.jit(compiler_options=compiler_options)
  def chain(x, w):
    return jax.lax.fori_loop(0, count, lambda _, x: x @ w, x)

  return Products(
    lambda: jax.block_until_ready(chain(x, w)),
    2.0 * count * width**3,
  )
