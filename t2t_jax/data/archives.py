"""Members of .tar, .tar.gz, .tgz and .zip archives, read in place; columns.

A member is named like a file below its archive:
training-parallel-nc-v9.tgz/training/news-commentary-v9.de-en.en. Nothing is
unpacked to disk, and memory does not grow with the archive: a compressed one
is read from its start up to the member, each time that the member is opened
(a .zip finds it at once).

A name that ends in #2 means the second column of a table with tabs:
europarl-v10.de-en.tsv.gz#2.
"""

import contextlib
import re
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from t2t_jax.errors import UsageError, nearest

SUFFIXES = ('.tar', '.tgz', '.tar.gz', '.zip')
_COLUMN = re.compile(r'#([1-9]\d*)$')


class Place(NamedTuple):
  """Where a text lies.

  Attributes:
    file: on disk.
    member: of the archive that the file is; '' if it is none.
    column: of the table that the text is, counted from 1; 0 if it is none.
  """

  file: Path
  member: str
  column: int

  @property
  def name(self) -> str:
    """The name of the member, or else of the file."""
    return self.member or self.file.name

  @property
  def within(self) -> str:
    """What of the file it is, '' if all."""
    return self.member + (f'#{self.column}' if self.column else '')


def split(path: Path) -> Place:
  """Returns where the text of a name lies.

  A directory that is named like an archive is a directory, and a file whose
  name ends in #2 is a file.
  """
  column = 0
  if (found := _COLUMN.search(path.name)) and not path.is_file():
    column = int(found[1])
    path = path.with_name(path.name[: found.start()])
  for parent in reversed(path.parents):
    if parent.name.endswith(SUFFIXES) and not parent.is_dir():
      return Place(parent, path.relative_to(parent).as_posix(), column)
  return Place(path, '', column)


@contextlib.contextmanager
def open_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
  """Opens a member for reading its bytes; without one, the file itself.

  Raises:
    UsageError: no such member (names the nearest), or what is no archive.
    OSError, EOFError, zlib.error, BadZipFile: as reading the archive raises
      them.
  """
  if not member:
    with archive.open('rb') as file:
      yield file
    return
  opening = _open_zip if archive.suffix == '.zip' else _open_tar
  with opening(archive, member) as file:
    yield file


@contextlib.contextmanager
def _open_tar(archive: Path, member: str) -> Iterator[IO[bytes]]:
  try:
    if archive.name.endswith('.tar'):
      opened = tarfile.open(archive, 'r:')  # noqa: SIM115
    else:  # as a stream, without looking back
      opened = tarfile.open(archive, 'r|gz')  # noqa: SIM115
  except tarfile.ReadError as error:
    raise _no_archive(archive, error) from None
  with opened:
    names = []
    for entry in opened:
      if not entry.isfile():  # links lead to what a stream has passed by
        continue
      names.append(entry.name.removeprefix('./'))
      if names[-1] == member:
        found = opened.extractfile(entry)
        assert found is not None
        yield found
        return
  raise _no_member(archive, member, names)


@contextlib.contextmanager
def _open_zip(archive: Path, member: str) -> Iterator[IO[bytes]]:
  try:
    opened = zipfile.ZipFile(archive)
  except zipfile.BadZipFile as error:
    raise _no_archive(archive, error) from None
  with opened:
    names = opened.namelist()
    if member not in names:
      raise _no_member(archive, member, names)
    try:
      file = opened.open(member)
    except RuntimeError as error:  # a password, or a way to compress
      raise UsageError(
        f'{archive}/{member}: cannot be read ({error})'
      ) from None
    with file:
      yield file


def _no_archive(archive: Path, error: Exception) -> UsageError:
  return UsageError(
    f'{archive}: expected an archive, found something else ({error})'
  )


def _no_member(archive: Path, member: str, names: Sequence[str]) -> UsageError:
  return UsageError(
    f'{archive}: there is no member {member}.{nearest(member, names)}'
  )
