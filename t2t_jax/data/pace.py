"""How far a long piece of work is, in a line now and then."""

import time
from collections.abc import Callable

_EVERY = 10.0  # seconds


class Pace:
  """Says how many items are done, how fast, and when all will be."""

  def __init__(
    self,
    name: str,
    expected: int | None,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
    *,
    unit: str = 'pairs',
  ):
    """Starts the clock.

    Args:
      name: what each line begins with.
      expected: items in all; None: not known.
      say: gets the lines.
      clock: seconds.
      unit: what is counted.
    """
    self._name, self._expected = name, expected
    self._say, self._clock, self._unit = say, clock, unit
    self._made = self._found = 0
    self._start = self._last = clock()

  def add(self, items: int, *, found: bool = False) -> None:
    """Counts items as done; says so where the last line is long ago.

    Args:
      items: how many.
      found: they were done before, so they say nothing of the pace.
    """
    now = self._clock()
    if found:
      self._found += items
      if not self._made:
        self._start = now
    else:
      self._made += items
    if now - self._last >= _EVERY:
      self._last = now
      self._say(self._line(now - self._start))

  def _line(self, seconds: float) -> str:
    done = self._made + self._found
    parts = [f'{self._name}: {done:,} {self._unit}']
    if self._expected:
      share = f'{done / self._expected:.0%}'
      expected = f'{self._expected:,} {self._unit}'
      parts = [f'{self._name}: {done:,} of {expected} ({share})']
    if not self._made:
      return ', '.join([*parts, 'found there'])
    rate = self._made / seconds
    parts.append(f'{rate:,.0f} {self._unit}/s')
    if self._expected:
      left = int(max(0, self._expected - done) / rate)
      parts.append(f'{left // 60}:{left % 60:02} minutes left')
    return ', '.join(parts)
