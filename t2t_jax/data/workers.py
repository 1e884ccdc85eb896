"""Processes that encode chunks, as many as there are CPUs."""

import collections
import concurrent.futures
import functools
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

from t2t_jax.data import chunks, single_stack
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.errors import UsageError

_FEW = 4  # fewer chunks are not worth a second process
_Encoder = Callable[[Sequence[tuple[str, str]], int], chunks.Arrays]
_ENCODERS: dict[str, Callable[[Tokenizers, chunks.Settings], _Encoder]] = {
  'translation': chunks.Encoder,
  'language_model': single_stack.TextEncoder,
  'tagging': single_stack.LabelEncoder,
  'classification': single_stack.LabelEncoder,
}
_Started = concurrent.futures.Future[None] | None


class Job(NamedTuple):
  """A chunk to encode into a file, or to pass over as that is there."""

  number: int
  path: Path
  size: int
  pairs: list[tuple[str, str]]
  found: bool = False  # its file was there


class WorkerDied(UsageError):
  """What was encoded before is kept."""


def encode_all(
  jobs: Iterator[Job], vocabulary: Path, settings: chunks.Settings
) -> Iterator[Job]:
  """Yields each job, in order, when its file is there.

  A job's text is read while others are encoded, not more than two a process
  ahead, so memory does not grow with the corpus.

  Args:
    jobs: what to do.
    vocabulary: the directory of the saved tokenizers.
    settings: how to encode; data.workers says by how many processes.

  Raises:
    WorkerDied: a process died.
  """
  first = list(itertools.islice(jobs, _FEW))
  jobs = itertools.chain(first, jobs)
  workers = settings.data.workers or usable_cpus()
  if workers == 1 or len(first) < _FEW:
    for job in jobs:
      found = chunks.is_whole(job.path)
      if not found:
        _encode(job, vocabulary, settings)
      yield job._replace(found=found)
    return
  with concurrent.futures.ProcessPoolExecutor(
    workers,
    # Not fork: jax may be running in this process, with threads.
    multiprocessing.get_context('spawn'),
    follow_the_parent,
  ) as pool:
    try:
      yield from _in_order(pool, jobs, vocabulary, settings, 3 * workers)
    except BrokenProcessPool:
      raise WorkerDied(
        f'config.data.workers: one of {workers} processes died, perhaps for '
        'want of memory; start again to go on, with fewer if need be'
      ) from None
    finally:
      pool.shutdown(cancel_futures=True)


def usable_cpus() -> int:
  """Returns the CPUs that this process may use."""
  if hasattr(os, 'sched_getaffinity'):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def follow_the_parent() -> None:
  """Ends a worker with its parent; Ctrl-C is for the parent alone."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  parent = multiprocessing.parent_process()
  assert parent is not None

  def wait() -> None:
    parent.join()
    os._exit(1)

  threading.Thread(target=wait, daemon=True).start()


def _in_order(
  pool: concurrent.futures.Executor,
  jobs: Iterator[Job],
  vocabulary: Path,
  settings: chunks.Settings,
  most: int,
) -> Iterator[Job]:
  """Yields jobs as they are done, `most` of them under way at one time."""
  waiting: collections.deque[tuple[Job, _Started]] = collections.deque()
  for job in jobs:
    started = None
    found = chunks.is_whole(job.path)
    if not found:
      started = pool.submit(_encode, job, vocabulary, settings)
    waiting.append((job._replace(pairs=[], found=found), started))
    if len(waiting) == most:
      yield _finished(*waiting.popleft())
  while waiting:
    yield _finished(*waiting.popleft())


def _finished(job: Job, started: _Started) -> Job:
  if started:
    started.result()
  return job


def _encode(job: Job, vocabulary: Path, settings: chunks.Settings) -> None:
  encoder = _encoder(vocabulary, settings)
  chunks.save(job.path, encoder(job.pairs, job.number))


@functools.lru_cache(1)
def _encoder(vocabulary: Path, settings: chunks.Settings) -> _Encoder:
  return _ENCODERS[settings.task](Tokenizers.load(vocabulary), settings)
