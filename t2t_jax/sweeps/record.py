"""The rows of a sweep as its directory remembers them: sweep.json."""

import json
from collections.abc import Sequence
from pathlib import Path

from t2t_jax.checkpoints.workdir import write_json
from t2t_jax.config import from_mapping, to_dict
from t2t_jax.config_files import with_base_values
from t2t_jax.errors import UsageError
from t2t_jax.sweeps.rows import Row

_NAME = 'sweep.json'


def add_rows(directory: Path, rows: Sequence[Row]) -> list[Row]:
  """Writes `rows` down and returns all; each keeps its place, new ones last."""
  directory.mkdir(parents=True, exist_ok=True)
  known = read_rows(directory) if (directory / _NAME).exists() else []
  titles = {row.title: row for row in (*known, *rows)}
  write_json(
    directory / _NAME,
    [
      {
        'title': row.title,
        'name': row.name,
        'seed': row.seed,
        'arguments': row.arguments,
        'config': to_dict(row.config),
      }
      for row in titles.values()
    ],
  )
  return list(titles.values())


def read_rows(directory: Path) -> list[Row]:
  """Returns the rows of all sweeps that were started in `directory`.

  Raises:
    UsageError: there are none, or they cannot be read.
  """
  file = directory / _NAME
  try:
    return [
      Row(
        entry['name'],
        entry['seed'],
        tuple(entry['arguments']),
        directory / entry['title'],
        from_mapping(with_base_values(entry['config'])),
      )
      for entry in json.loads(file.read_text(encoding='utf-8'))
    ]
  except FileNotFoundError:
    raise UsageError(
      f'--workdir={directory}: expected a sweep, found no {_NAME} in it'
    ) from None
  except (KeyError, TypeError, ValueError) as error:
    raise UsageError(f'{file}: not readable as a sweep: {error}') from None
