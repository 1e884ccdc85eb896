"""Looks at a config, its text and its machine before a run is started.

  python -m t2t_jax.doctor --config=configs/base.py
  python -m t2t_jax.doctor --config=configs/big.py --lengths=64x64 \\
    --topology=v5e:16x16 --compare=3

Checks files, direction, vocabulary, shapes, mesh, memory and disk, a line each
with what to mend; then compiles the update and tells its memory, what it sends
between devices and the time it must take at least. With --topology for a TPU
slice or GPUs that are not there. Exit status 2 if something is to be mended.
"""

import contextlib
import dataclasses
import math

from absl import flags

from t2t_jax import cli
from t2t_jax.config import Config, MeshConfig
from t2t_jax.errors import UsageError

_CONFIG = cli.define_config()
_WORKDIR = flags.DEFINE_string('workdir', 'runs', 'where the run will write')
_MESH = flags.DEFINE_string(
  'mesh', '', 'data x fsdp x tensor, such as 4x2x1 or -1x2x1'
)
_TOPOLOGY = flags.DEFINE_string(
  'topology', '', 'v5e:16x16 or h200:8x8 (hosts x GPUs); default: this machine'
)
_LENGTHS = flags.DEFINE_string(
  'lengths', '', 'source x target tokens, such as 64x64, in place of the text'
)
_COMPILE = flags.DEFINE_bool('compile', True, 'compile the update too')
_COMPARE = flags.DEFINE_integer(
  'compare', 0, 'compile so many of the meshes that fit, and name the best'
)
_JSON = flags.DEFINE_bool('json', False, 'end with a JSON array of the plans')

# That this machine stands for: each costs memory (4,096 of them 0.6 GB).
_MOST_CPU_DEVICES = 4096


def main() -> None:
  config = _with_mesh(cli.read_config(_CONFIG), _MESH.value)
  if _COMPARE.value < 0:
    raise UsageError(f'--compare={_COMPARE.value}: expected at least 0')
  if not _TOPOLOGY.value:
    _use_cpu_devices(config.mesh)
  from t2t_jax.planning.examination import Request, examine

  mistakes = examine(
    config,
    Request(
      _TOPOLOGY.value,
      _LENGTHS.value,
      cli.workdir(_WORKDIR).path,
      _COMPILE.value,
      _COMPARE.value,
      _JSON.value,
    ),
    print,
  )
  if mistakes:
    raise UsageError(f'{mistakes} to mend, see above')


def _with_mesh(config: Config, mesh: str) -> Config:
  if not mesh:
    return config
  sizes = mesh.split('x')
  found = [
    int(size) if size == '-1' or size.isdecimal() else 0 for size in sizes
  ]
  if len(found) != 3 or not all(found) or found.count(-1) > 1:
    raise UsageError(
      f"--mesh={mesh}: expected data x fsdp x tensor, as in '4x2x1' or, for "
      "all remaining devices as data, '-1x2x1'"
    )
  return dataclasses.replace(config, mesh=MeshConfig(*found))


def _use_cpu_devices(mesh: MeshConfig) -> None:
  """Makes as many CPU devices as a mesh without -1 has; accelerators stay as
  they are."""
  import jax

  sizes = dataclasses.astuple(mesh)
  if -1 not in sizes:
    devices = math.prod(sizes)
    if devices > _MOST_CPU_DEVICES:
      raise UsageError(
        f'config.mesh: expected at most {_MOST_CPU_DEVICES:,} devices on this '
        f'machine, found {devices:,}'
      )
    # It raises where jax runs already, as in a notebook.
    with contextlib.suppress(RuntimeError):
      jax.config.update('jax_num_cpu_devices', devices)


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
