"""Trains many configs, here or as a Slurm array, and compares them.

  python launch/sweep.py configs/base.py configs/big.py --workdir=runs/sizes
  python launch/sweep.py configs/quickstart.py --workdir=runs/rates \\
    --sweep=config.model.dropout_rate=0,0.1 \\
    --sweep=config.optimizer.peak_learning_rate=0.001,0.003 \\
    --seeds=1,2,3 --config.training.steps=500
  python launch/sweep.py --workdir=runs/rates --table

Every config (FILE or FILE:ARGUMENT; a FILE with a function rows() stands for
FILE:ROW of each name that it yields) is trained with every combination of the
swept values and with every seed; --config.key=value holds for all. A run's
workdir is DIR/NAME, its log DIR/NAME/log.txt.

The same command again goes on: finished runs are left, stopped ones resumed,
failed ones tried again. DIR/table.md, .csv and .json compare what is there,
table.png shows it (extra plot).
Exit status 1: a run failed; 75: told to stop, and saved.
"""

import shlex
from pathlib import Path

from absl import flags

from t2t_jax import cli
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.errors import UsageError
from t2t_jax.reporting.run_results import read_results
from t2t_jax.sweeps import local, picture, slurm
from t2t_jax.sweeps.record import add_rows, read_rows
from t2t_jax.sweeps.rows import Row, make_rows
from t2t_jax.sweeps.table import make_table, write_table
from t2t_jax.training.stopping import Stopped, TrainingError

_FILES = flags.DEFINE_multi_string(
  'file', [], 'a config; --file= may be left out'
)
_SETTINGS = cli.define_settings()
_SWEEPS = flags.DEFINE_multi_string(
  'sweep', [], 'config.key=value1,value2...; several are combined'
)
_SEEDS = flags.DEFINE_list('seeds', [], 'of training, such as 1,2,3')
_WORKDIR = flags.DEFINE_string('workdir', None, "holds the runs' workdirs")
_JOBS = flags.DEFINE_integer(
  'jobs', 1, 'runs at one time; they share GPUs and CPUs', lower_bound=1
)
_SLURM = flags.DEFINE_bool('slurm', False, 'submit as a Slurm array')
_SBATCH = flags.DEFINE_string(
  'sbatch', '', "options for it, such as '--partition=a100 --time=8:00:00'"
)
_DRY_RUN = flags.DEFINE_bool('dry_run', False, 'only print the commands')
_TABLE = flags.DEFINE_bool('table', False, 'only print the table')


def main() -> None:
  cli.workdir(_WORKDIR)  # refuses what is no directory
  directory = Path(_WORKDIR.value or '').expanduser()
  if _TABLE.value:
    return _show(read_rows(directory), directory)
  rows = make_rows(
    _FILES.value, _SWEEPS.value, _seeds(), _SETTINGS.value, directory
  )
  if _DRY_RUN.value:
    for row in _unfinished(rows):
      print(shlex.join(['python', *row.command()[1:]]))
    return None
  if _SLURM.value:
    return _submit(rows, add_rows(directory, rows), directory)
  return _run(rows, directory)


def _seeds() -> list[int]:
  try:
    return [int(seed) for seed in _SEEDS.value]
  except ValueError:
    raise UsageError(
      f'--seeds={",".join(_SEEDS.value)}: expected numbers such as 1,2,3'
    ) from None


def _unfinished(rows: list[Row]) -> list[Row]:
  left = []
  for row in rows:
    results = read_results(row.workdir, row.config)
    if results is None or not results.is_finished:
      left.append(row)
  cli.say(f'{len(rows) - len(left)} of {len(rows)} runs are done')
  return left


def _run(rows: list[Row], directory: Path) -> None:
  # Before the rows are written down: those of a sweep that is refused must not
  # take the places of those that run.
  lock = Workdir(directory).lock()
  all_rows = add_rows(directory, rows)
  outcome = local.run_rows(
    _unfinished(rows),
    _JOBS.value,
    cli.say,
    lambda: write_table(directory, make_table(all_rows)),
  )
  lock.release()
  _show(all_rows, directory)
  if outcome.is_stopped:
    raise Stopped('stopped; the same command goes on')
  if outcome.failed:
    raise TrainingError(
      f'{len(outcome.failed)} of {len(rows)} runs failed; the same command '
      'tries them again'
    )


def _show(rows: list[Row], directory: Path) -> None:
  table = make_table(rows)
  print(write_table(directory, table))
  file = directory / 'table.png'
  if not picture.can_save():
    cli.say(f"{file}: needs matplotlib: pip install 't2t_jax[plot]'")
  elif picture.save_picture(file, table):
    cli.say(f'picture: {file}')


def _submit(rows: list[Row], all_rows: list[Row], directory: Path) -> None:
  left = _unfinished(rows)
  if not left:
    return
  script = Path(__file__).with_name('slurm.sbatch')
  command = slurm.array_command(
    all_rows, left, _JOBS.value, _SBATCH.value, script, directory
  )
  cli.say(slurm.submit(command, all_rows, directory))
  cli.say(f'logs: {directory}/slurm-*.log; --table compares what is there')


if __name__ == '__main__':
  cli.run(main, cli.files_as('file'))
