r"""Parallel text files, plain or .gz, read as a stream of pairs of lines.

A line ends at `\n` alone, so U+2028 and the like stay inside it; a `\r`
before it and a byte order mark at the start of the file are removed.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from t2t_jax.errors import UsageError, nearest

_BYTE_ORDER_MARK = b'\xef\xbb\xbf'


def find(directory: str, name: str, key: str) -> Path:
  """Returns the path of file `name` below `directory`, or of `name`.gz.

  Args:
    directory: where relative names start.
    name: a file name; an absolute one is taken as it is.
    key: the config field that holds the name, for the message.

  Raises:
    UsageError: there is no such file; the message names the most alike.
  """
  path = Path(directory).expanduser() / Path(name).expanduser()
  for candidate in (path, path.with_name(path.name + '.gz')):
    if candidate.is_file():
      return candidate
  if not path.parent.is_dir():
    raise UsageError(
      f'config.{key}: expected the file {path}, but there is no directory '
      f'{path.parent}'
    )
  names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
  raise UsageError(
    f'config.{key}: there is no file {path}, plain or .gz.'
    f'{nearest(path.name, names)}'
  )


def read_lines(path: Path) -> Iterator[str]:
  """Yields the lines of a UTF-8 file without their ends.

  Raises:
    UsageError: bad UTF-8 (names file and line), a damaged .gz, or a file that
      cannot be read.
  """
  number = 0
  try:
    with _open(path) as file:
      for number, raw in enumerate(file, 1):
        if number == 1:
          raw = raw.removeprefix(_BYTE_ORDER_MARK)
        yield raw.removesuffix(b'\n').removesuffix(b'\r').decode('utf-8')
  except UnicodeDecodeError as error:
    raise UsageError(
      f'{path}, line {number}: expected UTF-8, found the byte '
      f'0x{error.object[error.start]:02x} at byte {error.start + 1} of the line'
    ) from None
  except (EOFError, gzip.BadGzipFile, zlib.error) as error:
    raise UsageError(
      f'{path}: expected a whole gzip file, found a damaged one after line '
      f'{number} ({error})'
    ) from None
  except OSError as error:
    raise UsageError(f'{path}: cannot be read ({error.strerror})') from None


def read_pairs(source: Path, target: Path) -> Iterator[tuple[str, str]]:
  """Yields (source line, target line) of two files of equal length.

  Raises:
    UsageError: unequal numbers of lines, and all that `read_lines` raises.
  """
  sources, targets = read_lines(source), read_lines(target)
  count = 0
  while True:
    source_line, target_line = next(sources, None), next(targets, None)
    if source_line is None and target_line is None:
      return
    if source_line is None or target_line is None:
      longer = targets if source_line is None else sources
      total = count + 1 + sum(1 for _ in longer)
      lines = (count, total) if source_line is None else (total, count)
      raise UsageError(
        f'{source} and {target}: expected equal numbers of lines, found '
        f'{lines[0]} and {lines[1]}; '
        f'{source if source_line is None else target} ends at line {count}'
      )
    count += 1
    yield source_line, target_line


def _open(path: Path) -> BinaryIO:
  if path.suffix == '.gz':
    return cast(BinaryIO, gzip.open(path, 'rb'))
  return path.open('rb')
