"""How a stack runs its layers: what is kept for the backward pass, and
whether the layers are written out or are one loop."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from t2t_jax.config import ModelConfig
from t2t_jax.model.product import PRODUCT


def rematerialised(layer: Any, config: ModelConfig) -> Any:
  """Returns the class `layer`, which makes again in the backward pass what
  `config.remat` does not keep.

  none: all is kept. dots: the products with weights are, not the attention
  weights, layer norms and activations. full: only the layers' inputs.
  A layer's arguments are three arrays and `deterministic`, which is static.
  """
  if config.remat == 'none':
    return layer
  policy = None
  if config.remat == 'dots':
    policy = jax.checkpoint_policies.save_only_these_names(PRODUCT)
  return nn.remat(
    layer,
    policy=policy,
    # A loop's body cannot be merged with its backward pass's anyway.
    prevent_cse=not config.scan_layers,
    static_argnums=(4,),
  )


def run_layers(stack: Any, x, *args: Any):
  """Returns what `stack.layers` make of `x`, one after the other.

  With `config.scan_layers` as one loop, except where the stack makes its
  parameters, or where attention weights are asked for, which a loop has
  nowhere to leave.

  Args:
    stack: a bound module with `config` and `layers`.
    x: the first layer's input.
    *args: each layer's other arguments; `deterministic` is the last.
  """
  if (
    stack.config.scan_layers
    and not stack.is_initializing()
    and not stack.is_mutable_collection('intermediates')
  ):
    drops = not args[-1] and stack.has_rng('dropout')
    key = stack.make_rng('dropout') if drops else None
    return _scan(stack.layers, x, *args, key=key)
  for layer in stack.layers:
    x = layer(x, *args)
  return x


def _scan(layers: Sequence[Any], x, *args: Any, key: jax.Array | None):
  """The loop: a program of one layer, whatever their number.

  The parameters keep their places in the tree, a branch a layer, so a
  checkpoint does not show how it was trained. They are stacked for the loop:
  a copy, which is small beside what a batch needs.
  """
  stacked = jax.tree.map(
    lambda *arrays: jnp.stack(arrays),
    *(layer.variables['params'] for layer in layers),
  )
  keys = None if key is None else jax.random.split(key, len(layers))
  layer = layers[0].clone(parent=None)

  def body(x, of_layer):
    params, key = of_layer
    rngs = None if key is None else {'dropout': key}
    return layer.apply({'params': params}, x, *args, rngs=rngs), None

  return jax.lax.scan(body, x, (stacked, keys))[0]
