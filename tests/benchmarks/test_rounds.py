"""Jobs are timed in turn, and what is said of the times is right."""

import os
import subprocess
import sys
import time

import pytest

from benchmarks.machine import CpuClock, describe
from benchmarks.report import print_table
from benchmarks.rounds import Repeat, run_rounds, scaled, speedup, summary


def test_rounds_take_turns_and_leave_out_the_warm_up():
  calls = []
  jobs = {name: lambda name=name: calls.append(name) for name in 'abc'}
  timed = run_rounds(jobs, repeats=2, warmup=1, pause_s=0)
  assert calls == list('abc' * 3)
  assert {name: len(repeats) for name, repeats in timed.items()} == {
    'a': 2,
    'b': 2,
    'c': 2,
  }


def test_a_repeat_is_the_time_of_its_job():
  timed = run_rounds(
    {'short': lambda: None, 'long': lambda: time.sleep(0.2)},
    repeats=1,
    warmup=0,
    pause_s=0.1,
  )
  assert timed['long'][0].seconds >= 0.2
  assert timed['short'][0].seconds < 0.1


def test_cpu_time_is_the_jobs_own():
  timed = run_rounds(
    {'sleeps': lambda: time.sleep(0.2), 'works': lambda: sum(range(10**6))},
    repeats=1,
    warmup=0,
    pause_s=0,
    clock=time.process_time,
  )
  assert timed['sleeps'][0].seconds < 0.1
  assert timed['works'][0].seconds > 0


def repeats(*seconds, others=0.0):
  return [Repeat(second, others) for second in seconds]


def test_summary_by_hand():
  assert summary(repeats(4.0, 1.0, 3.0, 2.0, 5.0, others=0.5)) == {
    'seconds': [4.0, 1.0, 3.0, 2.0, 5.0],
    'median_s': 3.0,
    'best_s': 1.0,
    'quartiles_s': [2.0, 4.0],
    'others_cores': 0.5,
  }
  assert summary(repeats(1.0, others=None))['others_cores'] is None


def test_speedup_is_of_pairs():
  # The machine is ten times as slow in the second round: the ratio is not.
  found = speedup(repeats(1.0, 10.0, 1.0), repeats(2.0, 20.0, 4.0))
  assert found == {'median': 2.0, 'quartiles': [2.0, 3.0]}


def test_the_median_stays_between_the_quartiles():
  # 0.058466 to four digits is more than 0.058465 to five.
  found = speedup(repeats(1.0, 1.0), repeats(0.058465, 0.058465))
  for ratio in (found, scaled(found, 0.99931)):
    low, high = ratio['quartiles']
    assert low <= ratio['median'] <= high


@pytest.mark.skipif(not os.path.exists('/proc/stat'), reason='no /proc/stat')
def test_others_are_seen_and_oneself_is_not(monkeypatch):
  busy = 'import time\nend = time.time() + 0.6\nwhile time.time() < end: pass'
  child = subprocess.Popen([sys.executable, '-c', busy])
  clock, start = CpuClock(), time.perf_counter()
  # Not waited for, or its time would be this process's children's.
  time.sleep(0.8)
  assert clock.others_cores(time.perf_counter() - start) > 0.2
  child.wait()
  # Own time and the machine's grow alike.
  before, after = ([str(n)] * 8 for n in (100, 200))
  tick = os.sysconf('SC_CLK_TCK')
  times = iter([(before, 0.0), (after, 300 / tick)])

  class Times:
    system = 0.0

    def __init__(self, user):
      self.user = user

  def opened(_):
    import io

    fields, user = next(times)
    monkeypatch.setattr('os.times', lambda: Times(user))
    return io.StringIO(f'cpu  {" ".join(fields)} 0 0\n')

  monkeypatch.setattr('builtins.open', opened)
  clock = CpuClock()
  # Of eight fields two are idle; 600 ticks were busy, 300 of them its own.
  assert clock.others_cores(300 / tick) == pytest.approx(1.0)


def test_the_machine_is_described():
  found = describe('numpy', 'no_such_package')
  assert set(found['versions']) == {'python', 'numpy'}
  assert found['threads'] == len(os.sched_getaffinity(0)) >= 1
  assert found['cpu']


def test_the_table_by_hand(capsys):
  records = [
    {'peer': 'ours', 'times': {'best': 1.23456}, 'range': [1.0, 2.5]},
    {'peer': 'torch', 'times': {'best': 12.0}},
  ]
  columns = {'peer': 'peer', 'best': 'times.best', 'from': 'range'}
  print_table(records, columns)
  assert capsys.readouterr().out == (
    '| peer  | best  | from     |\n'
    '| ----- | ----- | -------- |\n'
    '| ours  | 1.235 | 1 to 2.5 |\n'
    '| torch | 12    |          |\n'
  )
