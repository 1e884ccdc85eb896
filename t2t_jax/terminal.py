"""What a command shows to a person: a prompt, and how far it is."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from t2t_jax.training.metrics import duration

_REDRAW_SECONDS = 0.2  # between changes of a line on a terminal
_LINE_SECONDS = 30.0  # between lines elsewhere, such as in a log
_ERASE_LINE = '\r\x1b[K'


def prompt_lines() -> Iterator[str]:
  """Yields the lines that a person types, until Ctrl-D or Ctrl-C."""
  _note(
    'a line of text and Enter; the first of each length takes longer, Ctrl-D '
    'ends'
  )
  # Its mere import lets input() edit and recall lines.
  with contextlib.suppress(ImportError):
    import readline  # noqa: F401
  sys.stdin.reconfigure(encoding='utf-8', errors='replace')  # type: ignore
  while True:
    try:
      yield _ask('> ')
    except (EOFError, KeyboardInterrupt):
      _note('')
      return


def _ask(prompt: str) -> str:
  if sys.stdout.isatty():
    return input(prompt)
  # Where results go into a file, input() would write its prompt there too.
  print(prompt, end='', file=sys.stderr, flush=True)
  line = sys.stdin.readline()
  if not line:
    raise EOFError
  return line.removesuffix('\n')


def _note(line: str) -> None:
  print(line, file=sys.stderr, flush=True)


class ProgressLine:
  """Lines done, lines a second and the time left; a context manager.

  On a terminal one line that changes; elsewhere, where it is known how many
  lines there are, a line every half minute.
  """

  def __init__(
    self,
    stream: TextIO,
    *,
    shown: bool = True,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Makes a line of progress.

    Args:
      stream: to show it on.
      shown: False shows nothing but what `say` is given.
      clock: gives seconds.
    """
    self._stream, self._shown, self._clock = stream, shown, clock
    self._on_terminal = stream is not None and stream.isatty()
    self._done_drawn: float | None = None
    self.begin(0, None)

  def __enter__(self) -> 'ProgressLine':
    return self

  def __exit__(self, *_: Any) -> None:
    if self._done_drawn is not None:
      if self._done != self._done_drawn:
        self._draw()
      if self._on_terminal:
        self._write('\n')

  def begin(self, done_before: int, total: int | None) -> None:
    """Starts the clock.

    Args:
      done_before: lines that were done before, and take no time.
      total: lines there are, with those; None: nobody knows.
    """
    self._done, self._done_before, self._total = 0.0, done_before, total
    self._start = self._drawn = self._clock()

  def update(self, done: float) -> None:
    """Takes in how many lines are done by now; shows it if it is time to."""
    self._done = done
    if not self._shown:
      return
    between = _REDRAW_SECONDS if self._on_terminal else _LINE_SECONDS
    is_due = self._clock() - self._drawn >= between
    if is_due and (self._on_terminal or self._total is not None):
      self._draw()

  def say(self, line: str) -> None:
    """Writes a line of something else."""
    before = (
      _ERASE_LINE if self._on_terminal and self._done_drawn is not None else ''
    )
    self._write(f'{before}{line}\n')

  def _draw(self) -> None:
    self._drawn, self._done_drawn = self._clock(), self._done
    text = self._text()
    self._write(f'{_ERASE_LINE}{text}' if self._on_terminal else f'{text}\n')

  def _text(self) -> str:
    rate = self._done / max(self._clock() - self._start, 1e-9)
    done = self._done_before + self._done
    of = '' if self._total is None else f' of {self._total:,}'
    text = f'{int(done):,}{of} lines, {rate:.1f} lines/s'
    if self._total is None or not rate:
      return text
    return f'{text}, {duration(max(self._total - done, 0) / rate)} left'

  def _write(self, text: str) -> None:
    print(text, end='', file=self._stream, flush=True)
