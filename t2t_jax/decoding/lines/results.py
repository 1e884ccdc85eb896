"""Writing whole lines, whatever ends the writing."""

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from types import FrameType
from typing import Any, BinaryIO

from t2t_jax.decoding.lines.line_files import named_writes


class Results:
  """Writes results to a pipe, a device or a terminal; a context manager."""

  goes_on_later = False  # whether what is broken off can be gone on with
  lines_done = 0  # input lines whose results were there before

  def __init__(self, raw: BinaryIO, name: str, *, closes: bool = True):
    """Takes an unbuffered file, its name, and whether to close it."""
    self._raw, self._name, self._closes = raw, name, closes

  def __enter__(self) -> 'Results':
    return self

  def __exit__(self, error_type: Any, *_: Any) -> None:
    if self._closes:
      self._raw.close()

  def skip_done(self, groups: Iterable[list[str]]) -> Iterator[list[str]]:
    """Yields the groups of input lines without the lines that are done."""
    yield from groups

  def write(self, sources: Sequence[str], text: str) -> None:
    """Writes `text`, whole lines, the results of the input lines `sources`.

    SIGINT and SIGTERM wait until all of it is written; a second one does not.

    Raises:
      OSError: with the name of the output, such as on a full disk.
    """
    with signals_held(), named_writes(self._name):
      write_all(self._raw, text.encode())


def write_all(raw: BinaryIO, data: bytes) -> None:
  """Writes to an unbuffered file, which may take less at a time."""
  view = memoryview(data)
  while view:
    view = view[raw.write(view) :]


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
  """SIGINT and SIGTERM wait until the block is over; a second one does not."""
  if threading.current_thread() is not threading.main_thread():
    yield
    return
  numbers = (signal.SIGINT, signal.SIGTERM)
  held: list[int] = []

  def hold(number: int, frame: FrameType | None) -> None:
    del frame
    held.append(number)
    if len(held) > 1:
      restore()
      signal.raise_signal(number)

  def restore() -> None:
    for number, handler in zip(numbers, before, strict=True):
      signal.signal(number, handler)

  before = [signal.signal(number, hold) for number in numbers]
  try:
    yield
  finally:
    restore()
  if held:
    signal.raise_signal(held[0])
