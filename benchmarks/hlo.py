"""The kernels of an update on a GPU that need not be here: which, and the least
time that they take.

  python -m benchmarks.hlo --config=configs/base.py \\
    --config.model.compute_dtype=bfloat16 --topology=h200:1x1 --lengths=64x64
  python -m benchmarks.hlo --hlo=FILE

Compiles the update as a run would (as doctor does), or reads the scheduled HLO
that an earlier call saved by --save. A table tells for each part of the model,
forward and backward, the kernels, the bytes that they move, their operations,
and the time that these take at least; a second one the same by kind of kernel,
a third one the costliest.
Bounds by what a GPU reaches (--tflops, --tbytes), not measurements.
"""

import pathlib
import re
from typing import Any

from absl import flags

from benchmarks.kernel_groups import costliest, part_of_kernel, summarise
from benchmarks.report import print_record, print_table
from t2t_jax import cli
from t2t_jax.errors import UsageError
from t2t_jax.parallel.topologies import (
  devices_of,
  look_for_no_device,
  parse,
)
from t2t_jax.planning.kernels import Kernel, read_kernels

_CONFIG = cli.define_config()
_TOPOLOGY = flags.DEFINE_string('topology', 'h200:1x1', 'hosts x GPUs')
_LENGTHS = flags.DEFINE_string('lengths', '64x64', 'source x target tokens')
_HLO = flags.DEFINE_string('hlo', '', 'a file to read; nothing is compiled')
_SAVE = flags.DEFINE_string('save', '', 'a file to write the HLO to')
_TOP = flags.DEFINE_integer('top', 20, 'costliest kernels that are listed')
_TFLOPS = flags.DEFINE_float('tflops', 790.0, 'of products, reached, 1e12/s')
_TBYTES = flags.DEFINE_float('tbytes', 4.8, 'of memory, 1e12 bytes/s')


def main() -> None:
  hlo = (
    pathlib.Path(_HLO.value).read_text('utf-8') if _HLO.value else _compiled()
  )
  kernels = read_kernels(hlo)
  if not kernels:
    raise UsageError(f'--hlo={_HLO.value}: expected scheduled HLO, found none')
  rates = 1e12 * _TFLOPS.value, 1e12 * _TBYTES.value
  for title, key in (('part', part_of_kernel), ('kind', lambda k: k.kind)):
    rows = summarise(kernels, key, *rates)
    for row in rows:
      print_record({'by': title} | row)
    print_table(rows, {title: 'group'} | _COLUMNS)
    print()
  print_table(
    [
      _alone(kernel, *rates)
      for kernel in costliest(kernels, *rates)[: _TOP.value]
    ],
    {
      'kernel': 'name',
      'kind': 'kind',
      'times': 'count',
      'MB': 'mbytes',
      'GFLOP': 'gflops',
      'us, all': 'us',
      'result': 'result',
      'from': 'source',
    },
  )


_COLUMNS = {
  'kernels': 'kernels',
  'GB': 'gbytes',
  'GFLOP': 'gflops',
  'ms, least': 'ms',
  'share': 'share',
}


def _alone(kernel: Kernel, flops: float, bandwidth: float) -> dict[str, Any]:
  return {
    'name': kernel.name,
    'kind': kernel.kind,
    'count': kernel.count,
    'mbytes': kernel.bytes / 1e6,
    'gflops': kernel.flops / 1e9,
    'us': 1e6 * kernel.count * kernel.seconds(flops, bandwidth),
    'result': re.sub(r'\{[^}]*\}', '', kernel.result)[:60],
    'source': kernel.source.removeprefix('jit(train_step)/')[-90:],
  }


def _compiled() -> str:
  look_for_no_device()
  config = cli.read_config(_CONFIG)
  topology = parse(_TOPOLOGY.value)
  assert topology.chip is not None
  if topology.chip.is_tpu:
    raise UsageError(
      f'--topology={_TOPOLOGY.value}: expected GPUs, such as h200:1x1'
    )
  from t2t_jax.parallel.mesh import resolve_sizes
  from t2t_jax.parallel.platforms import on_platform
  from t2t_jax.planning.plan import compiled, plan
  from t2t_jax.planning.report import lines
  from t2t_jax.planning.subject import from_lengths

  config = on_platform(config, topology.platform)
  subject = from_lengths(config, _LENGTHS.value)
  sizes = resolve_sizes(config.mesh, topology.size, config.model)
  limit = topology.chip.memory
  found, hlo = compiled(
    plan(subject, topology, sizes, limit),
    subject,
    topology,
    devices_of(topology),
  )
  for line in lines(found, topology):
    cli.say(line)
  if _SAVE.value:
    pathlib.Path(_SAVE.value).write_text(hlo, encoding='utf-8')
  return hlo


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
