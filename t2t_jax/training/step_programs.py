"""The update's programs, one a shape of batch, compiled before their turn."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from t2t_jax.data.workers import usable_cpus
from t2t_jax.training.memory import Shape

# Tracing is Python, one thread at a time: more would wait for it.
_MOST_AT_A_TIME = 8


class StepPrograms:
  """Compiled updates by the shape of their batch.

  Compiling takes seconds, on accelerators tens of them, and the first updates
  of a run meet nearly every shape of the grid. So the first shape is compiled
  alone, for it is waited for; then all others, several at a time, in the order
  in which they will be needed, while updates run or before them.
  """

  def __init__(
    self,
    lower: Callable[[Shape], Any],
    coming: Sequence[Shape],
    *,
    beside: bool,
  ):
    """Compiles nothing yet.

    Args:
      lower: returns the program for batches of a shape, not yet compiled; is
        called by several threads.
      coming: the shapes that a run will have, in the order of need.
      beside: while updates run; else the first waits for all.
    """
    self._lower, self._coming, self._beside = lower, coming, beside
    self._made: dict[Shape, Future[Any]] = {}
    self._pool = ThreadPoolExecutor(min(_MOST_AT_A_TIME, usable_cpus()))

  def __getitem__(self, shape: Shape) -> Any:
    """Returns the program for batches of `shape`, once it is compiled."""
    if not self._made:
      self._make(shape).result()
      for other in self._coming:
        self._make(other)
      if not self._beside:
        wait(self._made.values())
    return self._make(shape).result()

  def close(self) -> None:
    """Makes no more; waits for those that are being compiled."""
    self._pool.shutdown(cancel_futures=True)

  def _make(self, shape: Shape) -> Future[Any]:
    if shape not in self._made:
      self._made[shape] = self._pool.submit(self._compile, shape)
    return self._made[shape]

  def _compile(self, shape: Shape) -> Any:
    return self._lower(shape).compile()
