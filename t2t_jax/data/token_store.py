"""Text to token files, once: later runs with equal input find them again.

A preparation is a directory of the cache, named after its fingerprint:
  train/ dev/    {source,target}_{tokens,offsets}.npy
  vocabulary/    the tokenizers
  report.json    counts of the cleaning
  manifest.json  each file's size in bytes; written last
While it is made, NAME.work beside it keeps what is done: the tokenizers and
chunks of encoded text. One that was broken off goes on from there.
"""

import contextlib
import ctypes
import dataclasses
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from t2t_jax.config import Config
from t2t_jax.data import cleaning, downloads, encoding, task_lines
from t2t_jax.data.fingerprint import compute_fingerprint
from t2t_jax.data.given_vocabulary import given_tokenizers
from t2t_jax.data.pace import Pace
from t2t_jax.data.token_files import TokenStore
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.data.workers import WorkerDied
from t2t_jax.errors import UsageError

__all__ = ['Prepared', 'TokenStore', 'prepare']

_Progress = Callable[[str], None]
_WORK = f'1-{encoding.CHUNK}'  # the form of unfinished work


@dataclasses.dataclass(frozen=True)
class Prepared:
  """All that training takes from the text.

  `fingerprint` is a SHA-256 over the text and the settings that decide the
  token files; `report` is JSON-able: {'train': counts, 'dev': counts}.
  """

  train: TokenStore
  dev: TokenStore
  tokenizers: Tokenizers
  report: dict[str, Any]
  fingerprint: str
  directory: Path


def prepare(config: Config, progress: _Progress = print) -> Prepared:
  """Returns the token files of `config`, made now or found in the cache.

  They lie in data.cache_dir under their fingerprint; several processes may
  prepare the same at one time. What was broken off goes on where it was, and
  ends in the same files.

  Args:
    config: what to prepare.
    progress: gets a line of text at each stage of the making.

  Raises:
    UsageError: text that cannot be read, or leaves nothing to train on, or a
      cache that cannot be written.
  """
  downloads.fetch(config.data, progress)
  fingerprint = compute_fingerprint(config, progress)
  cache = Path(config.data.cache_dir).expanduser()
  directory = cache / fingerprint[:20]
  if prepared := _open(directory, fingerprint):
    return prepared
  try:
    cache.mkdir(parents=True, exist_ok=True)
    with _lock(cache / f'{directory.name}.lock', progress) as is_alone:
      if prepared := _open(directory, fingerprint):
        return prepared
      if directory.exists():
        progress(f'{directory} is damaged: making it again')
      _make(config, fingerprint, directory, is_alone, progress)
  except OSError as error:
    raise UsageError(
      f'config.data.cache_dir: cannot write to {cache} ({error})'
    ) from error
  prepared = _open(directory, fingerprint)
  assert prepared, f'{directory} was just made'
  return prepared


def _open(directory: Path, fingerprint: str) -> Prepared | None:
  """Returns what `directory` holds, or None where it is not whole."""
  if not _is_whole(directory):
    return None
  try:
    return Prepared(
      train=TokenStore(directory / 'train'),
      dev=TokenStore(directory / 'dev'),
      tokenizers=Tokenizers.load(directory / 'vocabulary'),
      report=json.loads((directory / 'report.json').read_bytes()),
      fingerprint=fingerprint,
      directory=directory,
    )
  except (OSError, ValueError):
    return None


def _make(
  config: Config,
  fingerprint: str,
  directory: Path,
  is_alone: bool,
  progress: _Progress,
) -> None:
  building = Path(
    tempfile.mkdtemp(prefix=f'{directory.name}.tmp-', dir=directory.parent)
  )
  # Others who cannot be kept out must not meet in one place.
  work = directory.with_name(f'{directory.name}.work-{_WORK}')
  work = work if is_alone else building.with_name(f'{building.name}-work')
  if work.exists():
    progress(f'going on with what is done in {work}')
  work.mkdir(exist_ok=True)
  try:
    report = _write_all(config, work, building, progress)
    report['fingerprint'] = fingerprint
    _write_json(building / 'report.json', report)
    sizes = {
      str(path.relative_to(building)): path.stat().st_size
      for path in sorted(building.rglob('*'))
      if path.is_file()
    }
    _write_json(building / 'manifest.json', sizes)
    building.chmod(0o755)  # mkdtemp made it private
    _install(building, directory)
    shutil.rmtree(work)
  except UsageError as error:
    if not isinstance(error, WorkerDied):
      shutil.rmtree(work, ignore_errors=True)
    raise
  finally:
    shutil.rmtree(building, ignore_errors=True)
  progress(f'token files are in {directory}')


