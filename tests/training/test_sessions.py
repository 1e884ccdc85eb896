"""What run.json tells of a run's sessions."""

import json
import os
import signal

import jax
import pytest
from tiny_run import make_config, read_rows, write_text

from t2t_jax.checkpoints.workdir import Workdir, write_json
from t2t_jax.training.loop import train
from t2t_jax.training.sessions import Session, last_saved
from t2t_jax.training.stopping import Stopped, TrainingError


@pytest.fixture
def workdir(tmp_path):
  workdir = Workdir(tmp_path)
  write_json(workdir.run_file, {'parameters': 3})
  return workdir


def _sessions(workdir):
  return workdir.read_run()['sessions']


def test_each_session_is_added_with_its_end(workdir):
  Session(workdir, 0).end(7, Stopped('stopped by SIGTERM after step 7'))
  Session(workdir, 5)  # killed
  Session(workdir, 5).end(9, TrainingError('step 9: the loss is nan'))
  Session(workdir, 8).end(9, None)
  found = _sessions(workdir)
  assert [session['from_step'] for session in found] == [0, 5, 5, 8]
  assert [session.get('step') for session in found] == [7, None, 9, 9]
  assert [session.get('why') for session in found] == [
    'stopped by SIGTERM after step 7',
    None,
    'step 9: the loss is nan',
    'finished',
  ]
  assert all('T' in session['started'] for session in found)
  assert workdir.read_run()['parameters'] == 3


def test_what_sessions_know_to_be_saved(workdir):
  assert last_saved(workdir.read_run()) == 0
  Session(workdir, 0).end(7, TrainingError('step 7: the loss is nan'))
  Session(workdir, 0)  # killed
  assert last_saved(workdir.read_run()) == 0
  Session(workdir, 5).end(9, OSError(28, 'No space left on device'))
  assert last_saved(workdir.read_run()) == 5
  Session(workdir, 5).end(8, Stopped('stopped by SIGTERM after step 8'))
  assert last_saved(workdir.read_run()) == 8
  Session(workdir, 8).end(10, None)
  assert last_saved(workdir.read_run()) == 10


def test_other_errors_are_named(workdir):
  Session(workdir, 0).end(1, OSError(28, 'No space left on device'))
  Session(workdir, 1).end(2, KeyboardInterrupt())
  assert [session['why'] for session in _sessions(workdir)] == [
    'OSError: [Errno 28] No space left on device',
    'KeyboardInterrupt',
  ]


def test_an_end_that_cannot_be_written_hides_no_error(workdir):
  session = Session(workdir, 0)
  workdir.run_file.write_text('{')
  session.end(1, ValueError('the real one'))
  assert workdir.run_file.read_text() == '{'
  workdir.run_file.unlink()
  session.end(1, ValueError('the real one'))
  assert not workdir.run_file.exists()


def test_a_run_that_is_stopped_and_goes_on(tmp_path):
  write_text(tmp_path)
  config = make_config(
    tmp_path,
    training__steps=4,
    training__max_shapes=1,
    checkpoint__every_steps=3,
    evaluation__every_steps=4,
  )
  workdir = Workdir(tmp_path / 'run')

  def stop_at_two(line):
    if line.startswith('step 2/'):
      os.kill(os.getpid(), signal.SIGTERM)

  jax.config.update('jax_disable_most_optimizations', True)
  try:
    with pytest.raises(Stopped):
      train(config, workdir, stop_at_two)
    train(config, workdir, lambda line: None)
  finally:
    jax.config.update('jax_disable_most_optimizations', False)
  first, second = _sessions(workdir)
  assert first['from_step'] == 0
  assert first['step'] == second['from_step'] >= 2
  assert first['why'].startswith('stopped by SIGTERM after step')
  assert (second['step'], second['why']) == (4, 'finished')
  # The rows show nothing of it.
  steps = [row['step'] for row in read_rows(workdir.path, 'train')]
  assert steps == [1, 2, 3, 4]
  assert json.loads(workdir.run_file.read_text())['commit'] is not None
