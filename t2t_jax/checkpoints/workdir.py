"""A run's directory: its config, tokenizer, lock and records.

config.json      the config the run was started with
run.json         fingerprints, versions, data report, micro-batches, sessions
tokenizer/       copies of the vocabularies
checkpoints/     one directory a step (store.py); damaged.STEP beside it
averaged/        averaged parameters (params.py)
metrics.jsonl    one JSON object a line; tensorboard/ holds the same
lock             held while a run is at work
"""

import fcntl
import json
import os
import socket
from pathlib import Path
from typing import Any

from t2t_jax.config import Config, from_mapping, to_dict
from t2t_jax.config_files import with_base_values
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.errors import UsageError


class Workdir:
  """Paths of a run's directory, and the small files in it."""

  def __init__(self, path: str | os.PathLike):
    if '://' in str(path):  # else a directory `gs:` would be made here
      raise UsageError(
        f'--workdir={path}: expected a directory, found a URL; mount what it '
        'names as a file system'
      )
    self.path = Path(path).expanduser().absolute()
    self.config_file = self.path / 'config.json'
    self.run_file = self.path / 'run.json'
    self.tokenizer = self.path / 'tokenizer'
    self.checkpoints = self.path / 'checkpoints'
    self.averaged = self.path / 'averaged'
    self.metrics = self.path / 'metrics.jsonl'
    self.tensorboard = self.path / 'tensorboard'
    self._lock_file = self.path / 'lock'

  def holds_a_run(self) -> bool:
    return self.config_file.exists()

  def read_config(self) -> Config:
    """Returns the config of the run.

    Raises:
      UsageError: there is no run here, or its config cannot be read.
    """
    values = self._read(self.config_file)
    try:
      return from_mapping(with_base_values(values))
    except UsageError as error:
      raise UsageError(f'{self.config_file}: {error}') from error

  def read_run(self) -> dict[str, Any]:
    """Returns the contents of run.json; raises as `read_config`."""
    return self._read(self.run_file)

  def check_modules(self, own: dict[str, str]) -> None:
    """Raises UsageError where the run's layers have other modules.

    Args:
      own: those that are not the paper's, as Modules.own (model/modules.py)
        gives them.
    """
    there = self.read_run().get('modules', {}) if self.run_file.exists() else {}
    if there != own:
      raise UsageError(
        f'--workdir={self.path}: expected the modules that its layers were '
        f'trained with, {_in_words(there)}, found {_in_words(own)}; only '
        "Python takes others than the paper's, as modules=Modules(...)"
      )

  def read_tokenizers(self) -> Tokenizers:
    """Returns the run's vocabularies; raises UsageError for damaged ones."""
    return Tokenizers.load(self.tokenizer)

  def write(
    self, config: Config, tokenizers: Tokenizers, run: dict[str, Any]
  ) -> None:
    """Writes what makes this directory a run; config.json comes last."""
    if not self._holds(tokenizers):  # a decoder may be reading them
      tokenizers.save(self.tokenizer)
    write_json(self.run_file, run)
    write_json(self.config_file, to_dict(config))

  def _holds(self, tokenizers: Tokenizers) -> bool:
    try:
      return self.read_tokenizers().digest() == tokenizers.digest()
    except UsageError:  # none, or damaged
      return False

  def _read(self, file: Path) -> dict[str, Any]:
    if not self.path.is_dir():
      raise UsageError(f'--workdir={self.path}: no such directory')
    try:
      found = json.loads(file.read_text(encoding='utf-8'))
    except FileNotFoundError:
      raise UsageError(
        f'--workdir={self.path}: expected a run of t2t_jax, found no '
        f'{file.name} in it'
      ) from None
    except ValueError as error:
      raise UsageError(f'{file}: not readable as JSON: {error}') from None
    if not isinstance(found, dict):
      raise UsageError(
        f'{file}: expected a JSON object, found {str(found)[:40]!r}'
      )
    return found

  def lock(self) -> 'Lock':
    """Takes the directory for this process; raises UsageError if taken."""
    try:
      self.path.mkdir(parents=True, exist_ok=True)
      return Lock(self._lock_file)
    except OSError as error:
      raise UsageError(
        f'--workdir={self.path}: cannot be written: {error.strerror}'
      ) from None

  def holder(self) -> str:
    """Returns the process that holds the directory, in words, or held it."""
    try:
      return self._lock_file.read_text(encoding='utf-8').strip()
    except OSError:
      return ''


class Lock:
  """An flock on a file: the kernel frees it when its process dies."""

  def __init__(self, path: Path):
    self._file = open(path, 'a+', encoding='utf-8')  # noqa: SIM115
    try:
      fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      self._file.seek(0)
      holder = self._file.read().strip() or 'unknown'
      self._file.close()
      raise UsageError(
        f'--workdir={path.parent}: another run works here ({holder}); stop '
        'it or choose another directory'
      ) from None
    except OSError as error:  # a network's file system may know no locks
      self._file.close()
      raise UsageError(
        f'--workdir={path.parent}: cannot be locked: {error.strerror}; mount '
        'it with locks (Lustre: -o flock), or choose another directory'
      ) from error
    self._file.truncate(0)
    self._file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
    self._file.flush()

  def release(self) -> None:
    self._file.close()


def _in_words(own: dict[str, str]) -> str:
  named = ', '.join(f'{name}={part}' for name, part in own.items())
  return named or "the paper's"


def write_json(path: Path, value: Any) -> None:
  """Writes `value` so that the file is there whole or not at all."""
  temporary = path.with_name(path.name + '.new')
  with open(temporary, 'w', encoding='utf-8') as file:
    json.dump(value, file, indent=2, ensure_ascii=False)
    file.write('\n')
    file.flush()
    os.fsync(file.fileno())
  os.replace(temporary, path)
