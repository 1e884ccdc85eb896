"""Reading lines to translate, whatever is in them, and writing results."""

import contextlib
import gzip
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from t2t_jax.decoding.translation import Translation
from t2t_jax.errors import UsageError


def read_lines(
  name: str, warn: Callable[[str], None], flag: str = 'input'
) -> Iterator[str]:
  """Yields the lines of a file, a .gz file, or '-' (standard input).

  Only a line feed ends a line, so that output stays aligned. Bytes that are
  no UTF-8 become U+FFFD, with a warning: one bad line ends no long run.

  Args:
    name: of the file.
    warn: is told of bad bytes, in a line.
    flag: that gave the name, for the message.

  Raises:
    UsageError: the file cannot be opened (at once) or read (as it is read).
  """
  if name == '-':
    return _decoded(sys.stdin.buffer, 'standard input', warn)
  path = Path(name).expanduser()
  try:
    opened = gzip.open if path.suffix == '.gz' else open
    file = opened(path, 'rb')
  except OSError as error:
    raise UsageError(f'--{flag}={name}: {error.strerror}') from None
  return _decoded(cast(BinaryIO, file), name, warn)


def _decoded(
  file: BinaryIO, name: str, warn: Callable[[str], None]
) -> Iterator[str]:
  try:
    with file:
      for number, line in enumerate(file, 1):
        line = line.removesuffix(b'\n').removesuffix(b'\r')
        try:
          yield line.decode('utf-8')
        except UnicodeDecodeError:
          warn(f'{name}, line {number}: not UTF-8; its bad bytes became U+FFFD')
          yield line.decode('utf-8', errors='replace')
  except (OSError, EOFError, zlib.error) as error:
    raise UsageError(f'{name}: cannot be read: {error}') from None


@contextlib.contextmanager
def open_output(name: str) -> Iterator[TextIO]:
  """Opens a file to write lines to; '-' is standard output.

  Raises:
    UsageError: it cannot be written.
  """
  if name == '-':
    sys.stdout.reconfigure(encoding='utf-8', newline='\n')  # type: ignore
    yield sys.stdout
    sys.stdout.flush()
    return
  try:
    file = open(  # noqa: SIM115
      Path(name).expanduser(), 'w', encoding='utf-8', newline='\n'
    )
  except OSError as error:
    raise UsageError(f'--output={name}: {error.strerror}') from None
  with file:
    yield file


def lines_to_write(
  translations: Iterable[Translation], numbered: bool
) -> Iterator[str]:
  """Yields the best text of each translation, or `n ||| text ||| score`."""
  for number, translation in enumerate(translations):
    if not numbered:
      yield translation.text
      continue
    for hypothesis in translation.hypotheses:
      yield f'{number} ||| {hypothesis.text} ||| {hypothesis.score:.6f}'
