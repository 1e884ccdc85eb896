"""Being told to stop, and stopping well."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


class StopSignal:
  """True once SIGTERM or SIGINT came; a second SIGINT ends at once.

  A context manager that puts the handlers before it back.
  """

  def __init__(self):
    self.name: str | None = None
    self._before: dict[int, object] = {}

  def __bool__(self) -> bool:
    return self.name is not None

  def __enter__(self) -> 'StopSignal':
    for number in (signal.SIGTERM, signal.SIGINT):
      self._before[number] = signal.signal(number, self._note)
    return self

  def __exit__(self, *_) -> None:
    for number, handler in self._before.items():
      signal.signal(number, handler)  # type: ignore[arg-type]

  def check(self, why: str) -> None:
    """Raises Stopped where a signal came."""
    if self:
      raise Stopped(f'stopped by {self.name} {why}; the same command goes on')

  def _note(self, number: int, frame: FrameType | None) -> None:
    del frame
    if self.name is not None and number == signal.SIGINT:
      raise KeyboardInterrupt
    self.name = signal.Signals(number).name


class Stopped(Exception):
  """A run was told to stop and has saved; the same command goes on."""


@contextlib.contextmanager
def stop_at_once(
  why: str, error: type[BaseException] = Stopped
) -> Iterator[Callable[[], None]]:
  """SIGTERM and SIGINT raise `error` here: there is nothing to save.

  Yields:
    A function that raises it again, for loops: what a signal raises within a
    destructor or a callback of C code is lost there, here without a word.
  """
  told: list[str] = []

  def check() -> None:
    if told:
      raise error(f'stopped by {told[0]} {why}')

  def stop(number: int, frame: FrameType | None) -> None:
    del frame
    told.append(signal.Signals(number).name)
    check()

  def hook(unraisable: Any) -> None:
    if not isinstance(unraisable.exc_value, error):
      hook_before(unraisable)

  numbers = (signal.SIGTERM, signal.SIGINT)
  before = [signal.signal(number, stop) for number in numbers]
  hook_before, sys.unraisablehook = sys.unraisablehook, hook
  try:
    yield check
  finally:
    sys.unraisablehook = hook_before
    for number, handler in zip(numbers, before, strict=True):
      signal.signal(number, handler)


class TrainingError(RuntimeError):
  """A run cannot go on, and not by a mistake in its config."""
