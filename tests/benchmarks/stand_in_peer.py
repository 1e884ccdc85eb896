"""A peer without an engine, which fails where its name says so.

As a program it is a benchmark of one that never ends, whose process it tells.
"""

import os
import signal
import time

from benchmarks.peers.workers import Workers
from benchmarks.rounds import Repeat
from t2t_jax import cli
from t2t_jax.errors import UsageError


class StandIn:
  def __init__(self, name: str):
    if name == 'torn':
      raise ValueError('expected a model,\n  found none')
    if name == 'mistaken':
      raise UsageError('--model: expected a file, found none')
    self._name, self._sum, self._timed = name, 0, 0

  def add(self, number: int) -> tuple[int, int]:
    """Returns the sum so far, and the process."""
    if self._name == 'killed':
      os.kill(os.getpid(), signal.SIGKILL)
    self._sum += number
    return self._sum, os.getpid()

  def time(self) -> Repeat:
    self._timed += 1
    if self._name == 'tired' and self._timed == 3:
      raise MemoryError('no more')
    return Repeat(float(self._timed), 0.0)

  def stay(self) -> None:
    print('stays', flush=True)
    time.sleep(60)


def main() -> None:
  with Workers(StandIn, ['whole']) as workers:
    workers.ask('stays', StandIn.stay)


if __name__ == '__mp_main__':  # in the peer's process
  print(os.getpid(), flush=True)
  time.sleep(0.3)
if __name__ == '__main__':
  # As in a terminal: a shell's background jobs, tests among them, ignore it.
  signal.signal(signal.SIGINT, signal.default_int_handler)
  cli.run(main)
