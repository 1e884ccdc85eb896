"""Members of .tar, .tar.gz and .tgz archives, read in place.

A member is named like a file below its archive:
training-parallel-nc-v9.tgz/training/news-commentary-v9.de-en.en. Nothing is
unpacked to disk, and memory does not grow with the archive: a compressed one
is read from its start up to the member, each time that the member is opened.
"""

import contextlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from t2t_jax.errors import UsageError, nearest

_SUFFIXES = ('.tar', '.tgz', '.tar.gz')


def split(path: Path) -> tuple[Path, str]:
  """Returns (archive, member), or (path, '') of what is in no archive.

  A directory that is named like an archive is a directory.
  """
  for parent in reversed(path.parents):
    if parent.name.endswith(_SUFFIXES) and not parent.is_dir():
      return parent, path.relative_to(parent).as_posix()
  return path, ''


@contextlib.contextmanager
def open_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
  """Opens a member for reading its bytes; without one, the file itself.

  Raises:
    UsageError: no such member (names the nearest), or what is no archive.
    OSError, EOFError, zlib.error: as reading the archive raises them.
  """
  if not member:
    with archive.open('rb') as file:
      yield file
    return
  try:
    if archive.name.endswith('.tar'):
      opened = tarfile.open(archive, 'r:')  # noqa: SIM115
    else:  # as a stream, without looking back
      opened = tarfile.open(archive, 'r|gz')  # noqa: SIM115
  except tarfile.ReadError as error:
    raise UsageError(
      f'{archive}: expected an archive, found something else ({error})'
    ) from None
  with opened:
    names = []
    for entry in opened:
      if entry.name.removeprefix('./') == member and entry.isfile():
        found = opened.extractfile(entry)
        assert found is not None
        yield found
        return
      names.append(entry.name.removeprefix('./'))
  raise UsageError(
    f'{archive}: there is no member {member}.{nearest(member, names)}'
  )
