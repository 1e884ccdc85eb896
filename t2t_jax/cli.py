"""What the commands share: flags, one-line errors, exit statuses.

0: done; 1: failed; 2: a mistake of the user's; 75 (EX_TEMPFAIL): told to
stop and saved, start it again.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import app, flags, logging
from ml_collections import config_dict, config_flags

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config, from_mapping
from t2t_jax.errors import UsageError, nearest
from t2t_jax.training.stopping import Stopped, TrainingError

EXIT_STOPPED = 75


def run(main: Callable[[], None]) -> None:
  """Parses the flags, runs `main` and exits; never a bare traceback for a
  user's mistake."""
  try:
    _check_overrides(sys.argv[1:])
    arguments = flags.FLAGS(sys.argv)
    if len(arguments) > 1:
      raise UsageError(
        f"'{arguments[1]}': expected flags only, such as --name=value"
      )
    # orbax tells of every file that it opens.
    logging.set_verbosity(logging.WARNING)
    app.run(lambda _: main(), argv=sys.argv[:1])
  except Stopped as stopped:
    _exit(EXIT_STOPPED, str(stopped))
  except (UsageError, flags.Error) as error:
    _exit(2, _one_line(error))
  except TrainingError as error:
    _exit(1, _one_line(error))
  except BrokenPipeError:
    # The reader of our output went away, as `head` does: nothing to say.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def define_config() -> Any:
  """Defines --config=FILE[:ARGUMENT] and --config.key=value."""
  return config_flags.DEFINE_config_file(
    'config', None, 'a file of configs/, such as configs/base.py'
  )


def read_config(flag: Any) -> Config:
  """Returns the checked config of the flag that `define_config` made."""
  if flag.value is None:
    raise UsageError(
      '--config: expected a file such as configs/base.py, found none'
    )
  return from_mapping(flag.value)


def workdir(flag: Any) -> Workdir:
  """Returns the workdir of a --workdir flag."""
  if not flag.value:
    raise UsageError('--workdir: expected a directory, found none')
  return Workdir(flag.value)


def use_compile_cache(directory: str) -> None:
  """Keeps compiled programs in `directory` for the next start; '': does not."""
  import jax

  if not directory:
    return
  jax.config.update(
    'jax_compilation_cache_dir', os.path.expanduser(directory)
  )
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.3)
  jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)


def say(line: str) -> None:
  """Tells of progress on standard error; standard output is for results."""
  print(line, file=sys.stderr, flush=True)


def _exit(status: int, line: str) -> None:
  say(f'{Path(sys.argv[0]).stem}: {line}')
  sys.exit(status)


def _one_line(error: Exception) -> str:
  return ' '.join(str(error).split())


# --- config files and overrides -----------------------------------------------


def _check_overrides(arguments: list[str]) -> None:
  """Names a missing config file or an unknown key: absl shows a traceback."""
  name, keys = None, []
  for i, argument in enumerate(arguments):
    flag, equals, value = argument.lstrip('-').partition('=')
    if not argument.startswith('-'):
      continue
    if flag == 'config':
      name = value if equals else (arguments[i + 1 : i + 2] or [''])[0]
    elif flag.startswith('config.'):
      keys.append(flag.removeprefix('config.'))
    elif flag.startswith('noconfig.'):
      keys.append(flag.removeprefix('noconfig.'))
  if name is None:
    if keys:
      raise UsageError(f'--config.{keys[0]}: needs --config=FILE too')
    return
  config = load_config_file(name)
  for key in keys:
    _check_key(config, key)


def load_config_file(name: str) -> config_dict.ConfigDict:
  """Returns get_config() of FILE[:ARGUMENT].

  Raises:
    UsageError: no such file, or one that does not make a config.
  """
  path, colon, argument = name.partition(':')
  file = Path(path)
  if not file.is_file():
    near = nearest(file.name, (p.name for p in file.parent.glob('*.py')))
    raise UsageError(f'--config={path}: no such file.{near}')
  spec = importlib.util.spec_from_file_location(f'config_{file.stem}', file)
  assert spec and spec.loader
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
    return module.get_config(argument) if colon else module.get_config()
  except UsageError:
    raise
  except Exception as error:
    raise UsageError(
      f'--config={name}: {type(error).__name__}: {error}'
    ) from error


def _check_key(config: config_dict.ConfigDict, key: str) -> None:
  where, section = 'config', config
  for part in key.split('.'):
    if not isinstance(section, config_dict.ConfigDict):
      raise UsageError(f'--{where}: is a value and has no field {part!r}')
    if part not in section:
      raise UsageError(
        f'--config.{key}: {where} has no field '
        f"'{part}'.{nearest(part, section.keys())}"
      )
    where, section = f'{where}.{part}', section[part]
  if isinstance(section, config_dict.ConfigDict):
    raise UsageError(
      f'--config.{key}: is a section; set one of {", ".join(section.keys())}'
    )
