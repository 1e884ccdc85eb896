"""How far a long piece of work is, in a line now and then."""

import time
from collections.abc import Callable

_EVERY = 10.0  # seconds


class Pace:
  """Says how many pairs are done, how fast, and when all will be."""

  def __init__(
    self,
    name: str,
    expected: int | None,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
  ):
    """Starts the clock.

    Args:
      name: what each line begins with.
      expected: pairs in all; None: not known.
      say: gets the lines.
      clock: seconds.
    """
    self._name, self._expected = name, expected
    self._say, self._clock = say, clock
    self._done = 0
    self._start = self._last = clock()

  def add(self, pairs: int) -> None:
    """Counts pairs as done; says so where the last line is long ago."""
    self._done += pairs
    now = self._clock()
    if now - self._last >= _EVERY:
      self._last = now
      self._say(self._line(now - self._start))

  def _line(self, seconds: float) -> str:
    rate = self._done / seconds
    if not self._expected:
      return f'{self._name}: {self._done:,} pairs, {rate:,.0f} pairs/s'
    left = max(0, self._expected - self._done) / rate
    return (
      f'{self._name}: {self._done:,} of {self._expected:,} pairs '
      f'({self._done / self._expected:.0%}), {rate:,.0f} pairs/s, '
      f'{int(left) // 60}:{int(left) % 60:02} minutes left'
    )
