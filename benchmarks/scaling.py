"""How base and big scale over TPU slices and GPU clusters that are not here.

  python -m benchmarks.scaling --output=scaling.jsonl
  python -m benchmarks.scaling --output=scaling.jsonl --nocompile

For each config, topology and batch the most promising mesh (by formula) is
compiled by the compiler that would run there, and a row tells what it needs
and the least time by the data sheet: bounds, not measurements. bfloat16
activations; layers as a loop, which compiles quickly.

Rows go to --output as they are made, and those that stand there are not made
again: stop it and start it as you like. Ends with the table, as Markdown.
"""

import dataclasses
import json
import pathlib
from typing import Any

from absl import flags

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
from t2t_jax.planning.report import as_json, size_text
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
        if any(row['key'] == key for row in rows):
          continue
        cli.say(f'{name} on {topology}, {batch} tokens a chip')
        row = {'key': key} | _row(name, topology, int(batch))
        rows.append(row)
        with output.open('a', encoding='utf-8') as file:
          file.write(json.dumps(row) + '\n')
  print(_table(rows))


def _read(output: pathlib.Path) -> list[dict[str, Any]]:
  if not output.exists():
    return []
  lines = output.read_text(encoding='utf-8').splitlines()
  return [json.loads(line) for line in lines]


def _row(name: str, topology_name: str, batch: int) -> dict[str, Any]:
  topology = parse(topology_name)
  assert topology.chip is not None
  config = _config(name, batch * topology.size)
  config = on_platform(config, topology.platform)
  subject = from_lengths(config, _LENGTHS.value)
  found = best_first(subject, topology, topology.chip.memory)[0]
  if _COMPILE.value:
    try:
      devices = devices_of(topology)
    except UsageError as error:
      return as_json(found, topology) | {'missing': str(error)}
    found, _ = compiled(found, subject, topology, devices)
  return as_json(found, topology)


def _config(name: str, tokens: int) -> Config:
  mapping = load(f'configs/{name}.py').to_dict()
  mapping['model'] |= {'compute_dtype': 'bfloat16', 'scan_layers': True}
  # As many as fit into a chip.
  mapping['training']['microbatch_tokens'] = 2**30
  config = from_mapping(mapping)
  if not tokens:
    return config
  training = dataclasses.replace(config.training, global_batch_tokens=tokens)
  return dataclasses.replace(config, training=training)


def _table(rows: list[dict[str, Any]]) -> str:
  head = (
    'config',
    'chips',
    'tokens an update',
    'mesh',
    'microbatches',
    'memory a chip',
    'sent a chip',
    'update at least',
    'target tokens/s at most',
    'MFU at most',
  )
  lines = [head, ('---',) * len(head)]
  for row in rows:
    name, topology, *_ = row['key']
    memory = row['compiled_memory']
    sent = sum(c['bytes'] * c['count'] for c in row['collectives'])
    kind = 'compiled' if memory else 'estimated'
    lines.append(
      (
        name,
        f'{row["devices"]} ({topology})',
        f'{row["shape"][0] * row["shape"][2]:,}',
        ' x '.join(map(str, row['mesh'])),
        str(row['microbatches']),
        f'{size_text(memory or row["memory"]["total"])} {kind}'
        + ('' if row['fits'] else ', does not fit'),
        size_text(sent),
        f'{1e3 * row["least_seconds"]:.3g} ms',
        f'{row["target_tokens_per_second"]:,.0f}',
        f'{row["mfu"]:.1%}',
      )
    )
  known = ', '.join(CHIPS)
  text = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
  return f'{text}\n\nBounds by data sheet (chips known: {known}), not measured.'


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
