r"""Parallel text files, read as a stream of pairs of lines.

Plain or .gz, on disk or in an archive, or a column of a table with tabs. A line
ends at `\n` alone, so U+2028 and the like stay inside it; a `\r` before it and
a byte order mark at the start of the file are removed. The lines of an .sgm
file are its segments.
"""

import contextlib
import gzip
import itertools
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast
from xml.sax.saxutils import unescape

from t2t_jax.data import archives
from t2t_jax.errors import UsageError, nearest

_BYTE_ORDER_MARK = b'\xef\xbb\xbf'
_BLOCK = 1 << 20  # bytes read and decoded in one go
# From one beginning to the next: the end, if it is there, is behind the text.
_SEGMENT = re.compile(r'<seg\b[^>]*>(.*?)(</seg>|(?=<seg\b)|\Z)', re.S | re.I)
_ENTITIES = {'&quot;': '"', '&apos;': "'"}  # besides &amp; &lt; &gt;


def find(directory: str, name: str, key: str) -> Path:
  """Returns the path of file `name` below `directory`, or of `name`.gz.

  The path of an archive's member goes on behind the archive's; whether there
  is such a member shows when it is read.

  Args:
    directory: where relative names start.
    name: a file name; an absolute one is taken as it is.
    key: the config field that holds the name, for the message.

  Raises:
    UsageError: there is no such file; the message names the most alike.
  """
  whole = Path(directory).expanduser() / Path(name).expanduser()
  path, member, column = archives.split(whole)
  if member and path.is_file():
    return whole
  for candidate in (path, path.with_name(path.name + '.gz')):
    if candidate.is_file() and not member:
      if candidate.name.endswith(archives.SUFFIXES):
        raise UsageError(
          f'config.{key}: {candidate} is an archive; expected a text in it, '
          f'such as {name}/FOLDER/FILE'
        )
      ending = f'#{column}' if column else ''
      return candidate.with_name(candidate.name + ending)
  if not path.parent.is_dir():
    raise UsageError(
      f'config.{key}: expected the file {path}, but there is no directory '
      f'{path.parent}'
    )
  names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
  kinds = '' if member else ', plain or .gz'
  raise UsageError(
    f'config.{key}: there is no file {path}{kinds}.{nearest(path.name, names)}'
  )


def size(path: Path) -> int:
  """Returns the bytes of a file that `find` found, or of its archive."""
  return archives.split(path).file.stat().st_size


def read_lines(path: Path) -> Iterator[str]:
  """Yields the lines of a UTF-8 file without their ends.

  Raises:
    UsageError: bad UTF-8 or too few columns (names file and line), a damaged
      .gz or archive, a file that cannot be read, or one without a line: text
      that somebody named is never meant to be empty.
  """
  number = 0
  place = archives.split(path)
  is_sgm = place.name.removesuffix('.gz').endswith('.sgm')
  try:
    with _open(place) as file:
      for block in _blocks(file, whole=is_sgm):
        try:
          text = block.decode('utf-8')
        except UnicodeDecodeError as error:
          raise UsageError(_bad_utf8(path, number, error)) from None
        lines = _segments(text, path) if is_sgm else _lines(text)
        if place.column:
          lines = _column(lines, place.column, path, number)
        number += len(lines)
        yield from lines
  except (
    EOFError,
    gzip.BadGzipFile,
    tarfile.ReadError,
    zipfile.BadZipFile,
    zlib.error,
  ) as error:
    kind = {'.zip': 'zip', '.tar': 'tar'}.get(place.file.suffix, 'gzip')
    raise UsageError(
      f'{path}: expected a whole {kind} file, found a damaged one after line '
      f'{number} ({error})'
    ) from None
  except OSError as error:
    raise UsageError(f'{path}: cannot be read ({error.strerror})') from None
  if not number:
    raise UsageError(f'{path}: expected lines of text, found none')


def read_pairs(source: Path, target: Path) -> Iterator[tuple[str, str]]:
  """Yields (source line, target line) of two files of equal length.

  Raises:
    UsageError: unequal numbers of lines, and all that `read_lines` raises.
  """
  sides = read_lines(source), read_lines(target)
  for count, pair in enumerate(itertools.zip_longest(*sides)):
    if None not in pair:
      yield pair
      continue
    shorter = pair.index(None)
    total = count + 1 + sum(1 for _ in sides[1 - shorter])
    found = (count, total) if shorter == 0 else (total, count)
    raise UsageError(
      f'{source} and {target}: expected equal numbers of lines, found '
      f'{found[0]} and {found[1]}; {(source, target)[shorter]} ends at line '
      f'{count}'
    )


@contextlib.contextmanager
def _open(place: archives.Place) -> Iterator[IO[bytes]]:
  with archives.open_member(place.file, place.member) as file:
    if place.name.endswith('.gz'):
      with gzip.open(file, 'rb') as unpacked:
        yield cast(IO[bytes], unpacked)
    else:
      yield file


def _blocks(file: IO[bytes], *, whole: bool) -> Iterator[bytes]:
  """Yields a file as blocks of whole lines, or at once."""
  block = file.read(-1 if whole else _BLOCK)
  block = block.removeprefix(_BYTE_ORDER_MARK)
  while block:
    yield block + file.readline()
    block = file.read(_BLOCK)


def _lines(text: str) -> list[str]:
  lines = text.split('\n')
  if not lines[-1]:
    lines.pop()
  if '\r' in text:
    lines = [line.removesuffix('\r') for line in lines]
  return lines


def _column(
  lines: list[str], column: int, path: Path, before: int
) -> list[str]:
  """Returns a column of a table's lines; `before` of them stand in front."""
  rows = [line.split('\t', column) for line in lines]
  for number, row in enumerate(rows, before + 1):
    if len(row) < column:
      raise UsageError(
        f'{path}, line {number}: expected at least {column} columns with tabs '
        f'between them, found {len(row)}'
      )
  return [row[column - 1] for row in rows]


def _segments(text: str, path: Path) -> list[str]:
  """Returns the text between <seg> and </seg>, whatever document it is in."""
  segments = _SEGMENT.findall(text)
  for number, (_, end) in enumerate(segments, 1):
    if not end:
      raise UsageError(
        f'{path}: expected </seg> at the end of segment {number}, found none'
      )
  return [
    ' '.join(unescape(segment, _ENTITIES).split()) for segment, _ in segments
  ]


def _bad_utf8(path: Path, before: int, error: UnicodeDecodeError) -> str:
  """Says where; `before` lines stand in front of the block."""
  start = error.object.rfind(b'\n', 0, error.start) + 1
  line = before + error.object.count(b'\n', 0, error.start) + 1
  return (
    f'{path}, line {line}: expected UTF-8, found the byte '
    f'0x{error.object[error.start]:02x} at byte {error.start - start + 1} of '
    'the line'
  )
