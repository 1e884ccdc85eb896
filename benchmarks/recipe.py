"""The Multi30k recipe to its BLEU, with the time that it takes.

  python -m benchmarks.recipe --text=DIR --workdir=runs/bench-multi30k
  python -m benchmarks.recipe --text=DIR --workdir=... --set=training.steps=100

DIR holds Multi30k's task 1, lower-cased, normalised and tokenised, named as
its repository does (train.lc.norm.tok.en) or shorter (train.en), plain or .gz.

First a run of a few updates of every shape, in a workdir of its own, which
prepares the text and compiles; then the recipe, whose time so holds no
compiling but that of its evaluations. Both go on where they were stopped: give
the same command again. On an accelerator the model computes in bfloat16.

Prints a JSON line for each test set, and a table:
  command s   of the recipe from the start of the process to its last line; the
              sum of its sessions if it was stopped
  training s  of them its updates'
"""

import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError

_TEXT = flags.DEFINE_string('text', None, 'directory of the text')
_WORKDIR = flags.DEFINE_string('workdir', None, 'of the run')
_CONFIG = flags.DEFINE_string('recipe', 'configs/multi30k.py', 'a config')
_WARM_STEPS = flags.DEFINE_integer(
  'warm_steps', 120, 'updates of the run that compiles', lower_bound=1
)
_WARM_ONLY = flags.DEFINE_bool('warm_only', False, 'that run alone')
_SETTINGS = flags.DEFINE_multi_string(
  'set', [], 'model.d_ff=512 sets config.model.d_ff of the recipe'
)


def main() -> None:
  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.multi30k_text import text_settings
  from benchmarks.report import print_record, print_table

  if not _TEXT.value or not _WORKDIR.value:
    raise UsageError('expected --text=DIR and --workdir=DIR')
  workdir = Path(_WORKDIR.value)
  settings = [*text_settings(_TEXT.value), *_SETTINGS.value]
  if _on_accelerator():
    settings.insert(0, 'model.compute_dtype=bfloat16')
  if not importlib.util.find_spec('tensorboardX'):
    settings.insert(0, 'logging.tensorboard=False')
  warm = workdir.with_name(f'{workdir.name}-warm')
  if not (warm / 'done').exists():
    cli.say('a short run, which prepares and compiles')
    few = [
      f'training.steps={_WARM_STEPS.value}',
      f'evaluation.every_steps={_WARM_STEPS.value}',
      'checkpoint.average_last=1',
    ]
    _run(warm, [*settings, *few])
    (warm / 'done').touch()
  if _WARM_ONLY.value:
    return
  cli.say('the recipe')
  seconds = _run(workdir, settings)
  machine = describe('jax', 'jaxlib', 'sacrebleu')
  records = _records(workdir, seconds)
  for record in records:
    print_record(record | machine)
  print_table(records, COLUMNS['recipe'])


def _run(workdir: Path, settings: Sequence[str]) -> float:
  """Runs the recipe, or what is left of it; returns its seconds so far, those
  of the sessions before included."""
  workdir.mkdir(parents=True, exist_ok=True)
  note = workdir / 'benchmark_seconds.json'
  before = json.loads(note.read_text()) if note.exists() else 0.0
  command = [
    *(sys.executable, '-m', 't2t_jax.main', f'--config={_CONFIG.value}'),
    f'--workdir={workdir}',
    f'--config.data.cache_dir={workdir.parent / "prepared"}',
    *(f'--config.{setting}' for setting in settings),
  ]
  start = time.perf_counter()
  # Told to stop, the run is too, and saves what it has: it is waited for.
  signal.signal(signal.SIGTERM, lambda *_: None)
  with subprocess.Popen(
    command,
    cwd=Path(__file__).parents[1],
    stdout=subprocess.DEVNULL,
  ) as process:
    # Written down as it goes: this process may be killed with it.
    while process.poll() is None:
      time.sleep(0.2)
      note.write_text(json.dumps(before + time.perf_counter() - start))
  if process.returncode:
    raise UsageError(
      f'the run ended with status {process.returncode}; its own line says why'
    )
  return float(json.loads(note.read_text()))


def _records(workdir: Path, seconds: float) -> list[dict[str, Any]]:
  import jax

  from benchmarks.report import now

  lines = (workdir / 'metrics.jsonl').read_text().splitlines()
  rows = [json.loads(line) for line in lines]
  train = [row for row in rows if row['kind'] == 'train'][-1]
  # A run that is finished again scores again.
  tests = {row['test_set']: row for row in rows if row['kind'] == 'test'}
  return [
    {
      'benchmark': 'recipe',
      'date': now(),
      'config': _CONFIG.value,
      'settings': _SETTINGS.value,
      'device': jax.devices()[0].device_kind,
      'test_set': name,
      'bleu': row['bleu'],
      'bleu_signature': row['bleu_signature'],
      'updates': row['step'],
      'wall_s': round(seconds, 1),
      'train_seconds': train['train_seconds'],
    }
    for name, row in tests.items()
  ]


def _on_accelerator() -> bool:
  """Asked of another process: this one must not hold the device's memory."""
  program = 'import jax; print(jax.default_backend())'
  result = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True, check=True
  )
  return result.stdout.split()[-1] != 'cpu'


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
