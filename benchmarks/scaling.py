"""How base and big scale over TPU slices and GPU clusters that are not here.

  python -m benchmarks.scaling --output=scaling.jsonl
  python -m benchmarks.scaling --output=scaling.jsonl --nocompile

For each config, topology and batch the most promising meshes (by formula) are
compiled by the compiler that would run there. A row tells of each what it needs
of memory, its collectives, and its times: of the kernels by libtpu's estimate,
or by a GPU's data sheet; of what is sent by the data sheet. These are bounds
and estimates, not measurements. bfloat16 activations. Layers are a loop, which
compiles quickly, but of which TPUs make twice the work (BUILD_NOTES.md):
--layers=written_out compiles what a run has by default, in minutes a program.

Rows go to --output as they are made, and those that stand there are not made
again: stop it and start it as you like. Ends with a table of the best mesh of
each, as Markdown: how efficient it is, and what limits it.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from absl import flags

from benchmarks import scaling_table
from t2t_jax import cli
from t2t_jax.config import Config, from_mapping
from t2t_jax.config_files import load
from t2t_jax.errors import UsageError
from t2t_jax.parallel.chips import CHIPS
from t2t_jax.parallel.platforms import on_platform
from t2t_jax.parallel.topologies import (
  devices_of,
  look_for_no_device,
  parse,
)
from t2t_jax.planning.plan import best_first, compiled
from t2t_jax.planning.report import as_json
from t2t_jax.planning.subject import from_lengths

_CONFIGS = flags.DEFINE_list('configs', 'base,big', 'files of configs/')
_TOPOLOGIES = flags.DEFINE_list(
  'topologies',
  'v5e:2x2,v5e:4x4,v5e:8x8,v5e:16x16,'
  'v5p:2x2x1,v5p:2x2x4,v5p:4x4x4,v5p:4x8x8,'
  'h200:1x8,h200:2x8,h200:8x8',
  'TPU slices, and GPUs as hosts x GPUs',
)
_BATCHES = flags.DEFINE_list(
  'batches',
  '0,8192',
  "tokens a side, an update, a chip; 0: the config's, over all chips",
)
_LENGTHS = flags.DEFINE_string('lengths', '64x64', 'source x target tokens')
_MESHES = flags.DEFINE_integer(
  'meshes', 2, 'compile so many, the most promising; not compiled: one'
)
_LAYERS = flags.DEFINE_enum(
  'layers', 'loop', ['loop', 'written_out'], 'how they are compiled'
)
_COMPILE = flags.DEFINE_bool('compile', True, 'else by formula alone')
_OUTPUT = flags.DEFINE_string('output', 'scaling.jsonl', 'rows, made or found')


def main() -> None:
  look_for_no_device()
  output = pathlib.Path(_OUTPUT.value)
  rows = _read(output)
  for topology in _TOPOLOGIES.value:
    for name in _CONFIGS.value:
      for batch in _BATCHES.value:
        key = [name, topology, int(batch), _LENGTHS.value, _COMPILE.value]
        key += [_LAYERS.value]
        made = [row['mesh'] for row in rows if row['key'] == key]
        if len(made) >= _how_many():
          continue
        for row in _rows(name, topology, int(batch), made):
          rows.append({'key': key} | row)
          with output.open('a', encoding='utf-8') as file:
            file.write(json.dumps(rows[-1]) + '\n')
  known = ', '.join(CHIPS)
  alike = [row for row in rows if row['key'][-1] == _LAYERS.value]
  print(scaling_table.text([scaling_table.point_of(row) for row in alike]))
  print(f'\nBy data sheet (chips known: {known}), not measured.')


def _read(output: pathlib.Path) -> list[dict[str, Any]]:
  if not output.exists():
    return []
  lines = output.read_text(encoding='utf-8').splitlines()
  return [json.loads(line) for line in lines]


def _how_many() -> int:
  return _MESHES.value if _COMPILE.value else 1


def _rows(
  name: str, topology_name: str, batch: int, made: list[list[int]]
) -> Iterator[dict[str, Any]]:
  """Yields a row of each promising mesh that is not among those `made`."""
  topology = parse(topology_name)
  assert topology.chip is not None
  config = _config(name, batch * topology.size)
  config = on_platform(config, topology.platform)
  subject = from_lengths(config, _LENGTHS.value)
  plans = best_first(subject, topology, topology.chip.memory)
  try:
    devices = devices_of(topology) if _COMPILE.value else []
  except UsageError as error:
    cli.say(str(error))
    return
  for found in plans[: _how_many()]:
    if list(found.sizes) in made:
      continue
    mesh = ' x '.join(map(str, found.sizes))
    cli.say(f'{name} on {topology_name}, {mesh}, {batch} tokens a chip')
    if devices:
      found, _ = compiled(found, subject, topology, devices)
    yield as_json(found, topology)


def _config(name: str, tokens: int) -> Config:
  mapping = load(f'configs/{name}.py').to_dict()
  mapping['model'] |= {
    'compute_dtype': 'bfloat16',
    'scan_layers': _LAYERS.value == 'loop',
  }
  # As many as fit into a chip.
  mapping['training']['microbatch_tokens'] = 2**30
  config = from_mapping(mapping)
  if not tokens:
    return config
  training = dataclasses.replace(config.training, global_batch_tokens=tokens)
  return dataclasses.replace(config, training=training)


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
