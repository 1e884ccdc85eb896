"""Devices to compile for: those at hand, and those of pods that are not.

A TPU's topology is its slice as a grid of chips (v5e:16x16, v5p:4x4x4), a
GPU's its hosts and the GPUs of each (h200:8x8). The compilers are those that
would run there: libtpu's, and XLA's for CUDA with a description of the GPU.
Nothing is allocated and no device is looked for.
"""

import dataclasses
import importlib.util
import math
import os
import re
from importlib import resources
from typing import Any

from t2t_jax.errors import UsageError, nearest
from t2t_jax.parallel.chips import CHIPS, Chip

_FORMS = 'v5e:16x16 (a grid of chips) or h200:8x8 (hosts x GPUs)'
_MOST = 2**16  # chips; the largest TPU pods have less than ten thousand

# Else libtpu asks a cloud's server, which is not there, what machine this is.
_TPU_ENVIRONMENT = {
  'TPU_SKIP_MDS_QUERY': '1',
  'TPU_WORKER_HOSTNAMES': 'localhost',
  'TPU_LOG_DIR': 'disabled',
  'TPU_MIN_LOG_LEVEL': '3',
  'ALLOW_MULTIPLE_LIBTPU_LOAD': '1',
}


@dataclasses.dataclass(frozen=True)
class Topology:
  """Attributes:
  name: as the user wrote it, or what the devices at hand are.
  chip: None where it stands in no table (a CPU).
  size: devices.
  host_size: devices that share the faster links; `size` for a TPU slice.
  platform: cpu, gpu or tpu.
  grid: chips along each dimension of a TPU slice, their numbers growing along
    the first of them first; () where that is not known.
  """

  name: str
  chip: Chip | None
  size: int
  host_size: int
  platform: str
  grid: tuple[int, ...] = ()


def parse(name: str) -> Topology:
  """Returns the topology that `name` says, without its devices.

  Raises:
    UsageError: an unknown chip or a name of another form.
  """
  found = re.fullmatch(r'(\w+):(\d+(?:x\d+)*)', name)
  if not found:
    raise UsageError(f'--topology={name}: expected such as {_FORMS}')
  if found[1] not in CHIPS:
    raise UsageError(
      f'--topology={name}: expected one of the chips {", ".join(CHIPS)}, found '
      f"'{found[1]}'.{nearest(found[1], CHIPS)}"
    )
  chip = CHIPS[found[1]]
  grid = [int(n) for n in found[2].split('x')]
  dimensions = chip.links_of if chip.is_tpu else 2
  if len(grid) != dimensions or min(grid) < 1:
    raise UsageError(
      f'--topology={name}: expected {dimensions} numbers of at least 1 for '
      f'{chip.name}, as in {_FORMS}, found {found[2]}'
    )
  size = math.prod(grid)
  if size > _MOST:
    raise UsageError(
      f'--topology={name}: expected at most {_MOST:,} chips, found {size:,}'
    )
  if chip.is_tpu:
    return Topology(name, chip, size, size, 'tpu', tuple(grid))
  return Topology(name, chip, size, grid[1], 'gpu')


def devices_of(topology: Topology) -> list[Any]:
  """Returns devices to compile for, in the order of their ids.

  Raises:
    UsageError: the compiler is not installed, or knows no such topology.
  """
  chip = topology.chip
  assert chip is not None
  package, plugins, install = (
    ('a TPU', ('libtpu',), 'jax[tpu]')
    if chip.is_tpu
    else (
      'a GPU',
      ('jax_cuda12_plugin', 'jax_cuda13_plugin'),
      'jax[cuda12]',
    )
  )
  if not any(importlib.util.find_spec(name) for name in plugins):
    raise UsageError(
      f'--topology={topology.name}: compiling for {package} needs its '
      f'compiler: pip install "{install}"'
    )
  look_for_no_device()
  from jax.experimental import topologies

  try:
    if chip.is_tpu:
      description = topologies.get_topology_desc(
        topology.name, 'tpu', **_tpu_options(topology)
      )
    else:
      hosts = topology.size // topology.host_size
      target = resources.files('t2t_jax.parallel') / 'targets'
      description = topologies.get_topology_desc(
        chip.name,
        'cuda',
        target_config=(target / f'{chip.name}.txtpb').read_text(),
        topology=f'1x{hosts}x{topology.host_size}',
      )
  except Exception as error:  # jaxlib's own, of several kinds
    first = (str(error).splitlines() or [repr(error)])[0]
    raise UsageError(
      f'--topology={topology.name}: the compiler knows no such topology '
      f'({first})'
    ) from error
  devices: list[Any] = sorted(description.devices, key=lambda device: device.id)
  if len(devices) != topology.size:
    raise UsageError(
      f'--topology={topology.name}: expected {topology.size} devices, the '
      f'compiler has {len(devices)}'
    )
  return devices


def _tpu_options(topology: Topology) -> dict[str, Any]:
  """Returns what libtpu does not take from a slice's name."""
  # By itself it takes 2 x 2 chips a host, and no slice that is smaller.
  sides = [min(2, side) for side in topology.grid[:2]]
  options: dict[str, Any] = {'chips_per_host_bounds': (*sides, 1)}
  assert topology.chip is not None
  if topology.chip.name == 'v4':
    # Else each of a chip's two cores would be a device.
    options['chip_config_name'] = 'megacore'
  return options


def look_for_no_device() -> None:
  """Makes jax use the CPU alone, whatever is installed; before its first
  use. Finding no TPU takes libtpu minutes."""
  import jax

  for name, value in _TPU_ENVIRONMENT.items():
    os.environ.setdefault(name, value)
  jax.config.update('jax_platforms', 'cpu')


def local() -> Topology:
  """Returns what this process has at hand."""
  import jax

  from t2t_jax.parallel.chips import chip_of
  from t2t_jax.parallel.platforms import platform_of

  devices = jax.devices()
  kind = devices[0].device_kind
  return Topology(
    f'{len(devices)} x {kind}',
    chip_of(kind),
    len(devices),
    jax.local_device_count(),
    platform_of(devices[0]),
  )
