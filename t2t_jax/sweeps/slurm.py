"""The rows of a sweep as one Slurm array."""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from t2t_jax.errors import UsageError
from t2t_jax.sweeps.rows import Row


def array_command(
  rows: Sequence[Row],
  unfinished: Sequence[Row],
  jobs: int,
  options: str,
  script: Path,
  directory: Path,
) -> list[str]:
  """Returns the sbatch command that runs `unfinished`, `jobs` at one time.

  An element's number is the place of its row in `rows`, which stays what it is
  when the sweep grows while the array waits.
  """
  places = ','.join(str(rows.index(row)) for row in unfinished)
  return [
    'sbatch',
    f'--array={places}%{jobs}',
    f'--job-name={directory.name}',
    f'--output={directory}/slurm-%a.log',
    f'--export=ALL,PYTHON={sys.executable}',
    *shlex.split(options),
    str(script),
    f'@{_rows_file(directory)}',
  ]


def submit(command: list[str], rows: Sequence[Row], directory: Path) -> str:
  """Hands the array to Slurm; returns what sbatch says.

  Raises:
    UsageError: there is no sbatch, or it refuses.
  """
  lines = [shlex.join(row.arguments) + '\n' for row in rows]
  _rows_file(directory).write_text(''.join(lines), encoding='utf-8')
  try:
    finished = subprocess.run(
      command, capture_output=True, text=True, check=False
    )
  except FileNotFoundError:
    raise UsageError('--slurm: there is no sbatch on this machine') from None
  if finished.returncode:
    raise UsageError(f'--slurm: sbatch refuses: {finished.stderr.strip()}')
  return finished.stdout.strip()


def _rows_file(directory: Path) -> Path:
  return directory / 'rows.txt'
