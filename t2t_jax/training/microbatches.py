"""How many parts an update's batch is computed in, one after the other."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from jax.sharding import Mesh

from t2t_jax.config import Config
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel import hosts
from t2t_jax.parallel.platforms import on_mesh, platform_of
from t2t_jax.training.compiled_step import compile_to_fit
from t2t_jax.training.memory import Shape, abstract_state, estimate

# Of a device's memory; the rest is for what no formula and no program counts.
USABLE = 0.9


def choose_microbatches(
  config: Config,
  model: Transformer,
  mesh: Mesh,
  shapes: Sequence[Shape],
  bos_id: int,
  recorded: int | None,
) -> int:
  """Returns the number of microbatches of every update of a run.

  At most training.microbatch_tokens a device, fewer where the estimate does
  not fit into its memory, and on an accelerator where its compiler says so.

  Args:
    config, model, mesh: of the run.
    shapes: of its global batches.
    bos_id: the start symbol.
    recorded: the number that the run has had, which is kept.
  """
  if recorded is not None:
    return recorded
  config = on_mesh(config, mesh)
  # Hosts may differ in memory, and must not in the program they run.
  memory = min(
    hosts.exchange('memory', device_memory(config, mesh.local_devices))
  )
  state = abstract_state(config, model)
  parts = within_memory(config, state, mesh.shape, shapes, memory)
  if platform_of(mesh.devices.flat[0]) == 'cpu':
    return parts
  shape = largest_shape(config, state, mesh.shape, shapes, parts)
  return compile_to_fit(config, model, bos_id, mesh, shape, parts, memory)[1]


def within_memory(
  config: Config,
  state: Any,
  sizes: Mapping[str, int],
  shapes: Sequence[Shape],
  memory: int,
) -> int:
  """Returns the microbatches by formula; doubled until they fit, or until
  each has one row a device.

  Args:
    config: of the run.
    state: as `abstract_state` returns it.
    sizes: {mesh axis: size}.
    shapes: of the global batches.
    memory: bytes of a device.
  """
  training, shards = config.training, sizes['data'] * sizes['fsdp']
  per_pass = training.microbatch_tokens * shards
  parts = -(-training.global_batch_tokens // per_pass)
  while True:
    shape = largest_shape(config, state, sizes, shapes, parts)
    needed = estimate(config, state, sizes, shape, parts).total
    if needed <= USABLE * memory or parts * shards >= shape[0]:
      return parts
    parts *= 2


def largest_shape(
  config: Config,
  state: Any,
  sizes: Mapping[str, int],
  shapes: Sequence[Shape],
  microbatches: int,
) -> Shape:
  """Returns the shape that needs most memory."""
  return max(
    shapes,
    key=lambda shape: estimate(config, state, sizes, shape, microbatches).total,
  )


def device_memory(config: Config, devices: Sequence[jax.Device]) -> int:
  """Returns the bytes that each of this host's `devices` may use.

  training.device_memory_gib, or what the device says; a CPU's devices share
  the host's memory.
  """
  if config.training.device_memory_gib:
    return int(config.training.device_memory_gib * 2**30)
  device = devices[0]
  stats = device.memory_stats() if device.platform != 'cpu' else None
  if stats and 'bytes_limit' in stats:
    return int(stats['bytes_limit'])
  host = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
  return host // len(devices)
