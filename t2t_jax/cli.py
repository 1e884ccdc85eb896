"""What the commands share: flags, one-line errors, exit statuses.

0: done; 1: failed, or interrupted where nothing is kept; 2: a mistake of the
user's; 75 (EX_TEMPFAIL): told to stop and saved, start it again.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import app, flags, logging
from ml_collections import config_dict, config_flags

from t2t_jax import config_files
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config, from_mapping
from t2t_jax.config_values import (
  DECODING_METHODS,
  DECODING_STOPPING,
  DECODING_WEIGHTS,
  MBR_UTILITIES,
)
from t2t_jax.errors import UsageError, is_out_of_memory, nearest, one_line
from t2t_jax.parallel import hosts
from t2t_jax.parallel.host_memory import keep_freed_memory
from t2t_jax.training.stopping import Stopped, TrainingError

EXIT_STOPPED = 75
_NO_CONFIG = '--config: expected a file such as configs/base.py, found none'


def run(
  main: Callable[[], None],
  as_flags: Callable[[list[str]], list[str]] | None = None,
) -> None:
  """Parses the flags, runs `main` and exits; never a bare traceback for a
  user's mistake.

  Args:
    main: what the command does.
    as_flags: turns arguments into flags; default: finds the config file.
  """
  try:
    if {'-h', '-help', '--help'} & set(sys.argv[1:]):
      return _print_help(main)
    sys.argv[1:] = (as_flags or _arguments)(sys.argv[1:])
    positional = flags.FLAGS(sys.argv)[1:]
    if positional:
      raise UsageError(
        f"'{positional[0]}': expected flags only, such as --name=value"
      )
    # orbax tells of every file that it opens.
    logging.set_verbosity(logging.WARNING)
    keep_freed_memory()
    app.run(lambda _: main(), argv=sys.argv[:1])
  except Stopped as stopped:
    _exit(EXIT_STOPPED, str(stopped))
  except (UsageError, flags.Error) as error:
    _exit(2, one_line(error))
  except TrainingError as error:
    _exit(1, one_line(error))
  except RuntimeError as error:
    if not is_out_of_memory(error):
      raise
    what = str(error).splitlines()[0].rstrip('.')
    _exit(1, f'{what}; docs/troubleshooting.md tells what to lower')
  except BrokenPipeError:
    # The reader of our output went away, as `head` does: nothing to say.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
  except OSError as error:
    if error.filename is None:
      raise
    _exit(1, f'{error.filename}: {error.strerror}')
  except KeyboardInterrupt:
    _exit(1, 'interrupted')


def define_config() -> Any:
  """Defines --config=FILE[:ARGUMENT] and --config.key=value."""
  return config_flags.DEFINE_config_file(
    'config', None, 'a file of configs/, such as configs/base.py'
  )


def read_config(flag: Any) -> Config:
  """Returns the checked config of the flag that `define_config` made."""
  if flag.value is None:
    raise UsageError(_NO_CONFIG)
  return from_mapping(flag.value)


def config_of(arguments: list[str]) -> Config:
  """Returns the checked config of ['--config=FILE', '--config.key=value'...],
  as a command with these arguments reads it."""
  argv = ['', *_arguments(arguments)]
  values = flags.FlagValues()
  flag = config_flags.DEFINE_config_file(
    'config', flag_values=values, sys_argv=argv
  )
  values(argv)
  return read_config(flag)


def define_settings() -> Any:
  """Defines --set of a command that takes several configs."""
  return flags.DEFINE_multi_string(
    'set', [], 'for all: --config.key=value is --set=config.key=value'
  )


def files_as(name: str) -> Callable[[list[str]], list[str]]:
  """Returns `as_flags` for `run`: FILE becomes --NAME=FILE, and
  --config.key=value becomes --set=config.key=value."""

  def as_flags(arguments: list[str]) -> list[str]:
    found = []
    for before, argument in zip(['', *arguments], arguments, strict=False):
      flag = before.lstrip('-')
      is_value = flag in flags.FLAGS and not flags.FLAGS[flag].boolean
      if argument.startswith('--config.'):
        if '=' not in argument:
          raise UsageError(f'{argument}: expected --config.key=value')
        argument = f'--set={argument[2:]}'
      elif argument[:1] != '-' and not (before[:1] == '-' and is_value):
        argument = f'--{name}={argument}'
      found.append(argument)
    return found

  return as_flags


def define_workdir() -> Any:
  """Defines --workdir."""
  return flags.DEFINE_string(
    'workdir', None, "a run's directory: config, metrics, checkpoints"
  )


def define_decoding() -> Callable[[], dict[str, Any]]:
  """Defines flags that override the config's `decoding`.

  Returns:
    A function that gives the fields' values, None where not given.
  """
  integer, number = flags.DEFINE_integer, flags.DEFINE_float
  defined = {
    'method': flags.DEFINE_enum('method', None, DECODING_METHODS, 'the search'),
    'beam_size': integer('beam_size', None, 'live hypotheses; 1: greedy'),
    'length_penalty_alpha': number(
      'length_penalty_alpha', None, '0: none; higher: longer output'
    ),
    'max_decode_length_offset': integer(
      'max_decode_length_offset', None, 'output at most input + this, tokens'
    ),
    'stopping': flags.DEFINE_enum(
      'stopping', None, DECODING_STOPPING, 'when a beam search is over'
    ),
    'min_length': integer('min_length', None, 'output at least this, tokens'),
    'no_repeat_ngram': integer(
      'no_repeat_ngram', None, 'no n-gram of this size twice in an output'
    ),
    'num_samples': integer('num_samples', None, 'drawn by --method=sampling'),
    'temperature': number('temperature', None, 'sampling: divides the logits'),
    'top_k': integer(
      'top_k', None, 'sampling: among the k best tokens; 0: all'
    ),
    'top_p': number('top_p', None, 'sampling: among the fewest of this mass'),
    'seed': integer('seed', None, 'of sampling'),
    'mbr': flags.DEFINE_enum(
      'mbr', None, MBR_UTILITIES, 'minimum Bayes risk over beam or samples'
    ),
    'batch_tokens': integer(
      'batch_tokens', None, "source tokens times beams of a device's batch"
    ),
    'weights_dtype': flags.DEFINE_enum(
      'weights_dtype',
      None,
      DECODING_WEIGHTS,
      'of matrices: bfloat16 for CPUs that have it',
    ),
    'checkpoint': flags.DEFINE_string(
      'checkpoint', None, 'averaged, best, latest, or a step'
    ),
  }
  return lambda: {name: flag.value for name, flag in defined.items()}


def define_ensemble() -> Any:
  """Defines --ensemble."""
  return flags.DEFINE_list(
    'ensemble', [], 'runs to decode with too: DIR or DIR@CHECKPOINT, ...'
  )


def workdir(flag: Any) -> Workdir:
  """Returns the workdir of a --workdir flag."""
  if not flag.value:
    raise UsageError('--workdir: expected a directory, found none')
  return Workdir(flag.value)


def check_output(output: str, **inputs: str | None) -> None:
  """Raises UsageError where --output is a file that a command reads.

  Args:
    output: of the flag; '-' is standard output.
    inputs: {flag: file}; None or '-': none.
  """
  written = Path(output).expanduser().resolve()
  for flag, name in inputs.items():
    is_file = name and '-' not in (output, name)
    if is_file and Path(name or '').expanduser().resolve() == written:
      raise UsageError(
        f'--output={output}: is the --{flag}, which would be lost'
      )


def use_compile_cache(directory: str) -> None:
  """Keeps compiled programs in `directory` for the next start; '': does not."""
  import jax

  if not directory:
    return
  jax.config.update('jax_compilation_cache_dir', os.path.expanduser(directory))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.3)
  jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)


def say(line: str) -> None:
  """Tells of progress on standard error; standard output is for results."""
  print(line, file=sys.stderr, flush=True)


def say_once(line: str) -> None:
  """As `say`, by the first of a run's processes alone."""
  if hosts.is_first():
    say(line)


