"""A training run that ends with its first update and tells where time went.

  python -m benchmarks.startup_probe BEGAN --config=FILE --workdir=DIR ...

For benchmarks.startup. It runs t2t_jax.main as it is; the functions that a run
calls on its way are wrapped so that each notes when it is done. BEGAN is the
time (since the epoch) at which the process was asked for, or 'cpu', for CPU
seconds in place of those of the clock. Prints {phase: seconds}, which add up
to the time from then until the update's result is there:

  interpreter  Python itself, flags and config, the first imports
  imports      what training needs
  devices      jax finds them
  text         prepared, or found prepared
  batches      shapes are fitted
  parameters   compiled and made, with the optimizer's state
  trace        of the update, and lowering it
  compile      of it, or reading it from the cache
  update       doing it
  other        all that lies between
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

_PHASES = (
  'interpreter',
  'imports',
  'devices',
  'text',
  'batches',
  'parameters',
  'trace',
  'compile',
  'update',
  'other',
)


class Marks:
  """Sums the seconds of each phase, one behind the other."""

  def __init__(self, began: float, clock: Callable[[], float] = time.time):
    self.phases = dict.fromkeys(_PHASES, 0.0)
    self._last, self._clock = began, clock

  def end(self, phase: str) -> None:
    """All since the mark before was `phase`."""
    now = self._clock()
    self.phases[phase] += now - self._last
    self._last = now

  def wrap(self, function: Callable[..., Any], phase: str) -> Any:
    """Returns `function`, which also waits for what it makes."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
      import jax

      self.end('other')
      result = function(*args, **kwargs)
      if phase in ('parameters', 'update'):
        jax.block_until_ready(result)
      self.end(phase)
      return result

    return wrapped


def main() -> None:
  began = sys.argv.pop(1)
  if began == 'cpu':
    marks = Marks(0.0, time.process_time)
  else:
    marks = Marks(float(began))
  import t2t_jax.main
  from t2t_jax.parallel import hosts

  join = hosts.join

  def join_and_import() -> None:
    """As t2t_jax.main goes on: it imports what follows behind this."""
    join()
    marks.end('interpreter')
    import t2t_jax.training.finish
    import t2t_jax.training.loop  # noqa: F401

    marks.end('imports')
    patches.enter_context(_patched(marks))

  with contextlib.ExitStack() as patches:
    patches.enter_context(mock.patch.object(hosts, 'join', join_and_import))
    t2t_jax.main.run()


@contextlib.contextmanager
def _patched(marks: Marks) -> Iterator[None]:
  from t2t_jax.training import loop

  wrapped = {
    name: marks.wrap(getattr(loop, name), phase)
    for name, phase in (
      ('create_mesh', 'devices'),
      ('prepare_for_all', 'text'),
      ('create_arrays', 'parameters'),
    )
  }

  def make_train_step(*args: Any) -> Any:
    return _FirstUpdate(make(*args), marks)

  make = loop.make_train_step
  batches = marks.wrap(loop.TrainBatches.of, 'batches')
  with (
    mock.patch.multiple(loop, **wrapped, make_train_step=make_train_step),
    mock.patch.object(loop.TrainBatches, 'of', batches),
  ):
    yield


class _FirstUpdate:
  """An update in its stages, which ends the process when it was done once."""

  def __init__(self, step: Any, marks: Marks):
    self._stage, self._marks = step, marks

  def lower(self, *args: Any) -> '_FirstUpdate':
    self._marks.end('other')
    self._stage = self._stage.lower(*args)
    self._marks.end('trace')
    return self

  def compile(self) -> '_FirstUpdate':
    self._stage = self._stage.compile()
    self._marks.end('compile')
    return self

  def __call__(self, *args: Any) -> None:
    self._marks.wrap(self._stage, 'update')(*args)
    phases = {name: round(s, 4) for name, s in self._marks.phases.items()}
    print(json.dumps(phases), flush=True)
    # Nothing that a run does at its end is wanted here.
    os._exit(0)


if __name__ == '__main__':
  main()
