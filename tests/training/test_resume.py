"""Whatever ends a run, the same command goes on, and nothing is lost.

The command is the public one, in processes of its own. A run that was
interrupted ends with the same parameters, to the bit, as one that was not.
"""

import random
import shutil
import signal
import subprocess
import threading
import time

import numpy as np
import pytest
from tiny_run import (
  assert_same,
  finish,
  read_rows,
  read_state,
  read_until,
  run,
  start,
  write_text,
)

from t2t_jax.checkpoints.store import list_steps

STEPS = 60


@pytest.fixture(scope='module')
def text(tmp_path_factory):
  directory = tmp_path_factory.mktemp('text')
  write_text(directory)
  return directory


@pytest.fixture(scope='module')
def whole(text):
  """The workdir of a run that nothing interrupted."""
  workdir = text / 'whole'
  status, errors = run(text, workdir)
  assert status == 0, errors
  return workdir


def check_is_whole(workdir, whole, steps=STEPS):
  """Checks that nothing shows that the run was ever interrupted."""
  assert_same(read_state(workdir, steps), read_state(whole, steps))
  rows = read_rows(workdir, 'train')
  assert [row['step'] for row in rows] == list(range(1, steps + 1))
  losses = [row['loss'] for row in read_rows(whole, 'train')]
  assert [row['loss'] for row in rows] == losses
  evaluations = [
    [(row['step'], row['nll']) for row in read_rows(directory, 'dev')]
    for directory in (workdir, whole)
  ]
  assert evaluations[0] == evaluations[1]
  kept = list_steps(workdir / 'checkpoints')
  assert kept == list_steps(whole / 'checkpoints')


def test_killed(text, whole, tmp_path):
  process = start(text, tmp_path)
  read_until(process, f'step 13/{STEPS}')
  process.send_signal(signal.SIGKILL)
  finish(process)
  newest = list_steps(tmp_path / 'checkpoints')[-1]
  assert newest < STEPS
  status, errors = run(text, tmp_path)
  assert status == 0, errors
  assert f'resuming after step {newest}\n' in errors
  check_is_whole(tmp_path, whole)


def test_told_to_stop(text, whole, tmp_path):
  process = start(text, tmp_path)
  read_until(process, f'step 13/{STEPS}')
  process.send_signal(signal.SIGTERM)
  status, errors = finish(process)
  assert status == 75, errors
  newest = list_steps(tmp_path / 'checkpoints')[-1]
  assert 13 <= newest < STEPS
  assert errors.splitlines()[-1] == (
    f'main: stopped by SIGTERM after step {newest}, which is saved; the same '
    'command goes on'
  )
  status, errors = run(text, tmp_path)
  assert status == 0, errors
  assert f'resuming after step {newest}\n' in errors
  check_is_whole(tmp_path, whole)


def test_another_config_is_refused(text, whole):
  status, errors = run(
    text, whole, {'training.seed': 2, 'model.dropout_rate': 0.2}
  )
  assert status == 2
  assert errors.splitlines()[-1] == (
    f'main: --workdir={whole}: holds a run that differs in '
    'model.dropout_rate: 0.1 -> 0.2; training.seed: 1 -> 2. Give its own '
    'config to go on, or another workdir'
  )
  assert len(errors.splitlines()) == 1


@pytest.mark.slow
def test_the_same_again_is_the_same(text, whole, tmp_path):
  status, errors = run(text, tmp_path)
  assert status == 0, errors
  check_is_whole(tmp_path, whole)


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(3))
def test_killed_at_random_moments(text, whole, tmp_path, seed):
  began = time.monotonic()
  run(text, tmp_path / 'timed')
  seconds = time.monotonic() - began
  rng = random.Random(seed)
  for _ in range(8):
    process = start(text, tmp_path / 'run')
    try:
      process.communicate(timeout=rng.uniform(0.1, 1) * seconds)
    except subprocess.TimeoutExpired:
      process.send_signal(signal.SIGKILL)
      finish(process)
  status, errors = run(text, tmp_path / 'run')
  assert status == 0, errors
  check_is_whole(tmp_path / 'run', whole)


@pytest.mark.slow
def test_killed_in_the_middle_of_saves(text, whole, tmp_path):
  checkpoints = tmp_path / 'checkpoints'
  unfinished = 0
  for saves in (1, 2, 1, 3, 2):
    process = start(text, tmp_path)
    reader = threading.Thread(target=finish, args=(process,))
    reader.start()
    seen: set[str] = set()
    while len(seen) < saves and process.poll() is None:
      seen |= {path.name for path in checkpoints.glob('*.orbax*')}
    process.send_signal(signal.SIGKILL)
    reader.join()
    unfinished += any(checkpoints.glob('*.orbax*'))
  assert unfinished >= 2
  status, errors = run(text, tmp_path)
  assert status == 0, errors
  check_is_whole(tmp_path, whole)
  assert not list(checkpoints.glob('*.orbax*'))


@pytest.mark.slow
def test_a_damaged_newest_checkpoint(text, whole, tmp_path):
  status, errors = run(text, tmp_path, {'training.steps': 30})
  assert status == 0, errors
  files = [
    path
    for path in (tmp_path / 'checkpoints' / '30' / 'state').rglob('*')
    if path.is_file()
  ]
  largest = max(files, key=lambda path: path.stat().st_size)
  largest.write_bytes(largest.read_bytes()[:-1])
  status, errors = run(text, tmp_path)
  assert status == 0, errors
  assert 'checkpoint 30 is damaged (' in errors
  assert 'resuming after step 25\n' in errors
  assert (tmp_path / 'damaged.30').is_dir()
  check_is_whole(tmp_path, whole)


@pytest.mark.slow
def test_more_steps(text, whole, tmp_path):
  status, errors = run(text, tmp_path, {'training.steps': 20})
  assert status == 0, errors
  status, errors = run(text, tmp_path)
  assert status == 0, errors
  assert 'resuming after step 20\n' in errors
  # Rows carry the number of steps nowhere, so even they are the same.
  check_is_whole(tmp_path, whole)


@pytest.mark.slow
def test_a_finished_run_again_changes_nothing(text, whole, tmp_path):
  shutil.copytree(whole, tmp_path / 'copy')
  status, errors = run(text, tmp_path / 'copy')
  assert status == 0, errors
  assert f'resuming after step {STEPS}\n' in errors
  check_is_whole(tmp_path / 'copy', whole)


@pytest.mark.slow
def test_no_longer_a_number(text, tmp_path):
  status, errors = run(
    text,
    tmp_path,
    {'optimizer.peak_learning_rate': 1e30, 'checkpoint.every_steps': 1},
  )
  assert status == 1
  [newest] = list_steps(tmp_path / 'checkpoints')[-1:]
  line = errors.splitlines()[-1]
  assert line.startswith(f'main: step {newest + 1}: the loss is nan')
  assert f'on the batch of update {newest} (shape (' in line
  for name, value in read_state(tmp_path, newest).items():
    assert np.isfinite(value).all(), name


@pytest.mark.slow
def test_patience(text, tmp_path):
  changes = {
    'optimizer.peak_learning_rate': 1e-30,
    'evaluation.every_steps': 5,
    'evaluation.patience': 2,
  }
  for _ in range(2):
    # The first evaluation is the best, two more are not better.
    status, errors = run(text, tmp_path, changes)
    assert status == 0, errors
    assert list_steps(tmp_path / 'checkpoints')[-1] == 15
    expected = 'ended after step 15: no better dev nll in 2 evaluations'
    assert expected in errors.splitlines()