def _exit(status: int, line: str) -> None:
  command = Path(sys.argv[0]).stem
  if status == EXIT_STOPPED:  # as all processes of the run
    say_once(f'{command}: {line}')
  else:
    say(f'{command}: {hosts.name()}{line}')
  sys.exit(status)


# --- arguments ----------------------------------------------------------------


def _arguments(argv: list[str]) -> list[str]:
  """Returns `argv` with the config file found.

  Names a missing config file or an unknown key, of which absl would show a
  traceback.
  """
  found, name, keys = list(argv), None, []
  for i, argument in enumerate(argv):
    flag, equals, value = argument.lstrip('-').partition('=')
    if not argument.startswith('-'):
      continue
    if flag == 'config':
      place = i if equals else i + 1
      name = value if equals else ''.join(argv[place : place + 1])
      path, colon, rest = name.partition(':')
      if not path:
        raise UsageError(_NO_CONFIG)
      found[place : place + 1] = [
        f'{"--config=" if equals else ""}{config_files.find(path)}{colon}{rest}'
      ]
    elif flag.startswith(('config.', 'noconfig.')):
      keys.append(flag.partition('.')[2])
  if name is not None:
    config = config_files.load(name)
    for key in keys:
      _check_key(config, key)
  elif keys:
    raise UsageError(f'--config.{keys[0]}: needs --config=FILE too')
  return found


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


def _print_help(main: Callable[[], None]) -> None:
  """Prints the command's docstring and its flags, not absl's own."""
  print(getattr(main, '__globals__', {}).get('__doc__', ''))
  print('Flags:')
  for module, defined in flags.FLAGS.flags_by_module_dict().items():
    if not module.startswith('absl'):
      for flag in defined:
        print(f'  --{flag.name}: {flag.help}')
