"""Two processes are one run: they compute, stop, fail and go on together.

Each through the public command, with CPU devices and gloo between them.
"""

import json
import resource
import shutil
import signal
import time

import jax
import numpy as np
import pytest
from several_processes import Processes
from tiny_run import make_config, read_rows, write_text

from t2t_jax.checkpoints.store import list_steps
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.training.loop import train

CHANGES = {
  'model.dropout_rate': 0.0,
  'training.steps': 30,
  'training.max_shapes': 1,
  'checkpoint.every_steps': 10,
  'evaluation.every_steps': 10,
  'evaluation.bleu': True,
  # Parameters lie over both processes.
  'mesh.fsdp': 4,
}


@pytest.fixture(scope='module', autouse=True)
def _compile_quickly():
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', False)


@pytest.fixture(scope='module')
def text(tmp_path_factory):
  directory = tmp_path_factory.mktemp('text')
  write_text(directory)
  return directory


def go_on_here(text, workdir):
  """Trains to the end in this process, on eight devices; returns the lines."""
  said = []
  changes = {**CHANGES, 'mesh.fsdp': 1}
  config = make_config(
    text, **{key.replace('.', '__'): value for key, value in changes.items()}
  )
  train(config, Workdir(workdir), said.append)
  return said


@pytest.fixture(scope='module')
def whole(text):
  """The workdir of a run of one process that nothing interrupted."""
  go_on_here(text, text / 'whole')
  return text / 'whole'


@pytest.fixture(scope='module')
def stopped(text):
  """The workdir of a run of two processes; one of them was told to stop."""
  workdir = text / 'stopped'
  with Processes(text, workdir, CHANGES) as processes:
    processes.wait_for('step 12/30')
    with pytest.raises(ValueError, match='another run works here \\(process '):
      Workdir(workdir).lock()
    processes.started[1].send_signal(signal.SIGTERM)
    assert processes.finish() == [75, 75], processes.errors
  newest = list_steps(workdir / 'checkpoints')[-1]
  assert 12 <= newest < 30
  assert processes.errors[0][-1] == (
    f'main: stopped by SIGTERM after step {newest}, which is saved; the same '
    'command goes on'
  )
  assert processes.errors[1] == []  # process 0 alone speaks
  return workdir


def own_lines(stream):
  """The lines of standard output but for gloo's, which it prints there."""
  return [line for line in stream if not line.startswith(b'[Gloo]')]


def figures(workdir, kind, name):
  return {row['step']: row[name] for row in read_rows(workdir, kind)}


def check_same_losses(workdir, whole):
  for kind, name in (('train', 'loss'), ('dev', 'nll'), ('dev', 'bleu')):
    one, other = (figures(path, kind, name) for path in (workdir, whole))
    assert one.keys() == other.keys()
    for step, value in one.items():
      np.testing.assert_allclose(value, other[step], rtol=1e-5)


def test_stopped_together_and_gone_on_by_another_number(
  text, whole, stopped, tmp_path
):
  workdir = tmp_path / 'run'
  shutil.copytree(stopped, workdir)
  newest = list_steps(workdir / 'checkpoints')[-1]
  said = go_on_here(text, workdir)
  assert f'resuming after step {newest}' in said
  check_same_losses(workdir, whole)


def test_without_the_files_of_one_process(text, whole, stopped, tmp_path):
  workdir = tmp_path / 'run'
  shutil.copytree(stopped, workdir)
  before, newest = list_steps(workdir / 'checkpoints')[-2:]
  [part] = (workdir / 'checkpoints' / str(newest)).rglob('ocdbt.process_1')
  shutil.rmtree(part)
  said = go_on_here(text, workdir)
  [damage] = [line for line in said if 'is damaged' in line]
  assert damage.startswith(f'checkpoint {newest} is damaged (state/ocdbt.')
  assert f'resuming after step {before}' in said
  check_same_losses(workdir, whole)


