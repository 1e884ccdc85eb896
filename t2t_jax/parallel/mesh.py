"""The mesh of devices and the one table that says what is split over it."""

import contextlib
import math
from collections.abc import Iterator, Sequence

import flax.linen as nn
import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from t2t_jax.config import Config, MeshConfig
from t2t_jax.errors import UsageError

AXES = ('data', 'fsdp', 'tensor')

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
  config: MeshConfig, devices: Sequence[jax.Device] | None = None
) -> Mesh:
  """Returns the mesh over `devices` (all, if None).

  Raises:
    UsageError: the sizes do not multiply to the number of devices.
  """
  devices = list(devices if devices is not None else jax.devices())
  sizes = [config.data, config.fsdp, config.tensor]
  if -1 in sizes:
    rest = math.prod(size for size in sizes if size != -1)
    if len(devices) % rest:
      raise UsageError(
        f'config.mesh: {rest} does not divide the {len(devices)} devices '
        'here; change fsdp and tensor'
      )
    sizes[sizes.index(-1)] = len(devices) // rest
  if math.prod(sizes) != len(devices):
    raise UsageError(
      f'config.mesh: data x fsdp x tensor = {" x ".join(map(str, sizes))} '
      f'needs {math.prod(sizes)} devices, found {len(devices)}; '
      'set mesh.data=-1 to take all'
    )
  return Mesh(
    np.array(devices).reshape(sizes), AXES, axis_types=(AxisType.Auto,) * 3
  )


def decoding_mesh(mesh: Mesh | None = None) -> Mesh:
  """Returns the mesh to translate on: this machine's devices, all as `data`.

  With `mesh` those of its devices that are this machine's.

  Sentences are independent, so each device searches for its own with a copy of
  the parameters. Split parameters would be gathered again for every token.
  """
  devices = jax.local_devices() if mesh is None else mesh.local_devices
  return create_mesh(MeshConfig(-1, 1, 1), devices)


def check_divides(config: Config, mesh: Mesh) -> None:
  """Raises UsageError when a size cannot be split over `mesh`."""
  fsdp, tensor = mesh.shape['fsdp'], mesh.shape['tensor']
  model = config.model
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
      raise UsageError(
        f'config.mesh: {axis} = {parts} does not divide model.{name} = {size}'
      )


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
