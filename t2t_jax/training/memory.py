"""What an update needs of a device's memory, by formula.

The compiler knows better, once it has compiled. This is for before: to choose
the microbatches, to tell a config that cannot fit, and to compare meshes. It
counts the large arrays alone, and each once.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from t2t_jax.config import Config, ModelConfig
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.arrays import shapes_of
from t2t_jax.parallel.mesh import AXIS_RULES
from t2t_jax.training.train_state import FirstState

Shape = tuple[int, int, int]  # rows, source length, target length


@dataclasses.dataclass(frozen=True)
class Memory:
  """Bytes on each device during an update.

  Attributes:
    parameters: the model's.
    optimizer: Adam's moments, and the moving average where there is one.
    gradients: their float32 sum; twice, where microbatches are added to it.
    activations: of a microbatch, kept for its backward pass, and those that
      a layer's backward pass makes.
    logits: of a chunk of positions, with their gradient, and the gradient of
      the softmax weights.
  """

  parameters: int
  optimizer: int
  gradients: int
  activations: int
  logits: int

  @property
  def total(self) -> int:
    return sum(dataclasses.astuple(self))


def abstract_state(config: Config, model: Transformer) -> Any:
  """Returns the training state's shapes in flax's boxes, on no mesh."""
  return shapes_of(FirstState(config, model))


def split_elements(tree: Any, sizes: Mapping[str, int]) -> list[Any]:
  """Returns (elements on a device, dtype) of each array of a boxed tree.

  Args:
    tree: with flax's boxes, which name the axes.
    sizes: {mesh axis: size}.
  """

  def split(leaf: Any) -> tuple[int, Any]:
    if not isinstance(leaf, nn.LogicallyPartitioned):
      return math.prod(leaf.shape), leaf.dtype
    spec: Any = nn.logical_to_mesh_axes(leaf.names, AXIS_RULES)
    axes = [
      axis
      for part in spec
      if part is not None
      for axis in ((part,) if isinstance(part, str) else part)
    ]
    parts = math.prod(sizes[axis] for axis in axes)
    return math.prod(leaf.value.shape) // parts, leaf.value.dtype

  leaves = jax.tree.leaves(
    tree, is_leaf=lambda x: isinstance(x, nn.LogicallyPartitioned)
  )
  return [split(leaf) for leaf in leaves]


def split_bytes(tree: Any, sizes: Mapping[str, int]) -> int:
  """Returns the bytes of a boxed tree that lie on each device."""
  return sum(n * jnp.dtype(t).itemsize for n, t in split_elements(tree, sizes))


def estimate(
  config: Config,
  state: Any,
  sizes: Mapping[str, int],
  shape: Shape,
  microbatches: int,
) -> Memory:
  """Returns the memory of an update on a mesh.

  Args:
    config: of the run.
    state: as `abstract_state` returns it.
    sizes: {mesh axis: size}.
    shape: of the global batch.
    microbatches: that it is cut into.
  """
  shards = sizes['data'] * sizes['fsdp']
  rows = -(-shape[0] // (microbatches * shards))
  elements = sum(n for n, _ in split_elements(state.params, sizes))
  return Memory(
    parameters=split_bytes(state.params, sizes),
    optimizer=split_bytes((state.opt_state, state.ema_params), sizes),
    gradients=4 * elements * (1 if microbatches == 1 else 2),
    activations=rows
    * activation_bytes(config.model, shape[1], shape[2], sizes['tensor']),
    logits=_logits_bytes(config, state, sizes, rows, shape[2]),
  )


def activation_bytes(
  model: ModelConfig, source: int, target: int, tensor: int = 1
) -> int:
  """Returns the bytes of one row of lengths `source` and `target`.

  What a layer keeps depends on `remat`; one layer's all are there at a time.
  """
  encoder = _Layer(model, source, (source,), tensor)
  decoder = _Layer(
    model,
    target,
    (target, source) if model.num_encoder_layers else (target,),
    tensor,
  )
  stacks = (
    (model.num_encoder_layers, encoder, source),
    (model.num_decoder_layers, decoder, target),
  )
  embedded = 2 * _item_bytes(model) * model.d_model
  kept = sum(
    layers * layer.kept() + embedded * length
    for layers, layer, length in stacks
    if layers
  )
  return kept + max(layer.all() for layers, layer, _ in stacks if layers)


@dataclasses.dataclass(frozen=True)
class _Layer:
  """Of one row: its positions, and the keys of each of its attentions."""

  model: ModelConfig
  length: int
  keys: tuple[int, ...]
  tensor: int

  def kept(self) -> int:
    """Bytes kept from the forward to the backward pass."""
    inputs = self.length * self.model.d_model * self._item
    if self.model.remat == 'full':
      return inputs
    if self.model.remat == 'dots':
      outputs = self.length * self.model.d_model * (len(self.keys) + 1)
      return inputs + self._products() + outputs * self._item
    return self.all()

  def all(self) -> int:
    """Bytes of all that a layer makes."""
    m = self.model
    weights = m.num_heads * self.length * sum(self.keys) // self.tensor
    # The softmax is float32; what multiplies the values has their type.
    per_weight = 4 if self._item == 4 else 4 + self._item
    per_weight += 1 if m.attention_dropout_rate else 0
    if m.attention_impl == 'cudnn':
      # In their place the log-sum-exp of each row, in float32.
      weights = m.num_heads * self.length * len(self.keys) // self.tensor
      per_weight = 4
    sublayers = len(self.keys) + 1
    # Of each sub-layer its input, its layer norm's, and which elements dropout
    # kept.
    around = sublayers * self.length * m.d_model * (2 * self._item + 1)
    return self._products() + weights * per_weight + around

  def _products(self) -> int:
    """Queries, keys, values and heads; the inner feed-forward layer."""
    m = self.model
    attention = sum(
      m.num_heads * (self.length + keys) * (m.d_k + m.d_v) for keys in self.keys
    )
    inner = self.length * m.d_ff * (1 if m.activation == 'relu' else 2)
    return (attention + inner) * self._item // self.tensor

  @property
  def _item(self) -> int:
    return _item_bytes(self.model)


def _logits_bytes(
  config: Config, state: Any, sizes: Mapping[str, int], rows: int, length: int
) -> int:
  table = state.params['target_embedding'].value.shape
  # The vocabulary is split over fsdp too, a copy's rows are not.
  rows *= sizes['fsdp']
  parts = sizes['tensor'] * sizes['fsdp']
  width = min(length, max(1, config.training.loss_chunk // rows))
  # The logits, their exponentials and their gradient, in float32.
  logits = 12 * rows * width * table[0] // parts
  decoded = rows * length * table[1] * _item_bytes(config.model)
  return logits + decoded + 4 * math.prod(table) // parts


def _item_bytes(model: ModelConfig) -> int:
  return jnp.dtype(model.compute_dtype).itemsize
