"""From the start of a run to the end of its first update, cold and warm.

  python -m benchmarks.startup
  python -m benchmarks.startup --case=base --repeats=7

Each start is a process of its own that does what `python -m t2t_jax.main` does
until the first update is done (`startup_probe.py`). Cold: nothing is prepared,
the cache of compiled programs is empty. Warm: both were left by the start
before; the workdir is new. Python keeps its byte code from start to start.

  base        the paper's model, a batch of 4 x 64, 37,000 rows in its table
  quickstart  configs/quickstart.py

Prints a JSON line a case, for cold and for warm, and a table with the seconds
of each phase; warm ones are medians.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from absl import flags

from benchmarks.clock import define_clock
from t2t_jax import cli
from t2t_jax.errors import UsageError, nearest

_GENERATED = '--config.data.kind=generated'
# The text is the quickstart's, so the vocabulary is small: the table's rows
# are padded to those that the paper's would have.
CASES = {
  'base': (
    '--config=configs/base.py',
    _GENERATED,
    '--config.data.max_tokens=64',
    '--config.vocabulary.size=1000',
    '--config.model.vocab_row_multiple=37000',
    '--config.training.global_batch_tokens=256',
    '--config.training.max_shapes=1',
    '--config.training.length_multiple=64',
  ),
  'quickstart': ('--config=configs/quickstart.py',),
  # To try the benchmark out.
  'micro': (
    '--config=configs/quickstart.py',
    '--config.data.generated_train_pairs=200',
    '--config.data.generated_dev_pairs=20',
    '--config.vocabulary.size=400',
    '--config.model.d_model=16',
    '--config.model.d_ff=16',
    '--config.model.num_encoder_layers=1',
    '--config.model.num_decoder_layers=1',
    '--config.training.global_batch_tokens=256',
    '--config.training.max_shapes=1',
  ),
}
_CASES = flags.DEFINE_list('case', 'base,quickstart', 'what is started')
_REPEATS = flags.DEFINE_integer('repeats', 3, 'warm starts', lower_bound=1)
_CLOCK = define_clock()
_SETTINGS = flags.DEFINE_multi_string(
  'set', [], 'for all: --config.key=value is --set=config.key=value'
)


def main() -> None:
  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.report import now, print_record, print_table

  for case in _CASES.value:
    if case not in CASES:
      raise UsageError(
        f"--case: expected some of {', '.join(CASES)}, found '{case}'."
        f'{nearest(case, CASES)}'
      )
  machine = describe('jax', 'jaxlib', 'flax')
  records: list[dict[str, Any]] = []
  for case in _CASES.value:
    with tempfile.TemporaryDirectory() as directory:
      for caches, number in (('cold', 1), ('warm', _REPEATS.value)):
        cli.say(f'{case}: {number} {caches} starts')
        starts = [
          start(CASES[case], Path(directory), f'{caches}-{i}')
          for i in range(number)
        ]
        record = {
          'benchmark': 'startup',
          'date': now(),
          'case': case,
          'caches': caches,
          'starts': number,
          'clock': _CLOCK.value,
        } | summarise(starts)
        print_record(record | machine)
        records.append(record)
  print_table(records, COLUMNS['startup'])


def start(
  arguments: tuple[str, ...], directory: Path, workdir: str
) -> dict[str, float]:
  """Returns {phase: seconds} of one start; caches are in `directory`."""
  environment = {
    name: value
    for name, value in os.environ.items()
    if name != 'PYTHONDONTWRITEBYTECODE'
  }
  began = 'cpu' if _CLOCK.value == 'cpu' else str(time.time())
  result = subprocess.run(
    [
      *(sys.executable, '-m', 'benchmarks.startup_probe', began),
      *arguments,
      f'--workdir={directory / workdir}',
      f'--config.data.cache_dir={directory / "prepared"}',
      f'--config.logging.compile_cache_dir={directory / "compiled"}',
      *(f'--{setting}' for setting in _SETTINGS.value),
    ],
    cwd=Path(__file__).parents[1],
    env=environment,
    stdout=subprocess.PIPE,
    check=False,
  )
  if result.returncode:
    raise UsageError(
      f'the run ended with status {result.returncode}; its own line says why'
    )
  return dict(json.loads(result.stdout.splitlines()[-1]))


def summarise(starts: list[dict[str, float]]) -> dict[str, Any]:
  """Returns the median of the starts, and of each of their phases."""
  import numpy as np

  totals = [sum(phases.values()) for phases in starts]
  return {
    'seconds': [round(total, 3) for total in totals],
    'total_s': round(float(np.median(totals)), 3),
    'quartiles_s': [
      round(float(q), 3) for q in np.percentile(totals, (25, 75))
    ],
    'phases': {
      name: round(float(np.median([phases[name] for phases in starts])), 3)
      for name in starts[0]
    },
  }


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
