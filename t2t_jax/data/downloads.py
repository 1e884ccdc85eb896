"""Fetches the files that a config names and that are not there yet.

What lies in data.directory already is taken as it is: only what is downloaded
is compared with its checksum.
"""

import contextlib
import fcntl
import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urldefrag, urlparse

from t2t_jax.config import DataConfig
from t2t_jax.data import archives
from t2t_jax.errors import UsageError

_TIMEOUT = 60  # seconds without a byte
_KEY = 'config.data.downloads'


def fetch(data: DataConfig, progress: Callable[[str], None]) -> None:
  """Downloads into data.directory what is named there and missing.

  A download that was broken off goes on where it was; a file is in its place
  whole or not at all.

  Args:
    data: of files; other kinds have nothing to fetch.
    progress: gets a line for each file.

  Raises:
    UsageError: a file that cannot be had, or is not the one expected.
  """
  if data.kind in ('tfds', 'generated'):
    return
  directory = Path(data.directory).expanduser()
  wanted = _wanted(data, directory)
  for address in data.downloads:
    name = file_name(address)
    if name in wanted and not (directory / name).exists():
      directory.mkdir(parents=True, exist_ok=True)
      _fetch_one(address, directory / name, progress)


def file_name(address: str) -> str:
  """Returns the name that a download has on disk."""
  return Path(urlparse(address).path).name


def _wanted(data: DataConfig, directory: Path) -> set[str]:
  """Returns the names in `directory` that hold a text of the config."""
  names = set()
  for split in ('train', 'dev', 'test'):
    for side in ('source', 'target'):
      for name in getattr(data, f'{split}_{side}'):
        path, member, _ = archives.split(directory / name)
        if path.parent == directory and not path.exists():
          names |= {path.name} if member else {path.name, f'{path.name}.gz'}
  return names


def _fetch_one(
  address: str, target: Path, progress: Callable[[str], None]
) -> None:
  url, checksum = urldefrag(address)
  part = target.with_name(f'{target.name}.part')
  try:
    with _locked(part) as file:
      if target.exists():  # another process was first
        return
      progress(f'downloading {url} into {target.parent}')
      _append(url, file)
      _check(url, checksum, part)
      os.replace(part, target)
  except urllib.error.URLError as error:
    raise UsageError(
      f'{_KEY}: cannot download {url} ({error.reason}); start again to go on, '
      f'or put the file at {target}'
    ) from None
  except (OSError, EOFError, http.client.HTTPException) as error:
    raise UsageError(
      f'{_KEY}: downloading {url} broke off ({error}); start again to go on, '
      f'or put the file at {target}'
    ) from None


@contextlib.contextmanager
def _locked(part: Path) -> Iterator[BinaryIO]:
  with part.open('ab') as file:
    with contextlib.suppress(OSError):  # a file system without locks
      fcntl.flock(file, fcntl.LOCK_EX)
    # While this one waited, another may have added to it, and died.
    file.seek(0, os.SEEK_END)
    yield file


def _append(url: str, file: BinaryIO) -> None:
  """Downloads what is missing of a file."""
  there = file.tell()
  headers = {'Range': f'bytes={there}-'} if there else {}
  request = urllib.request.Request(url, headers=headers)
  try:
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
      if there and answer.status != 206:
        file.truncate(0)  # the server begins at the start
        there = 0
      shutil.copyfileobj(answer, file, 1 << 20)
      file.flush()
      expected = answer.headers.get('Content-Length')
      found = file.tell() - there
      if expected is not None and found != int(expected):
        raise EOFError(f'expected {expected} bytes, found {found}')
  except urllib.error.HTTPError as error:
    if not (there and error.code == 416):  # nothing is missing
      raise


def _check(url: str, checksum: str, part: Path) -> None:
  """Deletes a file that is not the one expected, and raises UsageError."""
  if not checksum:
    return
  algorithm, _, expected = checksum.partition('=')
  with part.open('rb') as file:
    found = hashlib.file_digest(file, algorithm).hexdigest()
  if found != expected.lower():
    part.unlink()
    raise UsageError(
      f'{_KEY}: {url}: expected {algorithm} {expected}, found {found}'
    )
