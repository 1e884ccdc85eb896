"""Several searches at one time, on a CPU."""

import collections
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any, TypeVar

import jax
from jax.sharding import Mesh

from t2t_jax.data.workers import usable_cpus

T = TypeVar('T')
R = TypeVar('R')

# Each has its own arrays; of more CPUs a search uses several.
_MOST = 8


class Program:
  """A jitted function that several threads call, which compiles once."""

  def __init__(self, function: Callable[..., Any], **options: Any):
    """Takes what `jax.jit` takes."""
    self._jitted: Any = jax.jit(function, **options)
    self._starting = threading.Lock()

  def __call__(self, *args: Any, **kwargs: Any) -> Any:
    # jax returns before the result is there: what waits is the compiler.
    with self._starting:
      return self._jitted(*args, **kwargs)

  def lower(self, *args: Any, **kwargs: Any) -> Any:
    """Returns what jax lowers a call to, for those who read programs."""
    return self._jitted.lower(*args, **kwargs)

  def num_compiled(self) -> int:
    return self._jitted._cache_size()


def searches_at_once(mesh: Mesh | None) -> int:
  """Returns how many batches are searched at one time, each in a thread.

  Of a step's operations most are so small that XLA runs them on one core, so a
  CPU has room for a search a core. An accelerator runs one program at a time;
  and programs that gather parameters must start in one order on all devices.
  """
  if jax.default_backend() != 'cpu' or (mesh and mesh.size > 1):
    return 1
  return min(usable_cpus(), _MOST)


def run_at_once(
  call: Callable[[T], R], items: Iterable[T], at_once: int
) -> Iterator[R]:
  """Yields call(item) of each item, in order, so many of them under way."""
  pool = futures.ThreadPoolExecutor(at_once)
  started: collections.deque[futures.Future[R]] = collections.deque()
  try:
    for item in items:
      started.append(pool.submit(call, item))
      # One more, for the thread that is done first.
      if len(started) > at_once:
        yield started.popleft().result()
    while started:
      yield started.popleft().result()
  finally:
    # Who stops early waits for what is under way, and for nothing else.
    pool.shutdown(cancel_futures=True)
