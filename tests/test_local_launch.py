"""launch/local.sh, with a script in place of Python and the training run."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[1]

# Acts as its process's line of $PLAN says; notes that it started.
_PYTHON = """#!/bin/bash
echo "$T2T_COORDINATOR $T2T_NUM_PROCESSES $T2T_PROCESS_ID $*" >> "$NOTES"
echo "$T2T_PROCESS_ID: ${JAX_LOCAL_DEVICE_IDS-all}" >> "$NOTES.gpus"
trap 'echo told $T2T_PROCESS_ID >> "$NOTES"; exit 75' TERM
eval "$(sed -n $((T2T_PROCESS_ID + 1))p "$PLAN")"
"""
# A shell cannot trap what was ignored where these tests were started. (Not by
# preexec_fn, which forks, against which jax warns.)
_HEEDING_SIGINT = (
  'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); '
  'os.execv(sys.argv[1], sys.argv[1:])'
)
_WAIT = 'for i in {1..600}; do sleep 0.1; done'


class Launch:
  """Runs the script in `directory`."""

  def __init__(self, directory):
    self._directory = directory
    self._started = []
    (directory / 'python').write_text(_PYTHON)
    (directory / 'python').chmod(0o755)
    self.notes = directory / 'notes'

  def start(self, *arguments, plan, **changes):
    (self._directory / 'plan').write_text('\n'.join(plan) + '\n')
    environ = {
      **os.environ,
      'PYTHON': str(self._directory / 'python'),
      'NOTES': str(self.notes),
      'PLAN': str(self._directory / 'plan'),
      'GRACE': '0',
      # Whatever GPUs are here.
      'JAX_PLATFORMS': 'cpu',
      **changes,
    }
    command = [str(ROOT / 'launch' / 'local.sh'), *arguments]
    process = subprocess.Popen(
      [sys.executable, '-c', _HEEDING_SIGINT, *command],
      env=environ,
      stderr=subprocess.PIPE,
    )
    self._started.append(process)
    return process

  def end(self):
    for process in self._started:
      process.kill()
      process.communicate()

  def run(self, *arguments, plan, **changes):
    process = self.start(*arguments, plan=plan, **changes)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors.decode()

  def lines(self):
    return self.notes.read_text().splitlines() if self.notes.exists() else []


@pytest.fixture
def launch(tmp_path):
  running = Launch(tmp_path)
  yield running
  running.end()


def test_all_are_told_of_each_other(launch):
  status, _ = launch.run('3', '--config=a b', plan=['exit 0'] * 3)
  assert status == 0
  coordinators = {line.split()[0] for line in launch.lines()}
  [coordinator] = coordinators
  assert coordinator.startswith('localhost:')
  assert sorted(line.split(maxsplit=1)[1] for line in launch.lines()) == [
    f'3 {i} -m t2t_jax.main --config=a b' for i in range(3)
  ]


def test_the_status_of_one_is_that_of_all(launch):
  status, errors = launch.run('2', plan=['exit 0', 'exit 2'])
  assert (status, errors) == (2, '')


def test_when_one_dies_the_others_do_not_stay(launch):
  status, errors = launch.run('2', plan=[_WAIT, 'kill -KILL $$'])
  assert status == 137
  assert errors == (
    'local.sh: a process ended with status 137; killing the rest\n'
  )


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_goes_to_all(launch, number):
  process = launch.start('--restart', '2', plan=[_WAIT, _WAIT])
  while len(launch.lines()) < 2:
    time.sleep(0.05)
  time.sleep(0.2)
  process.send_signal(number)
  _, errors = process.communicate(timeout=60)
  # Who told it to stop does not want it started again.
  assert (process.returncode, errors) == (75, b'')
  assert sorted(launch.lines()[-2:]) == ['told 0', 'told 1']


def test_started_again_where_asked_for(launch):
  first = '[ $(wc -l < "$NOTES") -gt 2 ] || { sleep 0.5; exit 75; }'
  status, errors = launch.run('2', plan=[first, first])
  assert status == 75
  launch.notes.unlink()
  status, errors = launch.run('--restart', '2', plan=[first, first])
  assert status == 0
  assert errors == 'local.sh: stopped and saved; starting all again\n'
  assert len(launch.lines()) == 4


# Eight GPUs, one of them cut into two.
_NVIDIA_SMI = """#!/bin/bash
for i in {0..7}; do echo "GPU $i: NVIDIA H200 (UUID: GPU-$i)"; done
echo '  MIG 3g.71gb Device 0: (UUID: MIG-1)'
echo '  MIG 3g.71gb Device 1: (UUID: MIG-2)'
"""


@pytest.fixture
def with_gpus(tmp_path, monkeypatch):
  (tmp_path / 'nvidia-smi').write_text(_NVIDIA_SMI)
  (tmp_path / 'nvidia-smi').chmod(0o755)
  monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
  monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)


@pytest.mark.parametrize(
  ('visible', 'shares'),
  [
    ({}, ['0: 0,1,2,3', '1: 4,5,6,7']),
    ({'CUDA_VISIBLE_DEVICES': '2,5,6'}, ['0: 0', '1: 1']),
    ({'CUDA_VISIBLE_DEVICES': 'GPU-a,GPU-b'}, ['0: 0', '1: 1']),
    ({'CUDA_VISIBLE_DEVICES': ''}, ['0: all', '1: all']),
    ({'CUDA_VISIBLE_DEVICES': '-1'}, ['0: all', '1: all']),
  ],
)
def test_gpus_are_shared_out(launch, with_gpus, visible, shares):
  status, errors = launch.run('2', plan=['exit 0'] * 2, **visible)
  assert (status, errors) == (0, '')
  notes = launch.notes.with_name('notes.gpus')
  assert sorted(notes.read_text().splitlines()) == shares


def test_more_processes_than_gpus(launch, with_gpus):
  on_gpus = {'CUDA_VISIBLE_DEVICES': '3', 'JAX_PLATFORMS': ''}
  status, errors = launch.run('2', plan=['exit 0'] * 2, **on_gpus)
  assert (status, launch.lines()) == (2, [])
  assert errors == (
    'local.sh: expected at most one process a GPU, found 2 for 1; '
    'JAX_PLATFORMS=cpu trains on CPUs\n'
  )
  on_cpus = {**on_gpus, 'JAX_PLATFORMS': 'cpu'}
  assert launch.run('2', plan=['exit 0'] * 2, **on_cpus) == (0, '')


@pytest.mark.parametrize('arguments', [(), ('--config=x',), ('0',)])
def test_without_a_number_of_processes(launch, arguments):
  status, errors = launch.run(*arguments, plan=[])
  assert status == 2
  assert errors == (
    'usage: launch/local.sh [--restart] PROCESSES ARGUMENTS...\n'
  )