def _write_all(
  config: Config, work: Path, building: Path, progress: _Progress
) -> dict[str, Any]:
  unit = 'pairs' if config.task == 'translation' else 'lines'
  tokenizers, items = _tokenizers(config, unit, work, progress)
  tokenizers.save(building / 'vocabulary')
  report: dict[str, Any] = {}
  for split, expected in (('train', items), ('dev', None)):
    corpora_counts = encoding.write_split(
      config,
      split,
      tokenizers,
      work,
      building / split,
      expected=expected,
      progress=progress,
    )
    counts = cleaning.total(corpora_counts.values())
    report[split] = counts.to_dict()
    if len(corpora_counts) > 1:
      report[f'{split}_corpora'] = {
        name: part.to_dict() for name, part in corpora_counts.items()
      }
      for name, part in corpora_counts.items():
        progress(f'{split}, {name}: {part.describe(unit)}')
    described = counts.describe(unit)
    progress(f'{split}: {described}')
    if not counts.written:
      raise UsageError(
        f'config.data: no {unit[:-1]} of the {split} text is left; {described}'
      )
  return report


def _tokenizers(
  config: Config, unit: str, work: Path, progress: _Progress
) -> tuple[Tokenizers, int | None]:
  """Returns the tokenizers, made now or found in `work`, and how many pairs or
  lines the training text has, if they were counted."""
  directory, note = work / 'vocabulary', work / 'vocabulary.json'
  with contextlib.suppress(OSError, ValueError, KeyError):
    items = json.loads(note.read_text())['pairs']  # written last
    return Tokenizers.load(directory), items
  vocabulary = config.vocabulary
  if given := given_tokenizers(config):
    progress(f'vocabulary: that of {config.training.init_from}')
    given.save(directory)
    _write_json(note, {'pairs': None})
    return given, None
  sides = ''
  if config.task == 'translation':
    sides = 'joint ' if vocabulary.joint else 'separate '
  progress(
    f'vocabulary: {sides}{vocabulary.kind}, from '
    f'{vocabulary.source_model or "the training text"}'
  )
  pace = Pace('reading', None, progress, unit=unit)
  items = 0

  def counted() -> Iterator[tuple[str, str]]:
    nonlocal items
    for item in task_lines.read_lines(config, 'train'):
      items += 1
      if not items % encoding.CHUNK:
        pace.add(encoding.CHUNK)
      yield item

  tokenizers = task_lines.train_tokenizers(config, counted())
  _return_memory()
  tokenizers.save(directory)
  _write_json(note, {'pairs': items or None})
  return tokenizers, items or None


def _return_memory() -> None:
  """Gives the system back what training a vocabulary needed: some GB, which
  glibc would keep while the workers need theirs."""
  with contextlib.suppress(OSError, AttributeError):  # another C library
    ctypes.CDLL(None).malloc_trim(0)


def _write_json(path: Path, content: dict[str, Any]) -> None:
  path.write_text(json.dumps(content, indent=2) + '\n')


def _is_whole(directory: Path) -> bool:
  try:
    sizes = json.loads((directory / 'manifest.json').read_bytes())
    return all(
      (directory / name).stat().st_size == size for name, size in sizes.items()
    )
  except (OSError, ValueError, AttributeError):
    return False


def _install(building: Path, directory: Path) -> None:
  """Renames `building` to `directory`, whole or not at all."""
  replaced = building.with_name(f'{building.name}-replaced')
  with contextlib.suppress(FileNotFoundError):
    os.rename(directory, replaced)
  try:
    os.rename(building, directory)
  except OSError:
    # Without locks another process may have come first, with equal content.
    if not _is_whole(directory):
      raise
  finally:
    shutil.rmtree(replaced, ignore_errors=True)


@contextlib.contextmanager
def _lock(path: Path, progress: _Progress) -> Iterator[bool]:
  """Lets one process at a time prepare the same; freed when it dies.

  Yields whether it is the only one. What dead processes left in no fit state to
  go on is deleted. On a file system without locks several processes may do the
  same work, and the last rename counts.
  """
  with path.open('w') as file:
    locked = True
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      progress('waiting for another process that prepares the same text')
      fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
      locked = False
    if locked:
      for stale in path.parent.glob(f'{path.stem}.tmp-*'):
        shutil.rmtree(stale, ignore_errors=True)
    yield locked
