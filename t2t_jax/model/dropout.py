"""Dropout whose random numbers are a hash of each element's index."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

# The name of jax.vmap's axis along which copies of the model lie, if they do.
COPIES = 'copies'


class Dropout(nn.Module):
  """Zeroes elements at `rate`, scales the others so that the mean stays.

  An element is kept by a hash of (key, index). Unlike a generator's stream
  that is elementwise: it fuses into what stands around it, needs no memory,
  and is the same on every mesh. On two CPU cores it makes the dropout of a
  training step nearly free (BUILD_NOTES.md).
  """

  rate: float

  @nn.compact
  def __call__(self, x, *, deterministic: bool):
    if deterministic or self.rate == 0:
      return x
    words = jax.random.bits(self.make_rng('dropout'), (2,), jnp.uint32)
    bits = hashed_bits(words, x.shape, first_index(x.size))
    keep = bits >= np.uint32(self.rate * 2**32)
    return jnp.where(keep, x * (1 / (1 - self.rate)), jnp.zeros_like(x))


def first_index(size: int):
  """Returns uint32, the place of this array's first element in the batch's.

  Where copies of the model each see an array of `size` elements, the rows of
  one copy; counted from 0, all copies would lose the same elements.
  """
  try:
    return jax.lax.axis_index(COPIES).astype(jnp.uint32) * np.uint32(size)
  except NameError:  # there are no copies
    return 0


def hashed_bits(words, shape: tuple[int, ...], first=0):
  """Returns uint32 bits of `shape`, a function of `words` and the index.

  Args:
    words: two uint32 that stand for the key.
    shape: at most 2^32 elements.
    first: uint32, the index of the first element.
  """
  index = jnp.full(shape, first, jnp.uint32)
  stride = 1
  for axis in reversed(range(len(shape))):
    count = jax.lax.broadcasted_iota(jnp.uint32, shape, axis)
    index += count * np.uint32(stride)
    stride *= shape[axis]
  return _mix(_mix(index ^ words[0]) ^ words[1])


def _mix(x):
  """MurmurHash3's finaliser: each bit of x changes half of the result's."""
  x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
  x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
  return x ^ (x >> 16)
