"""Timing jobs in turn, so that what disturbs one disturbs all."""

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.machine import CpuClock

# OpenMP's threads go on spinning for 0.2 s when their work is done, on cores
# that the next job needs.
PAUSE_S = 0.5


@dataclasses.dataclass(frozen=True)
class Repeat:
  """One timed call.

  Attributes:
    seconds: of wall clock, or of the clock that was asked for.
    others_cores: how many cores other processes kept busy meanwhile; None
      where the machine does not tell.
  """

  seconds: float
  others_cores: float | None


def run_rounds(
  jobs: Mapping[str, Callable[[], Any]],
  *,
  repeats: int,
  warmup: int,
  pause_s: float | None = None,
  clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[Repeat]]:
  """Times each job `repeats` times, round-robin: A B C, A B C, ...

  Args:
    jobs: by name; each returns when its work is done.
    repeats: timed rounds.
    warmup: rounds before them that are not timed, in which jobs compile.
    pause_s: sleep before each timed call; default PAUSE_S.
    clock: seconds; time.process_time tells CPU time, which is the job's own
      where other processes share the cores.
  """
  timed = {
    name: functools.partial(time_call, job, clock) for name, job in jobs.items()
  }
  return take_turns(timed, repeats=repeats, warmup=warmup, pause_s=pause_s)


def take_turns(
  jobs: Mapping[str, Callable[[], Repeat]],
  *,
  repeats: int,
  warmup: int,
  pause_s: float | None = None,
) -> dict[str, list[Repeat]]:
  """As `run_rounds`, of jobs that time themselves."""
  pause_s = PAUSE_S if pause_s is None else pause_s
  for _ in range(warmup):
    for job in jobs.values():
      job()
  timed: dict[str, list[Repeat]] = {name: [] for name in jobs}
  for _ in range(repeats):
    for name, job in jobs.items():
      time.sleep(pause_s)
      timed[name].append(job())
  return timed


def time_call(
  job: Callable[[], Any], clock: Callable[[], float] = time.perf_counter
) -> Repeat:
  """Calls `job` and tells what it took."""
  cpu = CpuClock()
  start, started = time.perf_counter(), clock()
  job()
  seconds = clock() - started
  return Repeat(seconds, cpu.others_cores(time.perf_counter() - start))


def summary(repeats: Sequence[Repeat]) -> dict[str, Any]:
  """Returns what a JSON line tells of one job's repeats."""
  seconds = [repeat.seconds for repeat in repeats]
  others = [r.others_cores for r in repeats if r.others_cores is not None]
  return {
    'seconds': [round(second, 7) for second in seconds],
    **{f'{name}_s': value for name, value in _middle(seconds, 7).items()},
    'best_s': round(min(seconds), 7),
    'others_cores': round(float(np.mean(others)), 2) if others else None,
  }


def speedup(ours: Sequence[Repeat], theirs: Sequence[Repeat]) -> dict[str, Any]:
  """Returns how many times as fast `ours` is, by pairs of the same round."""
  ratios = [
    their.seconds / our.seconds for our, their in zip(ours, theirs, strict=True)
  ]
  return _middle(ratios, 5)


def scaled(ratio: Mapping[str, Any], factor: float) -> dict[str, Any]:
  """Returns what `speedup` found as a ratio of other things than times."""
  return {
    'median': round(ratio['median'] * factor, 5),
    'quartiles': [round(q * factor, 5) for q in ratio['quartiles']],
  }


def _middle(values: Sequence[float], digits: int) -> dict[str, Any]:
  # To the same digits, so that the median stays between the quartiles.
  low, median, high = np.percentile(values, (25, 50, 75)).round(digits).tolist()
  return {'median': median, 'quartiles': [low, high]}
