"""The benchmark of a run's start: its phases, and one real start."""

import json
import time

import pytest
from run_command import run_command

from benchmarks.startup_probe import Marks


def test_phases_add_up():
  clock = [10.0]

  def pass_time(seconds):
    clock[0] += seconds

  marks = Marks(8.0, lambda: clock[0])
  marks.end('interpreter')
  make = marks.wrap(lambda seconds: pass_time(seconds) or seconds, 'parameters')
  pass_time(0.5)
  assert make(3.0) == 3.0
  assert marks.phases['interpreter'] == 2
  assert marks.phases['other'] == 0.5
  assert marks.phases['parameters'] == 3
  assert sum(marks.phases.values()) == clock[0] - 8


def test_a_wrong_case_is_one_line():
  finished = run_command('startup', '--case=bas', package='benchmarks')
  assert finished.stderr == (
    "startup: --case: expected some of base, quickstart, micro, found 'bas'. "
    "Did you mean 'base'?\n"
  )
  assert finished.status == 2


@pytest.mark.slow
def test_a_real_start_is_told_of():
  start = time.perf_counter()
  finished = run_command(
    'startup', '--case=micro', '--repeats=1', package='benchmarks'
  )
  seconds = time.perf_counter() - start
  assert finished.status == 0, finished.stderr
  cold, warm = (json.loads(x) for x in finished.lines if x.startswith('{'))
  assert (cold['caches'], warm['caches']) == ('cold', 'warm')
  assert cold['total_s'] + warm['total_s'] < seconds
  for record in (cold, warm):
    assert sum(record['phases'].values()) == pytest.approx(
      record['total_s'], abs=0.01
    )
    assert min(record['phases'].values()) >= 0
    assert record['phases']['imports'] > 0.1
  # The text is found, not made.
  assert warm['phases']['text'] < cold['phases']['text']
