"""slurm.sbatch on a real Slurm: signals, requeueing, arrays, a sweep."""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest
import slurm_daemon
import tiny_sweep
from slurm_daemon import run

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = str(ROOT / 'launch' / 'slurm.sbatch')
SECONDS = 900  # on a busy machine

pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(
    not slurm_daemon.is_there(),
    reason='needs root and Debian packages slurm-wlm and munge',
  ),
]

# In place of training: saves when it is told to, and ends when resumed.
_TRAINER = """#!/bin/bash
echo "process $SLURM_PROCID of $SLURM_NTASKS:$(printf ' <%s>' "$@")"
trap 'echo "saved $SLURM_PROCID"; exit 75' TERM
(( ${SLURM_RESTART_COUNT:-0} )) && { echo resumed; exit 0; }
for i in {1..6000}; do sleep 0.1; done
"""


@pytest.fixture(scope='module', autouse=True)
def cluster():
  with slurm_daemon.cluster() as directory:
    yield directory


@pytest.fixture
def submit(tmp_path, monkeypatch):
  """Hands slurm.sbatch to Slurm; returns the job's number."""
  (tmp_path / 'rows').write_text('--config=a\n')
  trainer = tmp_path / 'trainer'
  trainer.write_text(_TRAINER)
  trainer.chmod(0o755)
  monkeypatch.setenv('PYTHON', str(trainer))

  def sbatch(*arguments):
    options = [x for x in arguments if x.startswith('-')]
    rest = [x for x in arguments if not x.startswith('-')]
    said = run(
      *('sbatch', '--parsable', f'--output={tmp_path}/%a.log'),
      *options,
      SCRIPT,
      *rest,
    )
    return said.strip()

  return sbatch


def wait_for(condition):
  end = time.monotonic() + SECONDS
  while not condition():
    assert time.monotonic() < end, run('squeue')
    time.sleep(0.5)


def wait_for_text(file, text):
  wait_for(lambda: file.exists() and text in file.read_text())


def wait_for_empty_queue():
  wait_for(lambda: not run('squeue', '-h'))


def test_told_to_stop_all_processes_save_and_the_job_comes_back(
  submit, tmp_path
):
  (tmp_path / 'rows').write_text("first\n--workdir='a b' --x='$c'\n")
  job = submit('--ntasks-per-node=2', '--array=1', f'@{tmp_path}/rows')
  log = tmp_path / '1.log'
  for process in (0, 1):
    given = '<-m> <t2t_jax.main> <--workdir=a b> <--x=$c>'
    wait_for_text(log, f'process {process} of 2: {given}\n')
  run('scancel', '--signal=TERM', f'{job}_1')
  wait_for_empty_queue()
  text = log.read_text()
  assert text.count('\nsaved ') == text.count('resumed\n') == 2
  assert text.count('back to the queue') == 1


def test_a_job_is_told_before_its_time_is_over(submit, tmp_path):
  submit('--time=1', '--signal=TERM@45', '--array=0', f'@{tmp_path}/rows')
  wait_for_empty_queue()
  assert (tmp_path / '0.log').read_text().endswith('resumed\n')


def test_a_cancelled_job_saves_and_stays_away(submit, tmp_path):
  job = submit('--array=0', f'@{tmp_path}/rows')
  wait_for_text(tmp_path / '0.log', 'process 0 of 1')
  run('scancel', job)
  wait_for_empty_queue()
  text = (tmp_path / '0.log').read_text()
  assert 'saved 0' in text
  assert 'back to the queue' not in text
  assert 'JobState=CANCELLED' in run('scontrol', 'show', 'job', job)


def test_a_failed_job_stays_away(submit, tmp_path, monkeypatch):
  monkeypatch.setenv('PYTHON', 'false')
  job = submit('--array=0', f'@{tmp_path}/rows')
  wait_for_empty_queue()
  shown = run('scontrol', 'show', 'job', job)
  assert 'JobState=FAILED' in shown and 'ExitCode=1:0' in shown


def test_a_sweep_as_an_array_by_the_real_command(tmp_path):
  directory = tmp_path / 'sweep'
  command = [
    *(sys.executable, 'launch/sweep.py', tiny_sweep.write(tmp_path)),
    f'--workdir={directory}',
    '--config.training.steps=3000',
    '--config.checkpoint.every_steps=1500',
    '--config.evaluation.every_steps=1500',
  ]
  tiny_sweep.mend(tmp_path)
  environment = {**os.environ, 'JAX_PLATFORMS': 'cpu', 'PYTHONPATH': str(ROOT)}

  def sweep(*flags):
    return subprocess.run(
      [*command, *flags], cwd=ROOT, env=environment, capture_output=True
    )

  assert sweep('--slurm', '--jobs=2').returncode == 0
  log = directory / 'slurm-0.log'
  wait_for_text(log, 'step 20/')
  (job,) = set(run('squeue', '-h', '-r', '-o', '%F').split())
  run('scancel', '--signal=TERM', f'{job}_0')
  wait_for_empty_queue()
  assert 'is saved; the same command goes on' in log.read_text()
  assert 'resuming after step ' in log.read_text()
  assert sweep('--table').returncode == 0
  table = json.loads((directory / 'table.json').read_text())
  assert [row['state'] for row in table] == ['done', 'done']
  assert [row['mean']['updates'] for row in table] == [3000, 3000]
  # Nothing is left to submit.
  again = sweep('--slurm')
  assert again.stderr == b'2 of 2 runs are done\n'
