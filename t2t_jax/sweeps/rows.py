"""The rows of a sweep: which runs there are, each by name and in order."""

import dataclasses
import itertools
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from t2t_jax import cli
from t2t_jax.config import Config
from t2t_jax.config_files import row_names
from t2t_jax.errors import UsageError

SEED = 'training.seed'


@dataclasses.dataclass(frozen=True)
class Row:
  """One run.

  Attributes:
    name: of the row; runs that differ in the seed alone share it.
    seed: as --seeds gave it, or None.
    arguments: of `t2t_jax.main`, --workdir among them.
    workdir: the directory of the run.
    config: what the arguments say.
  """

  name: str
  seed: int | None
  arguments: tuple[str, ...]
  workdir: Path
  config: Config

  @property
  def title(self) -> str:
    return self.workdir.name

  @property
  def log_file(self) -> Path:
    return self.workdir / 'log.txt'

  @property
  def failure_file(self) -> Path:
    """Holds why the row's last try failed; there is none otherwise."""
    return self.workdir / 'failure.txt'

  def command(self) -> list[str]:
    return [sys.executable, '-m', 't2t_jax.main', *self.arguments]


def make_rows(
  files: Sequence[str],
  sweeps: Sequence[str],
  seeds: Sequence[int],
  overrides: Sequence[str],
  directory: Path,
) -> list[Row]:
  """Returns the cross product of configs, swept values and seeds.

  Args:
    files: FILE, FILE:ARGUMENT, or a FILE with rows(), which stands for all.
    sweeps: 'config.key=value1,value2'.
    seeds: of training; none: as the configs say.
    overrides: 'config.key=value', for every row.
    directory: holds the workdirs.

  Raises:
    UsageError: a config that cannot be, two rows of one name.
  """
  if not files:
    raise UsageError(
      'expected config files such as configs/base.py, found none'
    )
  keys, lists = _parse(sweeps, seeds, overrides)
  short = short_names(keys)
  rows: dict[str, Row] = {}
  for file in itertools.chain.from_iterable(map(_expand, files)):
    for values in itertools.product(*lists):
      settings = list(zip(keys, values, strict=True))
      parts = [_stem(file), *(f'{short[k]}={v}' for k, v in settings)]
      name = ','.join(map(_safe, parts))
      changes = [*overrides, *(f'{key}={value}' for key, value in settings)]
      for seed in seeds or (None,):
        row = _make_row(name, seed, file, changes, directory)
        if row.title in rows:
          raise UsageError(
            f'two rows are called {row.title}: '
            f'{shlex.join(rows[row.title].arguments)} and '
            f'{shlex.join(row.arguments)}'
          )
        rows[row.title] = row
  return list(rows.values())


def short_names(keys: Sequence[str]) -> dict[str, str]:
  """Returns {key: its last part}; where two agree in it, more of them."""
  last = [key.rpartition('.')[2] for key in keys]
  return {
    key: name if last.count(name) == 1 else key.removeprefix('config.')
    for key, name in zip(keys, last, strict=True)
  }


def _make_row(
  name: str, seed: int | None, file: str, changes: list[str], directory: Path
) -> Row:
  title = name
  if seed is not None:
    title, changes = f'{name},seed={seed}', [*changes, f'config.{SEED}={seed}']
  workdir = directory / title
  flags = [f'--config={file}', *(f'--{change}' for change in changes)]
  arguments = (flags[0], f'--workdir={workdir}', *flags[1:])
  return Row(name, seed, arguments, workdir, cli.config_of(flags))


def _expand(file: str) -> list[str]:
  if ':' in file:
    return [file]
  return [f'{file}:{row}' for row in row_names(file)] or [file]


def _stem(file: str) -> str:
  path, colon, argument = file.partition(':')
  return Path(path).stem + (f'-{argument}' if colon else '')


def _safe(part: str) -> str:
  return re.sub(r'[^\w.=+-]', '_', part)


# --- flags --------------------------------------------------------------------


def _parse(
  sweeps: Sequence[str], seeds: Sequence[int], overrides: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
  """Returns the swept keys and the values of each."""
  keys, lists = [], []
  for sweep in sweeps:
    key, _, text = sweep.partition('=')
    values = [value.strip() for value in text.split(',')]
    if not key.startswith('config.') or not all(values):
      raise UsageError(
        f'--sweep={sweep}: expected config.key=value1,value2, such as '
        'config.model.d_model=256,512'
      )
    _check_unlike(f'--sweep={sweep}', values)
    keys.append(key)
    lists.append(values)
  _check_unlike('--seeds', seeds)
  given = [override.partition('=')[0] for override in overrides]
  given += keys + ([f'config.{SEED}'] if seeds else [])
  for key in (*keys, f'config.{SEED}'):
    if given.count(key) > 1:
      raise UsageError(
        f'--{key}: expected one of --sweep, --seeds and the setting for all '
        'rows, found more'
      )
  return keys, lists


def _check_unlike(flag: str, values: Sequence) -> None:
  if len(set(values)) < len(values):
    raise UsageError(f'{flag}: expected values unlike each other')
