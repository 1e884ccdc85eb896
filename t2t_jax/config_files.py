"""Finding and loading config files: `configs/*.py`, each with a get_config().

A name such as configs/base.py means the file in the working directory, and if
there is none, the one that was installed with the package.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from t2t_jax.config import Config, from_mapping, to_dict
from t2t_jax.errors import UsageError, nearest


def find(name: str) -> Path:
  """Returns the path of a config file.

  Raises:
    UsageError: there is no such file; the message names the most alike.
  """
  path = Path(name).expanduser()
  if path.is_file():
    return path
  folders = [path.parent]
  if path.parent == Path('configs'):
    folders.append(_installed())
    if (folders[-1] / path.name).is_file():
      return folders[-1] / path.name
  if path.is_dir():
    raise UsageError(f'--config={name}: expected a file, found a directory')
  names = [file.name for folder in folders for file in folder.glob('*.py')]
  raise UsageError(f'--config={name}: no such file.{nearest(path.name, names)}')


def load(name: str) -> Any:
  """Returns the ConfigDict of FILE or FILE:ARGUMENT.

  Raises:
    UsageError: no such file, or one that does not make a config.
  """
  path, colon, argument = name.partition(':')
  file = find(path)
  try:
    module = _execute(file)
    return module.get_config(argument) if colon else module.get_config()
  except UsageError:
    raise
  except Exception as error:
    raise UsageError(
      f'--config={name}: {type(error).__name__}: {error}'
    ) from error


def load_config(name: str, changes: Mapping[str, Any] | None = None) -> Config:
  """Returns the checked config of FILE or FILE:ARGUMENT, to train from.

  Args:
    name: such as configs/base.py; found as `find` does.
    changes: {'section.field': value}, as --config.section.field=value.

  Raises:
    UsageError: as `load`, or a field that does not exist or cannot have this
      value.
  """
  return from_mapping(_changed(load(name).to_dict(), changes or {}))


def with_changes(config: Config, changes: Mapping[str, Any]) -> Config:
  """Returns `config` with some fields set anew, and checked.

  Args:
    config: such as a run's, from Workdir.read_config.
    changes: {'section.field': value}, as `load_config` takes them.

  Raises:
    UsageError: a field that does not exist or cannot have this value.
  """
  return from_mapping(_changed(to_dict(config), changes))


def row_names(name: str) -> tuple[str, ...]:
  """Returns what FILE's rows() yields, () without such a function.

  A row is an argument of the file's get_config: FILE:ROW is its config.

  Raises:
    UsageError: no such file, or one whose rows are not names.
  """
  try:
    names = tuple(getattr(_execute(find(name)), 'rows', tuple)())
  except UsageError:
    raise
  except Exception as error:
    raise UsageError(f'{name}: {type(error).__name__}: {error}') from error
  for row in names:
    if not isinstance(row, str) or not row:
      raise UsageError(f'{name}: rows(): expected names, found {row!r}')
  return names


def load_beside(file: str, name: str, *arguments: str) -> Any:
  """Returns get_config(*arguments) of the file `name` in the directory of
  `file`.

  A config that changes another begins with load_beside(__file__, 'base.py').
  """
  return module_beside(file, name).get_config(*arguments)


def module_beside(file: str, name: str) -> Any:
  """Returns the module of the file `name` in the directory of `file`."""
  return _execute(Path(file).with_name(name))


# What went before a field where base.py has what the paper wants instead.
_BEFORE = {'evaluation': {'report': ('bleu', 'chrf++', 'ter')}}


def with_base_values(values: dict[str, Any]) -> dict[str, Any]:
  """Returns nested `values` with those of base.py where there are none.

  A run of an older version lacks what was added since; base.py's value of a
  new field is what went before it, or else _BEFORE's.
  """
  filled = dict(values)
  for section, fields in base_values().items():
    given = values.get(section, {} if isinstance(fields, dict) else fields)
    if isinstance(given, dict):
      given = {**fields, **_BEFORE.get(section, {}), **given}
    filled[section] = given
  return filled


def base_values() -> dict[str, Any]:
  """Returns the nested values of the base.py of this package."""
  return dict(load_beside(str(_installed() / 'base.py'), 'base.py').to_dict())


def _changed(
  mapping: dict[str, Any], changes: Mapping[str, Any]
) -> dict[str, Any]:
  for key, value in changes.items():
    section, _, name = key.rpartition('.')
    if isinstance(fields := mapping.get(section), dict):
      fields[name] = value
    else:
      mapping[key] = value  # in no section, or a mistake that the check tells
  return mapping


def _installed() -> Path:
  """The configs of this package: in a checkout they lie beside it."""
  package = Path(__file__).parent
  inside = package / 'configs'
  return inside if inside.is_dir() else package.parent / 'configs'


def _execute(file: Path) -> ModuleType:
  spec = importlib.util.spec_from_file_location(f'config_{file.stem}', file)
  if spec is None or spec.loader is None:
    raise UsageError(f'{file}: expected a Python file, a name ending in .py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module
