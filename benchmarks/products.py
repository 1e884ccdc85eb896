"""The rate of matrix products alone: what MFU is measured against here."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

# Of which the fastest is taken: it depends on caches and cores which that is.
# On one core of an AMD EPYC products of 512 are a third faster than of 2048.
_WIDTHS = {'cpu': (512, 1024, 2048)}
_ACCELERATOR_WIDTHS = (4096, 8192)
# In one program; a loop's products may be others than those of a model.
_CHAIN = 4
# Of a timed call: some tenths of a second, unless the matrices are small.
_FLOPS = {'cpu': 7e10}
_ACCELERATOR_FLOPS = 1.4e14
_MOST_CHAINS = 256
_TRIALS = 3


class Products(NamedTuple):
  """Matrix products to be timed.

  Attributes:
    job: makes them and waits.
    flops: of one call, each product that is added up counted as two.
    width: of the square matrices.
  """

  job: Callable[[], Any]
  flops: float
  width: int


def make_products(
  dtype: str, width: int = 0, clock: Callable[[], float] = time.perf_counter
) -> Products:
  """Returns chains of square products that follow one another.

  Each takes the one before, so none can be left out. The precision is the
  platform's default, as it is for the model (TF32 for float32 on a GPU).

  Args:
    dtype: of the matrices.
    width: of the matrices; 0: the fastest of some, tried here and now.
    clock: seconds, by which it is the fastest.
  """
  platform = jax.default_backend()
  widths = (width,) if width else _WIDTHS.get(platform, _ACCELERATOR_WIDTHS)
  flops = _FLOPS.get(platform, _ACCELERATOR_FLOPS)
  return fastest([_products(dtype, width, flops) for width in widths], clock)


def fastest(
  candidates: list[Products], clock: Callable[[], float] = time.perf_counter
) -> Products:
  """Returns the one of the highest rate, by the best of a few calls of each,
  in turn; the first call of each, which may compile, does not count."""
  best = [float('inf')] * len(candidates)
  for trial in range(_TRIALS + 1 if len(candidates) > 1 else 1):
    for number, products in enumerate(candidates):
      start = clock()
      products.job()
      if trial:
        seconds = clock() - start
        best[number] = min(best[number], seconds / products.flops)
  return candidates[best.index(min(best))]


def _products(dtype: str, width: int, flops: float) -> Products:
  keys = jax.random.split(jax.random.key(0))
  x, w = (jax.random.normal(key, (width, width)).astype(dtype) for key in keys)
  # Keeps the products' variance: random values, as those of a model.
  w = w * jnp.asarray(width**-0.5, dtype)
  of_a_chain = 2.0 * _CHAIN * width**3
  chains = max(1, min(_MOST_CHAINS, round(flops / of_a_chain)))

  @jax.jit
  def chain(x, w):
    for _ in range(_CHAIN):
      x = x @ w
    return x

  def job():
    y = x
    for _ in range(chains):
      y = chain(y, w)
    return jax.block_until_ready(y)

  return Products(job, chains * of_a_chain, width)
