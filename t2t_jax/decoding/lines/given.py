"""Files of what each line's translation must hold, beside the input."""

import hashlib
import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from t2t_jax.decoding.lines.line_files import lines_of, read_lines
from t2t_jax.decoding.requests import Request
from t2t_jax.errors import UsageError


class GivenFiles:
  """A line of each file for each line of the input."""

  def __init__(
    self, prefix: str | None, phrases: str | None, warn: Callable[[str], None]
  ):
    """Opens nothing yet.

    Args:
      prefix: a file whose lines the translations begin with; None: none.
      phrases: a file of phrases, TABs between them, that they contain.
      warn: is told of bad bytes.
    """
    self._names = {'prefix': prefix, 'phrases': phrases}
    self._warn = warn
    self._read: dict[str, bytes] = {}  # of pipes, which give it only once
    for flag, name in self._names.items():
      if name == '-':
        raise UsageError(f'--{flag}=-: expected a file, found standard input')

  def settings(self) -> dict[str, str | None]:
    """Returns what the results depend on: a hash of each file.

    Raises:
      UsageError: a file cannot be read.
    """
    return {flag: self._hash(flag, name) for flag, name in self._names.items()}

  def requests(
    self, groups: Iterator[list[str]], first_line: int
  ) -> Iterator[list[Request]]:
    """Yields groups of lines as requests.

    Args:
      groups: of the input's lines, from `first_line` on.
      first_line: counts from 0.

    Raises:
      UsageError: a file has fewer lines than the input, or more.
    """
    files = {flag: self._lines(flag, first_line) for flag in self._names}
    number = first_line
    for group in groups:
      requests = []
      for text in group:
        number += 1
        prefix = self._next(files, 'prefix', number)
        phrases = self._next(files, 'phrases', number)
        wanted = tuple(phrase for phrase in phrases.split('\t') if phrase)
        requests.append(Request(text, prefix, wanted))
      yield requests
    for flag, lines in files.items():
      if lines is not None and next(lines, None) is not None:
        raise UsageError(
          f'--{flag}={self._names[flag]}: expected a line for each of the '
          f'{number} lines of the input, found more'
        )

  def _lines(self, flag: str, first_line: int) -> Iterator[str] | None:
    name = self._names[flag]
    if name is None:
      return None
    lines = (
      lines_of(io.BytesIO(self._read[flag]), name, self._warn)
      if flag in self._read
      else read_lines(name, self._warn, flag)
    )
    return itertools.islice(lines, first_line, None)

  def _next(
    self, files: dict[str, Iterator[str] | None], flag: str, number: int
  ) -> str:
    lines = files[flag]
    line = '' if lines is None else next(lines, None)
    if line is None:
      raise UsageError(
        f'--{flag}={self._names[flag]}: expected a line for each line of the '
        f'input, found none for line {number}'
      )
    return line

  def _hash(self, flag: str, name: str | None) -> str | None:
    if name is None:
      return None
    path = Path(name).expanduser()
    try:
      content = path.read_bytes()
    except OSError as error:
      raise UsageError(f'--{flag}={name}: {error.strerror}') from None
    if not path.is_file():
      self._read[flag] = content
    return hashlib.sha256(content).hexdigest()
