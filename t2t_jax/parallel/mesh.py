"""The mesh of devices and the one table that says what is split over it."""

import contextlib
import math
from collections.abc import Iterator, Sequence

import flax.linen as nn
import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from t2t_jax.config import MeshConfig, ModelConfig
from t2t_jax.errors import UsageError

AXES = ('data', 'fsdp', 'tensor')
Sizes = tuple[int, int, int]

# Logical axis -> mesh axes. Activations have names of their own, and come
# first: a rule that takes `fsdp` for a parameter's axis must not take it away
# from the batch.
AXIS_RULES = (
  ('act_batch', ('data', 'fsdp')),
  ('act_length', None),
  ('act_embed', None),
  ('act_heads', 'tensor'),
  ('act_kv', None),
  ('act_mlp', 'tensor'),
  # The softmax splits the vocabulary over fsdp too, not the batch: what the
  # decoder made is gathered, which is less than the table and its gradient.
  ('loss_batch', 'data'),
  ('loss_vocab', ('tensor', 'fsdp')),
  ('vocab', ('tensor', 'fsdp')),
  # Split over fsdp it would be gathered whole at every look-up.
  ('embed_table', None),
  ('embed', 'fsdp'),
  ('heads', 'tensor'),
  ('kv', None),
  ('mlp', 'tensor'),
  ('norm', None),
)


def create_mesh(
  config: MeshConfig,
  devices: Sequence[jax.Device] | None = None,
  model: ModelConfig | None = None,
) -> Mesh:
  """Returns the mesh over `devices` (all, if None).

  Raises:
    UsageError: the sizes do not multiply to the number of devices, or do not
      divide `model` (where one is given); the message names the nearest that
      do.
  """
  devices = list(devices if devices is not None else jax.devices())
  sizes = resolve_sizes(config, len(devices), model)
  return Mesh(
    np.array(devices).reshape(sizes), AXES, axis_types=(AxisType.Auto,) * 3
  )


def resolve_sizes(
  config: MeshConfig, devices: int, model: ModelConfig | None = None
) -> Sizes:
  """Returns (data, fsdp, tensor) without -1; raises as `create_mesh`."""
  asked = (config.data, config.fsdp, config.tensor)
  rest = math.prod(size for size in asked if size != -1)
  data, fsdp, tensor = (
    devices // rest if size == -1 else size for size in asked
  )
  sizes = data, fsdp, tensor
  problem = ''
  if -1 in asked and devices % rest:
    problem = f'{rest} does not divide the {devices} devices here'
  elif -1 not in asked and rest != devices:
    problem = (
      f'data x fsdp x tensor = {_times(asked)} needs {rest} devices, found '
      f'{devices}; set mesh.data=-1 to take all'
    )
  elif model is not None:
    problem = _indivisible(model, sizes)
  if problem:
    nearest = _times(nearest_sizes(asked, devices, model))
    raise UsageError(
      f'config.mesh: {problem}; the nearest that fits is {nearest}'
    )
  return sizes


def fitting_sizes(devices: int, model: ModelConfig | None) -> list[Sizes]:
  """Returns every (data, fsdp, tensor) of so many devices that divides
  `model`, the one with most copies first."""
  divisors = [n for n in range(1, devices + 1) if devices % n == 0]
  found = [
    (devices // (fsdp * tensor), fsdp, tensor)
    for tensor in divisors
    for fsdp in divisors
    if devices % (fsdp * tensor) == 0
  ]
  return [
    sizes for sizes in found if model is None or not _indivisible(model, sizes)
  ]


def nearest_sizes(
  asked: Sizes, devices: int, model: ModelConfig | None
) -> Sizes:
  """Returns what fits and is least far from `asked`, by factors a size.

  `data` alone always fits.
  """

  def distance(sizes: Sizes) -> float:
    return sum(
      abs(math.log(size / wish))
      for size, wish in zip(sizes, asked, strict=True)
      if wish != -1
    )

  return min(fitting_sizes(devices, model), key=distance)


def _times(sizes: Sizes) -> str:
  return ' x '.join(map(str, sizes))


def _indivisible(model: ModelConfig, sizes: Sizes) -> str:
  """Returns what of `model` cannot be split over `sizes`, or ''."""
  _, fsdp, tensor = sizes
  for name, size, axis, parts in (
    ('d_model', model.d_model, 'fsdp', fsdp),
    ('num_heads', model.num_heads, 'tensor', tensor),
    ('d_ff', model.d_ff, 'tensor', tensor),
    (
      'vocab_row_multiple',
      model.vocab_row_multiple,
      'tensor x fsdp',
      tensor * fsdp,
    ),
  ):
    if size % parts:
      return f'{axis} = {parts} does not divide model.{name} = {size}'
  return ''


def decoding_mesh(mesh: Mesh | None = None) -> Mesh:
  """Returns the mesh to translate on: this machine's devices, all as `data`.

  With `mesh` those of its devices that are this machine's.

  Sentences are independent, so each device searches for its own with a copy of
  the parameters. Split parameters would be gathered again for every token.
  """
  devices = jax.local_devices() if mesh is None else mesh.local_devices
  return create_mesh(MeshConfig(-1, 1, 1), devices)


def batch_shards(mesh: Mesh) -> int:
  """The number of parts that a batch is split into."""
  return mesh.shape['data'] * mesh.shape['fsdp']


def batch_sharding(mesh: Mesh, batch_axis: int = 0) -> NamedSharding:
  """Splits axis `batch_axis` over data and fsdp."""
  spec = PartitionSpec(*[None] * batch_axis, ('data', 'fsdp'))
  return NamedSharding(mesh, spec)


def replicated(mesh: Mesh) -> NamedSharding:
  """The same value on every device."""
  return NamedSharding(mesh, PartitionSpec())


@contextlib.contextmanager
def use_mesh(mesh: Mesh) -> Iterator[None]:
  """Makes `mesh` and the rules known to constraints inside the model.

  `jax.set_mesh`, not `with mesh:`, which silently drops them.
  """
  with jax.set_mesh(mesh), nn.logical_axis_rules(AXIS_RULES):
    yield
