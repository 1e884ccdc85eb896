"""A run's directory: its small files, and the lock on it."""

import errno
import fcntl
import json
import os
import pathlib
import runpy
import signal
import socket
import subprocess
import sys

import pytest

from t2t_jax.checkpoints.workdir import Workdir, write_json
from t2t_jax.config import from_mapping, to_dict
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.errors import UsageError

ROOT = pathlib.Path(__file__).parents[2]
BASE = runpy.run_path(str(ROOT / 'configs' / 'base.py'))['get_config']()


@pytest.fixture
def workdir(tmp_path):
  """A workdir that holds a run."""
  mapping = BASE.to_dict()
  mapping['vocabulary']['kind'] = 'segmented'
  config = from_mapping(mapping)
  tokenizers = Tokenizers.train(config.vocabulary, [('a b', 'c d')])
  directory = Workdir(tmp_path / 'run')
  directory.path.mkdir()
  directory.write(config, tokenizers, {'microbatches': 2})
  return directory


def test_reads_back_what_was_written(workdir):
  assert workdir.holds_a_run()
  assert workdir.read_config().vocabulary.kind == 'segmented'
  assert workdir.read_run() == {'microbatches': 2}
  tokenizers = workdir.read_tokenizers()
  assert tokenizers.source.encode(['a c']) == tokenizers.target.encode(['a c'])


def test_a_vocabulary_that_is_there_is_not_written_again(workdir):
  # A decoder may be reading it; a damaged one is mended.
  files = list(workdir.tokenizer.iterdir())
  before = {file: file.stat().st_mtime_ns for file in files}
  tokenizers = workdir.read_tokenizers()
  workdir.write(workdir.read_config(), tokenizers, {})
  assert {file: file.stat().st_mtime_ns for file in files} == before
  for file in files:
    file.write_bytes(file.read_bytes()[:-1])
  workdir.write(workdir.read_config(), tokenizers, {})
  assert workdir.read_tokenizers().digest() == tokenizers.digest()


def test_no_directory(tmp_path):
  missing = Workdir(tmp_path / 'nowhere')
  assert not missing.holds_a_run()
  with pytest.raises(UsageError) as error:
    missing.read_config()
  assert str(error.value) == (
    f'--workdir={tmp_path / "nowhere"}: no such directory'
  )


def test_a_directory_without_a_run(tmp_path):
  with pytest.raises(UsageError) as error:
    Workdir(tmp_path).read_config()
  assert str(error.value) == (
    f'--workdir={tmp_path}: expected a run of t2t_jax, found no config.json '
    'in it'
  )


@pytest.mark.parametrize('name', ['config.json', 'run.json'])
def test_a_damaged_file_is_named(workdir, name):
  (workdir.path / name).write_text('{"model": {')
  read = workdir.read_config if name == 'config.json' else workdir.read_run
  with pytest.raises(UsageError) as error:
    read()
  expected = f'{workdir.path / name}: not readable as JSON: '
  assert str(error.value).startswith(expected)


def test_a_config_of_an_older_version_takes_the_values_of_base(workdir):
  values = to_dict(workdir.read_config())
  del values['decoding']['no_repeat_ngram'], values['mesh']
  values['decoding']['beam_size'] = 7
  write_json(workdir.config_file, values)
  config = workdir.read_config()
  assert config.decoding.no_repeat_ngram == 0
  assert config.decoding.beam_size == 7
  assert config.mesh.data == -1


def test_a_config_of_a_newer_version_is_named(workdir):
  values = to_dict(workdir.read_config())
  values['model']['d_fff'] = 3
  write_json(workdir.config_file, values)
  with pytest.raises(UsageError) as error:
    workdir.read_config()
  assert str(error.value) == (
    f'{workdir.config_file}: config.model.d_fff: there is no such field. Did '
    "you mean 'd_ff'?"
  )


@pytest.mark.parametrize('text', ['[1, 2]', '3', '{"model": 3}'])
def test_a_config_of_another_shape_is_named(workdir, text):
  workdir.config_file.write_text(text)
  with pytest.raises(UsageError) as error:
    workdir.read_config()
  assert str(error.value).startswith(f'{workdir.config_file}: ')


def test_a_second_holder_is_refused_and_the_first_named(tmp_path):
  first = Workdir(tmp_path).lock()
  with pytest.raises(UsageError) as error:
    Workdir(tmp_path).lock()
  assert str(error.value) == (
    f'--workdir={tmp_path}: another run works here (process {os.getpid()} on '
    f'{socket.gethostname()}); stop it or choose another directory'
  )
  first.release()
  Workdir(tmp_path).lock().release()


def test_the_lock_is_free_when_its_process_is_killed(tmp_path):
  program = (
    'import sys, time\n'
    'from t2t_jax.checkpoints.workdir import Workdir\n'
    f'lock = Workdir({str(tmp_path)!r}).lock()\n'
    'print("held", flush=True)\n'
    'time.sleep(600)\n'
  )
  with subprocess.Popen(
    [sys.executable, '-c', program], cwd=ROOT, stdout=subprocess.PIPE
  ) as holder:
    assert holder.stdout.readline() == b'held\n'
    with pytest.raises(UsageError, match=f'process {holder.pid} on '):
      Workdir(tmp_path).lock()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
  Workdir(tmp_path).lock().release()


def test_a_place_that_cannot_be_written(tmp_path):
  (tmp_path / 'file').write_text('')
  place = tmp_path / 'file' / 'run'
  with pytest.raises(UsageError) as error:
    Workdir(place).lock()
  assert str(error.value) == (
    f'--workdir={place}: cannot be written: Not a directory'
  )


def test_a_file_system_without_locks(tmp_path, monkeypatch):
  def flock(file, operation):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

  monkeypatch.setattr(fcntl, 'flock', flock)
  with pytest.raises(UsageError) as error:
    Workdir(tmp_path).lock()
  assert str(error.value) == (
    f'--workdir={tmp_path}: cannot be locked: Function not implemented; mount '
    'it with locks (Lustre: -o flock), or choose another directory'
  )


def test_a_bucket_is_no_directory():
  with pytest.raises(UsageError) as error:
    Workdir('gs://bucket/run')
  assert str(error.value) == (
    '--workdir=gs://bucket/run: expected a directory, found a URL; mount what '
    'it names as a file system'
  )


def test_json_is_replaced_whole_or_not_at_all(tmp_path):
  path = tmp_path / 'file.json'
  write_json(path, {'a': 'ä'})
  with pytest.raises(TypeError):
    write_json(path, {'a': {1, 2}})
  assert json.loads(path.read_text(encoding='utf-8')) == {'a': 'ä'}


@pytest.mark.parametrize('text', ['[]', '[["model", {}]]', 'null', '"a"'])
def test_json_of_another_kind_is_named(workdir, text):
  workdir.config_file.write_text(text)
  with pytest.raises(UsageError) as error:
    workdir.read_config()
  assert str(error.value).startswith(
    f'{workdir.config_file}: expected a JSON object, found '
  )


def test_modules_are_those_of_the_run(workdir):
  workdir.check_modules({})
  with pytest.raises(UsageError) as error:
    workdir.check_modules({'norm': 'rms_norm'})
  assert str(error.value) == (
    f'--workdir={workdir.path}: expected the modules that its layers were '
    "trained with, the paper's, found norm=rms_norm; only Python takes others "
    "than the paper's, as modules=Modules(...)"
  )
