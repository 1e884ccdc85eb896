"""The beginning of a run: who holds the workdir, and what all must share.

The other processes are played: hosts.exchange returns what the first said.
"""

import os
import socket

import pytest
from tiny_run import make_config, write_text

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import to_dict
from t2t_jax.data.token_store import prepare
from t2t_jax.errors import UsageError
from t2t_jax.parallel import hosts
from t2t_jax.training import start


@pytest.fixture
def second(monkeypatch):
  """Makes this process the second of two; returns what the first says."""
  said = {}
  monkeypatch.setattr(hosts, 'is_first', lambda: False)
  monkeypatch.setattr(hosts, 'exchange', lambda topic, _: [said[topic]])
  monkeypatch.setattr(start, '_SEEN_SECONDS', 0)
  return said


def test_the_first_process_holds_the_workdir(tmp_path):
  config = make_config(tmp_path)
  with start.hold(Workdir(tmp_path), config):
    assert Workdir(tmp_path).holder() == (
      f'process {os.getpid()} on {socket.gethostname()}'
    )
    with pytest.raises(UsageError, match='another run works here'):
      Workdir(tmp_path).lock()
  Workdir(tmp_path).lock().release()


def test_the_second_process_does_not_lock(tmp_path, second):
  config = make_config(tmp_path)
  lock = Workdir(tmp_path).lock()
  holder = Workdir(tmp_path).holder()
  second['start'] = {'config': to_dict(config), 'holder': holder}
  with start.hold(Workdir(tmp_path), config):
    assert Workdir(tmp_path).holder() == holder
  assert Workdir(tmp_path).holder() == holder
  lock.release()


def test_another_config_than_the_first_ones(tmp_path, second):
  first = make_config(tmp_path, training__seed=7, mesh__fsdp=2)
  second['start'] = {'config': to_dict(first), 'holder': ''}
  with (
    pytest.raises(UsageError) as error,
    start.hold(Workdir(tmp_path), make_config(tmp_path)),
  ):
    pass
  assert str(error.value) == (
    'expected the config of process 0, found another: training.seed: 7 -> 1; '
    'mesh.fsdp: 2 -> 1. Give all processes the same command'
  )


def test_a_workdir_that_is_not_shared(tmp_path, second):
  config = make_config(tmp_path)
  second['start'] = {'config': to_dict(config), 'holder': 'process 3 on a'}
  with (
    pytest.raises(UsageError) as error,
    start.hold(Workdir(tmp_path), config),
  ):
    pass
  assert str(error.value) == (
    f'--workdir={tmp_path}: is not the directory that process 0 writes to: '
    "expected 'process 3 on a' in its file lock, found ''; it must lie on a "
    'file system that all share'
  )


def test_a_test_set_that_is_missing_is_known_before_training(tmp_path):
  write_text(tmp_path)
  config = make_config(
    tmp_path,
    data__test_source=('dev.en', 'tset.en'),
    data__test_target=('dev.de', 'test.de'),
  )
  with pytest.raises(UsageError) as error:
    start.prepare_for_all(config, lambda line: None)
  assert str(error.value) == (
    f'config.data.test_source: there is no file {tmp_path}/tset.en, plain or '
    ".gz. Did you mean 'dev.en'?"
  )


@pytest.mark.parametrize(
  ('source', 'target', 'message'),
  [
    (b'a b\n', b'A\nB\n', 'expected equal numbers of lines, found 1 and 2'),
    (
      b'\n',
      b'\n',
      "the test set 'test': expected lines with words, found none",
    ),
    (b'a\xff\n', b'A\n', 'expected UTF-8, found the byte 0xff'),
  ],
)
def test_a_test_set_that_is_no_use_is_known_before_training(
  tmp_path, source, target, message
):
  write_text(tmp_path)
  (tmp_path / 'test.en').write_bytes(source)
  (tmp_path / 'test.de').write_bytes(target)
  config = make_config(
    tmp_path, data__test_source=('test.en',), data__test_target=('test.de',)
  )
  with pytest.raises(UsageError, match=message):
    start.prepare_for_all(config, lambda line: None)


@pytest.mark.parametrize('side', ['source', 'target'])
def test_a_dev_line_beyond_learned_positions_is_known_before_training(
  tmp_path, side
):
  write_text(tmp_path)
  suffix = {'source': 'en', 'target': 'de'}[side]
  lines = (tmp_path / f'dev.{suffix}').read_text().splitlines()
  lines[2] = ' '.join('a' * 40)
  (tmp_path / f'dev.{suffix}').write_text('\n'.join(lines) + '\n')
  learned = {'model__positions': 'learned', 'model__max_positions': 32}
  with pytest.raises(UsageError) as error:
    start.prepare_for_all(
      make_config(tmp_path, data__max_tokens=32, **learned), lambda line: None
    )
  assert str(error.value) == (
    f'config.data.dev_{side}: expected at most model.max_positions = 32 '
    'tokens, as learned positions end there; found 41 in pair 3 of those that '
    'count'
  )


def test_the_second_process_reads_what_the_first_made(tmp_path, second):
  write_text(tmp_path)
  config = make_config(tmp_path)
  made = prepare(config, lambda line: None)
  second['prepared'] = made.fingerprint
  said = []
  assert start.prepare_for_all(config, said.append).directory == made.directory
  assert said == []
  second['prepared'] = 'f' * 64
  with pytest.raises(UsageError) as error:
    start.prepare_for_all(config, said.append)
  assert str(error.value) == (
    f'config.data: the text here has the fingerprint {made.fingerprint[:12]}, '
    'that of process 0 ffffffffffff; all processes must read the same'
  )
