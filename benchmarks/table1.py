"""The four kinds of layer of the paper's Table 1, and the costs it gives them.

Each maps (B, N, D) to (B, N, D). Attention is without its projections, as in
the table, where their n d^2 is left out.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from t2t_jax.model.attention import dot_product_attention


@dataclasses.dataclass(frozen=True)
class Sizes:
  """Attributes:
  d: width.
  heads: of both attentions.
  r: neighbourhood of restricted attention: an odd number of positions.
  k: positions under the convolution's kernel.
  """

  d: int
  heads: int
  r: int
  k: int


# Operations of a layer over n positions, as the table has them.
FORMULAS: Mapping[str, Callable[[Sizes, float], float]] = {
  'self-attention': lambda s, n: n * n * s.d,
  'restricted': lambda s, n: s.r * n * s.d,
  'recurrent': lambda s, n: n * s.d * s.d,
  'convolutional': lambda s, n: s.k * n * s.d * s.d,
}
# Where the formula of self-attention equals that of another layer.
CROSSINGS: Mapping[str, Callable[[Sizes], float]] = {
  'restricted': lambda s: s.r,
  'recurrent': lambda s: s.d,
  'convolutional': lambda s: s.k * s.d,
}


def make_layers(
  sizes: Sizes, seed: int
) -> dict[str, tuple[Callable[[Any, Any], Any], Any]]:
  """Returns {name: (layer(weights, x_BND), random weights)}."""
  keys = jax.random.split(jax.random.key(seed), 3)
  square = (sizes.d, sizes.d)

  def draw(key, shape):
    return jax.random.normal(key, shape) * sizes.d**-0.5

  return {
    'self-attention': (
      lambda _, x_BND: self_attention(x_BND, sizes.heads),
      (),
    ),
    'restricted': (
      lambda _, x_BND: restricted_attention(x_BND, sizes.heads, sizes.r),
      (),
    ),
    'recurrent': (
      lambda weights, x_BND: recurrent(x_BND, *weights),
      (draw(keys[0], square), draw(keys[1], square)),
    ),
    'convolutional': (convolutional, draw(keys[2], (sizes.k, *square))),
  }


def self_attention(x_BND, num_heads: int):
  """Equation 1 with x as queries, keys and values."""
  x_BNHK = _heads(x_BND, num_heads)
  return dot_product_attention(x_BNHK, x_BNHK, x_BNHK).reshape(x_BND.shape)


def restricted_attention(x_BND, num_heads: int, r: int):
  """Self-attention to the r positions around each (section 4).

  In blocks of r // 2 positions, each of which looks at itself and at the one on
  either side: 3/2 r n d products, whatever n is.
  """
  batch, length, _ = x_BND.shape
  half = r // 2
  blocks = -(-length // half)
  x_BMHK = _heads(
    jnp.pad(x_BND, ((0, 0), (half, (blocks + 1) * half - length), (0, 0))),
    num_heads,
  )
  # G blocks of queries; those before and behind are other positions or none.
  x_BGTHK = x_BMHK.reshape(batch, blocks + 2, half, *x_BMHK.shape[2:])
  near_BGSHK = jnp.concatenate(
    [x_BGTHK[:, i : i + blocks] for i in range(3)], axis=2
  )
  first_G = half * jnp.arange(blocks)
  t_GT1 = (first_G[:, None] + jnp.arange(half))[:, :, None]
  s_G1S = (first_G[:, None] + jnp.arange(-half, 2 * half))[:, None, :]
  is_near_GTS = (abs(t_GT1 - s_G1S) <= half) & (s_G1S >= 0) & (s_G1S < length)
  y_BGTHK = jax.vmap(dot_product_attention, in_axes=(0, 0, 0, None))(
    x_BGTHK[:, 1:-1], near_BGSHK, near_BGSHK, is_near_GTS[:, None]
  )
  return y_BGTHK.reshape(batch, blocks * half, -1)[:, :length]


def recurrent(x_BND, in_DD, state_DD):
  """h_t = tanh(x_t W + h_{t-1} U); x W of all positions at one time."""

  def step(h_BD, x_BD):
    h_BD = jnp.tanh(x_BD + h_BD @ state_DD)
    return h_BD, h_BD

  x_NBD = jnp.moveaxis(x_BND @ in_DD, 1, 0)
  h_NBD = jax.lax.scan(step, jnp.zeros_like(x_NBD[0]), x_NBD)[1]
  return jnp.moveaxis(h_NBD, 0, 1)


def convolutional(kernel_KDD, x_BND):
  """A convolution over k positions, all widths to all widths."""
  return jax.lax.conv_general_dilated(
    x_BND,
    kernel_KDD,
    window_strides=(1,),
    padding='SAME',
    dimension_numbers=('NWC', 'WIO', 'NWC'),
  )


def _heads(x_BND, num_heads: int):
  return x_BND.reshape(*x_BND.shape[:2], num_heads, -1)
