"""The rows of a sweep as processes of this machine."""

import glob
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from t2t_jax.cli import EXIT_STOPPED
from t2t_jax.errors import UsageError
from t2t_jax.model.flops import update_flops
from t2t_jax.sweeps.rows import Row
from t2t_jax.training.metrics import duration
from t2t_jax.training.stopping import StopSignal

_POLL_SECONDS = 0.2


class Outcome(NamedTuple):
  """Of `run_rows`: who failed, and whether it was told to stop before the
  end."""

  failed: list[Row]
  is_stopped: bool


class _Job(NamedTuple):
  row: Row
  process: subprocess.Popen
  start: float


def run_rows(
  rows: Sequence[Row],
  jobs: int,
  say: Callable[[str], None],
  ended: Callable[[], object],
) -> Outcome:
  """Runs `rows` in order, `jobs` at one time.

  Several at one time share the CPUs, and begin with the longest, so that it is
  not left to run alone at the end.

  A row that fails is told of, and the others go on. SIGTERM or SIGINT, to
  this process or to that of a row (it exits with status 75), stop all.

  Args:
    rows: those to run.
    jobs: each has its share of the machine's GPUs and CPUs.
    say: takes a line for each start and end.
    ended: called after each end.
  """
  gpus, cpus = gpu_shares(jobs), cpu_shares(jobs)
  if jobs > 1:
    rows = sorted(rows, key=_products, reverse=True)
  waiting, failed = deque(enumerate(rows, 1)), list[Row]()
  running: dict[int, _Job] = {}
  is_stopped = False
  try:
    with StopSignal() as stop:
      while running or (waiting and not is_stopped):
        while waiting and len(running) < jobs and not is_stopped:
          number, row = waiting.popleft()
          say(f'[{number}/{len(rows)}] {row.title}: log in {row.log_file}')
          slot = min(set(range(jobs)) - running.keys())
          running[slot] = _start(row, gpus[slot], cpus[slot])
        time.sleep(_POLL_SECONDS)
        must_stop = bool(stop)
        for slot, status in _ended(running):
          job = running.pop(slot)
          # Before it can save, a run dies of SIGTERM; of SIGINT it fails.
          if status in (EXIT_STOPPED, -signal.SIGTERM) or (status and stop):
            must_stop = True
            say(f'{job.row.title}: stopped')
          else:
            say(_end(job, status))
            failed += [job.row] if status else []
          ended()
        if must_stop and not is_stopped:
          is_stopped = True
          _terminate(running)
  finally:
    _terminate(running)
  return Outcome(failed, is_stopped)


def gpu_shares(jobs: int) -> list[str | None]:
  """Returns CUDA_VISIBLE_DEVICES of each job, None where it stays as it is.

  Raises:
    UsageError: fewer GPUs than jobs: the first would take all memory.
  """
  given = os.environ.get('CUDA_VISIBLE_DEVICES')
  if given is None:
    gpus = [str(i) for i in range(len(glob.glob('/dev/nvidia[0-9]*')))]
  else:
    # -1 hides all.
    gpus = [gpu for gpu in given.split(',') if gpu and gpu != '-1']
  if jobs == 1 or not gpus or os.environ.get('JAX_PLATFORMS') == 'cpu':
    return [None] * jobs
  if len(gpus) < jobs:
    raise UsageError(
      f'--jobs={jobs}: expected at most one for each of {len(gpus)} GPUs'
    )
  return [','.join(gpus[job::jobs]) for job in range(jobs)]


def cpu_shares(jobs: int) -> list[set[int] | None]:
  """Returns the CPUs of each job, None where it may use all: as many threads
  as CPUs in each job would only wait for each other."""
  if jobs == 1 or not hasattr(os, 'sched_setaffinity'):
    return [None] * jobs
  cpus = sorted(os.sched_getaffinity(0))
  if len(cpus) < jobs:
    return [None] * jobs
  return [set(cpus[job::jobs]) for job in range(jobs)]


def _products(row: Row) -> float:
  """What a row takes, of each token of a side, to compare rows by."""
  training = row.config.training
  entries = row.config.vocabulary.size
  return (
    training.steps
    * training.global_batch_tokens
    * update_flops(row.config.model, entries, 1, 1)
  )


def _start(row: Row, gpus: str | None, cpus: set[int] | None) -> _Job:
  row.workdir.mkdir(parents=True, exist_ok=True)
  row.failure_file.unlink(missing_ok=True)
  environment = dict(os.environ)
  if gpus is not None:
    environment['CUDA_VISIBLE_DEVICES'] = gpus
  with open(row.log_file, 'ab') as log:
    process = subprocess.Popen(
      row.command(),
      stdin=subprocess.DEVNULL,
      stdout=log,
      stderr=log,
      env=environment,
    )
  if cpus is not None:
    # Its threads, which come later, inherit it.
    os.sched_setaffinity(process.pid, cpus)
  return _Job(row, process, time.monotonic())


def _ended(running: dict[int, _Job]) -> list[tuple[int, int]]:
  """Returns (slot, exit status) of the jobs that ended."""
  polled = [(slot, job.process.poll()) for slot, job in running.items()]
  return [(slot, status) for slot, status in polled if status is not None]


def _end(job: _Job, status: int) -> str:
  """Returns how the job ended; writes down a failure."""
  row, took = job.row, duration(time.monotonic() - job.start)
  if status == 0:
    return f'{row.title}: done in {took}'
  lines = row.log_file.read_text(encoding='utf-8', errors='replace').split('\n')
  last = next((line for line in reversed(lines) if line.strip()), '')
  ending = f'signal {-status}' if status < 0 else f'status {status}'
  row.failure_file.write_text(f'{ending}: {last}\n', encoding='utf-8')
  return f'{row.title}: failed after {took} with {ending}: {last}'


def _terminate(running: dict[int, _Job]) -> None:
  for job in running.values():
    job.process.terminate()
