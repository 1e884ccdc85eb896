"""Reading lines to translate, whatever is in them, and writing results."""

import codecs
import contextlib
import errno
import gzip
import itertools
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from t2t_jax.errors import UsageError

Warn = Callable[[str], None]

_BLOCK = 1 << 20
_NAMED = 3  # of the lines that are no UTF-8


def read_lines(name: str, warn: Warn, flag: str = 'input') -> Iterator[str]:
  """Yields the lines of a file, a .gz file, or '-' (standard input).

  Only a line feed ends a line, so that output stays aligned. Bytes that are
  no UTF-8 become U+FFFD, with a warning: one bad line ends no long run.

  Args:
    name: of the file.
    warn: is told of bad bytes, in a line; of a file in another encoding only
      the first bad lines are named.
    flag: that gave the name, for the message.

  Raises:
    UsageError: the file cannot be opened (at once) or read (as it is read).
  """
  return lines_of(open_input(name, flag), name, warn)


def open_input(name: str, flag: str = 'input') -> BinaryIO:
  """Opens a file, a .gz file, or '-' (standard input).

  Raises:
    UsageError: it cannot be opened.
  """
  if name == '-':
    if sys.stdin is None:
      raise UsageError(f'--{flag}=-: standard input is closed')
    if sys.stdin.buffer.closed:  # by whoever read all of it
      raise UsageError(
        f'--{flag}=-: standard input can be read once, and was read already'
      )
    return sys.stdin.buffer
  path = Path(name).expanduser()
  try:
    opened = gzip.open if path.suffix == '.gz' else open
    return cast(BinaryIO, opened(path, 'rb'))
  except OSError as error:
    raise UsageError(f'--{flag}={name}: {error.strerror}') from None


def lines_of(file: BinaryIO, name: str, warn: Warn) -> Iterator[str]:
  """Yields the lines of an open file, as `read_lines`."""
  with file, named_errors(name):
    yield from decoded(file, name, sparing(warn))


def sparing(warn: Warn) -> Warn:
  """Returns what passes a file's first warnings of bad bytes on to `warn`."""
  numbers = itertools.count()

  def warn_at_first(message: str) -> None:
    number = next(numbers)
    if number < _NAMED:
      warn(message)
    elif number == _NAMED:
      warn(f'{message}; more such lines are not named')

  return warn_at_first


def decoded(
  lines: Iterable[bytes], name: str, warn: Warn, first: int = 1
) -> Iterator[str]:
  """Yields lines as text, without their ends; `first` numbers the first."""
  called = 'standard input' if name == '-' else name
  for number, line in enumerate(lines, first):
    line = line.removesuffix(b'\n').removesuffix(b'\r')
    if number == 1:
      line = line.removeprefix(codecs.BOM_UTF8)
    try:
      yield line.decode('utf-8')
    except UnicodeDecodeError:
      warn(f'{called}, line {number}: not UTF-8; its bad bytes became U+FFFD')
      yield line.decode('utf-8', errors='replace')


@contextlib.contextmanager
def named_errors(name: str) -> Iterator[None]:
  """Turns what may go wrong while reading `name` into a UsageError."""
  try:
    yield
  except (OSError, EOFError, zlib.error) as error:
    called = 'standard input' if name == '-' else name
    raise UsageError(f'{called}: cannot be read: {error}') from None


@contextlib.contextmanager
def named_writes(name: str) -> Iterator[None]:
  """Names the output in the error of a write, which has no file name."""
  try:
    yield
  except OSError as error:
    if error.errno == errno.EPIPE or error.filename is not None:
      raise
    raise OSError(error.errno, error.strerror, name) from None


@contextlib.contextmanager
def open_output(name: str) -> Iterator[TextIO]:
  """Opens a file to write lines to; '-' is standard output.

  Raises:
    UsageError: it cannot be written.
  """
  if name == '-':
    sys.stdout.reconfigure(  # type: ignore
      encoding='utf-8', errors='replace', newline='\n'
    )
    yield sys.stdout
    sys.stdout.flush()
    return
  try:
    file = open(  # noqa: SIM115
      Path(name).expanduser(),
      'w',
      encoding='utf-8',
      # Names of files may hold bytes that are none of UTF-8.
      errors='replace',
      newline='\n',
    )
  except OSError as error:
    raise UsageError(f'--output={name}: {error.strerror}') from None
  with named_writes(name), file:
    yield file


def count_lines(name: str) -> int | None:
  """Returns how many lines `read_lines` will yield; None: only it can tell.

  Standard input is left where it stands.
  """
  try:
    if name == '-' and sys.stdin is None:
      return None
    if name == '-':
      return _count(_blocks_ahead(sys.stdin.fileno()))
    path = Path(name).expanduser()
    if not path.is_file():
      return None
    with open_input(name) as file:
      return _count(iter(lambda: file.read(_BLOCK), b''))
  except (OSError, EOFError, zlib.error):
    return None


def _blocks_ahead(descriptor: int) -> Iterator[bytes]:
  """Yields what a redirected file still holds; fails for a pipe."""
  place = os.lseek(descriptor, 0, os.SEEK_CUR)
  while block := os.pread(descriptor, _BLOCK, place):
    yield block
    place += len(block)


def _count(blocks: Iterator[bytes]) -> int:
  count, last = 0, b'\n'
  for block in blocks:
    count += block.count(b'\n')
    last = block
  return count + (not last.endswith(b'\n'))
