"""Rows as processes: shell commands stand for runs."""

import dataclasses
import os
import signal
import threading
import time

import pytest
from sweep_rows import make_row

from t2t_jax.errors import UsageError
from t2t_jax.sweeps.local import cpu_shares, gpu_shares, run_rows
from t2t_jax.sweeps.rows import Row


@dataclasses.dataclass(frozen=True)
class ShellRow(Row):
  """Attributes:
  script: what runs in place of training.
  """

  script: str = ''

  def command(self):
    return ['bash', '-c', f'cd "{self.workdir}"; {self.script}']


def shell_rows(directory, *scripts):
  rows = [make_row(directory, f'row{i}') for i in range(len(scripts))]
  return [
    ShellRow(**{**vars(row), 'script': script})
    for row, script in zip(rows, scripts, strict=True)
  ]


def run(rows, jobs=1):
  """Returns the outcome, what was said, and how often a row ended."""
  said, ends = [], []
  outcome = run_rows(rows, jobs, said.append, lambda: ends.append(1))
  return outcome, said, len(ends)


# Saves as a run does when it is told to.
WAITS = (
  'trap "touch saved; exit 75" TERM; touch started; '
  'for i in {1..600}; do sleep 0.05; done'
)


def test_a_failed_row_is_told_of_and_the_others_go_on(tmp_path):
  rows = shell_rows(
    tmp_path, 'echo fine', 'echo; echo "main: no such file"; exit 2', 'true'
  )
  outcome, said, ends = run(rows)
  assert outcome == ([rows[1]], False)
  assert ends == 3
  assert said[0] == f'[1/3] row0: log in {tmp_path}/row0/log.txt'
  assert said[1].startswith('row0: done in ')
  assert said[3].startswith('row1: failed after ')
  assert said[3].endswith(' with status 2: main: no such file')
  assert said[4].startswith('[3/3] row2')
  assert rows[0].log_file.read_text() == 'fine\n'
  assert rows[1].failure_file.read_text() == 'status 2: main: no such file\n'
  assert not rows[0].failure_file.exists()


def test_a_row_that_failed_once_may_do_better(tmp_path):
  (row,) = shell_rows(tmp_path, 'test -e mended')
  assert run([row])[0].failed == [row]
  (row.workdir / 'mended').touch()
  assert run([row])[0].failed == []
  assert not row.failure_file.exists()


def test_jobs_run_at_one_time_and_no_more(tmp_path):
  # Each waits for the other; a third would be seen by its directory.
  meets = (
    'touch here; until test -e ../row{other}/here; do sleep 0.02; done; '
    'test -e ../row2/here && exit 1; sleep 0.3'
  )
  rows = shell_rows(
    tmp_path, meets.format(other=1), meets.format(other=0), 'touch here'
  )
  assert run(rows, jobs=2)[0] == ([], False)


def test_status_75_stops_the_sweep(tmp_path):
  saves = 'until test -e ../row0/started; do sleep 0.02; done; exit 75'
  rows = shell_rows(tmp_path, WAITS, saves, 'touch started')
  outcome, said, ends = run(rows, jobs=2)
  assert outcome == ([], True)
  assert ends == 2
  assert (rows[0].workdir / 'saved').exists()
  assert not rows[2].workdir.exists()
  assert sorted(said[2:]) == ['row0: stopped', 'row1: stopped']
  assert not rows[0].failure_file.exists()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
  'script',
  [
    WAITS,
    # As at a run's beginning: no handler, or an error where it waits.
    'touch started; sleep 30; exit 1',
    WAITS.replace('exit 75', 'exit 1'),
  ],
)
def test_a_signal_stops_rows_and_sweep(tmp_path, number, script):
  rows = shell_rows(tmp_path, script, 'touch started')

  def stop():
    while not (rows[0].workdir / 'started').exists():
      time.sleep(0.02)
    os.kill(os.getpid(), number)

  thread = threading.Thread(target=stop)
  thread.start()
  outcome, said, _ = run(rows)
  thread.join()
  assert outcome == ([], True)
  assert said[1:] == ['row0: stopped']
  assert not rows[0].failure_file.exists()
  assert not rows[1].workdir.exists()


# --- GPUs ---------------------------------------------------------------------


def test_jobs_share_the_gpus(tmp_path, monkeypatch):
  monkeypatch.delenv('JAX_PLATFORMS', raising=False)
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,5,6')
  assert gpu_shares(1) == [None]
  assert gpu_shares(2) == ['4,6', '5']
  (row, _) = rows = shell_rows(
    tmp_path, *['echo $CUDA_VISIBLE_DEVICES; sleep 0.5'] * 2
  )
  run(rows, jobs=2)
  assert row.log_file.read_text() == '4,6\n'
  with pytest.raises(UsageError) as error:
    gpu_shares(4)
  assert str(error.value) == (
    '--jobs=4: expected at most one for each of 3 GPUs'
  )


def test_without_gpus_there_is_nothing_to_share(monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
  assert gpu_shares(3) == [None] * 3
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '-1')
  assert gpu_shares(3) == [None] * 3
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0')
  monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
  assert gpu_shares(3) == [None] * 3


def test_cpus_are_shared_out(monkeypatch):
  monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: {1, 3, 4})
  assert cpu_shares(1) == [None]
  assert cpu_shares(2) == [{1, 4}, {3}]
  # Too few: none can have its own.
  assert cpu_shares(4) == [None] * 4


def test_a_job_runs_on_its_cpus(tmp_path, monkeypatch):
  mine = max(os.sched_getaffinity(0))
  monkeypatch.setattr('t2t_jax.sweeps.local.cpu_shares', lambda jobs: [{mine}])
  script = 'sleep 0.3; grep Cpus_allowed_list /proc/self/status'
  (row,) = shell_rows(tmp_path, script)
  assert run([row])[0].failed == []
  assert row.log_file.read_text().split() == ['Cpus_allowed_list:', str(mine)]


def test_several_at_one_time_begin_with_the_longest(tmp_path):
  rows = shell_rows(tmp_path, *['true'] * 3)
  changes = {'steps': 10}, {'steps': 30}, {'steps': 20}
  for i, change in enumerate(changes):
    training = dataclasses.replace(rows[i].config.training, **change)
    config = dataclasses.replace(rows[i].config, training=training)
    rows[i] = dataclasses.replace(rows[i], config=config)

  def order(jobs):
    said = run(rows, jobs)[1]
    return [line.split()[1][:4] for line in said if line.startswith('[')]

  assert order(jobs=2) == ['row1', 'row2', 'row0']
  assert order(jobs=1) == ['row0', 'row1', 'row2']