@pytest.mark.slow
@pytest.mark.parametrize('victim', [0, 1])
def test_one_is_killed(text, tmp_path, victim):
  with Processes(
    text, tmp_path, CHANGES, environ={'T2T_HEARTBEAT_SECONDS': '20'}
  ) as processes:
    processes.wait_for('step 12/30')
    # Step 10 is saved while the updates after it are computed.
    while list_steps(tmp_path / 'checkpoints') != [10]:
      time.sleep(0.01)
    processes.started[victim].send_signal(signal.SIGKILL)
    began = time.monotonic()
    statuses = processes.finish()
  assert statuses.pop(victim) == -signal.SIGKILL
  assert statuses[0] not in (0, 75)
  # Ours where gloo raised an error, jax's where it ended the process.
  said = '\n'.join(processes.errors[1 - victim])
  assert 'another process died first' in said or 'another task died' in said
  assert time.monotonic() - began < 60
  assert list_steps(tmp_path / 'checkpoints') == [10]


@pytest.mark.slow
def test_one_cannot_write_its_part(text, whole, tmp_path):
  with Processes(text, tmp_path, CHANGES) as processes:
    processes.wait_for('step 12/30')
    limit = (100, 100)  # bytes a file
    pid = processes.started[1].pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)
    began = time.monotonic()
    assert processes.finish() == [1, 1], processes.errors
  # Not after the twenty minutes that orbax would wait.
  assert time.monotonic() - began < 120
  errors = '\n'.join(processes.errors[1])
  assert f'{tmp_path}/checkpoints/20: could not be written: ' in errors
  assert 'process 0: process 1 ended with status 1' in processes.errors[0][-1]
  assert 'resuming after step 10' in go_on_here(text, tmp_path)
  check_same_losses(tmp_path, whole)


@pytest.mark.slow
@pytest.mark.parametrize('has_manifest', [True, False])
def test_two_find_a_damaged_checkpoint(
  text, whole, stopped, tmp_path, has_manifest
):
  workdir = tmp_path / 'run'
  shutil.copytree(stopped, workdir)
  before, newest = list_steps(workdir / 'checkpoints')[-2:]
  directory = workdir / 'checkpoints' / str(newest)
  if not has_manifest:
    (directory / 'manifest.json').unlink()
  (directory / 'state' / 'manifest.ocdbt').write_bytes(b'')
  with Processes(text, workdir, CHANGES) as processes:
    assert processes.finish() == [0, 0], processes.errors
  assert f'resuming after step {before}' in processes.errors[0]
  damage = f'checkpoint {newest} is damaged ('
  assert any(line.startswith(damage) for line in processes.errors[0])
  assert (workdir / f'damaged.{newest}').is_dir()
  check_same_losses(workdir, whole)


@pytest.mark.slow
@pytest.mark.parametrize('count', [2, 4])
def test_to_the_end(text, whole, tmp_path, count):
  changes = {**CHANGES, 'mesh.fsdp': 2}
  with Processes(text, tmp_path, changes, count=count, devices=1) as processes:
    assert processes.finish() == [0] * count, processes.errors
    results = [own_lines(process.stdout) for process in processes.started]
  check_same_losses(tmp_path, whole)
  assert json.loads((tmp_path / 'averaged' / 'steps.json').read_text()) == {
    'steps': [20, 30]
  }
  assert any(line.startswith(b'dev BLEU') for line in results[0])
  assert results[1:] == [[]] * (count - 1)


@pytest.mark.slow
def test_another_run_is_refused(text, tmp_path):
  lock = Workdir(tmp_path).lock()
  with Processes(text, tmp_path, CHANGES) as processes:
    assert processes.finish() == [2, 2], processes.errors
  lock.release()
  assert 'another run works here' in processes.errors[0][-1]
  assert processes.errors[0][-1].startswith('main: process 0: --workdir=')


@pytest.mark.slow
def test_another_command_is_refused(text, tmp_path):
  changes = [CHANGES, {**CHANGES, 'training.seed': 2}]
  with Processes(text, tmp_path, changes) as processes:
    assert processes.finish() == [2, 2], processes.errors
  # grpc may have something to say after it.
  assert (
    'main: process 1: expected the config of process 0, found another: '
    'training.seed: 1 -> 2. Give all processes the same command'
  ) in processes.errors[1]
