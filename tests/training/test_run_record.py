"""Which config may go on with a workdir, and which is refused, and how."""

import dataclasses
import pathlib
import shutil
import subprocess

import jax
import numpy as np
import pytest
from tiny_run import make_config, write_text

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import MeshConfig
from t2t_jax.data.token_store import prepare
from t2t_jax.errors import UsageError
from t2t_jax.parallel.mesh import create_mesh
from t2t_jax.training import run_record
from t2t_jax.training.run_record import record_run, recorded_split
from t2t_jax.training.sessions import Session


class Setup:
  """A directory of text and a workdir to record runs in."""

  def __init__(self, directory):
    self.directory = directory
    self.workdir = Workdir(directory / 'run')
    self.workdir.path.mkdir()
    write_text(directory)

  def record(self, microbatches=1, devices=1, shapes=((8, 5, 6),), **changes):
    """Records a run of the config; returns what was said."""
    said = []
    config = make_config(self.directory, **changes)
    record_run(
      config,
      self.workdir,
      prepare(config, lambda line: None),
      shapes,
      microbatches,
      {'a': np.zeros((2, 3)), 'b': [np.zeros(4)]},
      create_mesh(MeshConfig(-1, 1, 1), jax.devices()[:devices]),
      said.append,
    )
    return said


@pytest.fixture
def setup(tmp_path):
  return Setup(tmp_path)


def test_a_new_run_is_written_down(setup):
  assert setup.record(microbatches=3) == []
  run = setup.workdir.read_run()
  assert run['microbatches'] == 3
  assert run['parameters'] == 2 * 3 + 4
  assert run['mesh'] == {'data': 1, 'fsdp': 1, 'tensor': 1}
  assert run['data_report']['train']['kept'] == 60
  assert {'jax', 'orbax-checkpoint', 't2t_jax'} <= run['versions'].keys()
  assert setup.workdir.read_config() == make_config(setup.directory)
  tokenizers = setup.workdir.read_tokenizers()
  assert tokenizers.source.vocab_size == 12


def test_the_commit_is_that_of_the_code(setup, monkeypatch):
  root = pathlib.Path(run_record.__file__).parents[2]
  if (root / '.git').exists() and shutil.which('git'):
    setup.record()
    told = subprocess.run(
      ['git', 'rev-parse', 'HEAD'], cwd=root, capture_output=True, text=True
    ).stdout.strip()
    found = setup.workdir.read_run()['commit']
    assert found.removesuffix('-dirty') == told
  monkeypatch.setenv('PATH', '')
  setup.record()
  assert setup.workdir.read_run()['commit'] == ''


def test_the_same_run_goes_on_and_keeps_its_start(setup):
  setup.record()
  started = setup.workdir.read_run()['started']
  assert setup.record() == []
  assert setup.workdir.read_run()['started'] == started


def test_a_split_is_kept_on_the_same_mesh(setup):
  def split(devices=1, **changes):
    mesh = create_mesh(MeshConfig(-1, 1, 1), jax.devices()[:devices])
    config = make_config(setup.directory, **changes)
    return recorded_split(config, setup.workdir, mesh)

  assert split() is None
  setup.record(microbatches=3)
  assert split() == split(training__steps=99, model__remat='full') == 3
  assert split(devices=2) is None
  assert split(training__microbatch_tokens=64) is None
  assert split(training__device_memory_gib=1.0) is None


def test_what_may_change_may_change(setup):
  setup.record()
  said = setup.record(
    microbatches=2,
    devices=2,
    training__steps=99,
    training__microbatch_tokens=64,
    model__remat='dots',
    model__scan_layers=True,
    checkpoint__every_steps=7,
    evaluation__patience=3,
    decoding__beam_size=5,
    logging__every_steps=50,
    data__cache_dir=str(setup.directory / 'other_cache'),
  )
  assert said == [
    'resuming with other microbatches: 1 -> 2',
    "resuming with other mesh: {'data': 1, 'fsdp': 1, 'tensor': 1} -> "
    "{'data': 2, 'fsdp': 1, 'tensor': 1}",
  ]
  assert setup.workdir.read_config().training.steps == 99


def test_differences_are_refused_and_listed(setup):
  setup.record()
  with pytest.raises(UsageError) as error:
    setup.record(
      training__seed=2, optimizer__beta2=0.9, checkpoint__every_steps=7
    )
  assert str(error.value) == (
    f'--workdir={setup.workdir.path}: holds a run that differs in '
    'training.seed: 1 -> 2; optimizer.beta2: 0.98 -> 0.9. Give its own '
    'config to go on, or another workdir'
  )
  # A refusal leaves everything as it was.
  assert setup.workdir.read_config() == make_config(setup.directory)


def test_steps_of_a_cosine_schedule_are_part_of_it(setup):
  setup.record(optimizer__schedule='cosine')
  with pytest.raises(UsageError, match=r'training\.steps: 60 -> 99\. Give'):
    setup.record(optimizer__schedule='cosine', training__steps=99)


def test_other_text_is_refused(setup):
  setup.record()
  old = setup.workdir.read_run()['data_fingerprint'][:12]
  write_text(setup.directory, pairs=61)
  with pytest.raises(UsageError) as error:
    setup.record()
  assert 'differs in the text: its fingerprint is ' in str(error.value)
  assert f', was {old}. Give its own config' in str(error.value)


def test_text_elsewhere_but_equal_is_the_same(setup, tmp_path):
  setup.record()
  (tmp_path / 'moved').mkdir()
  write_text(tmp_path / 'moved')
  assert setup.record(data__directory=str(tmp_path / 'moved')) == []


def test_checkpoints_of_an_unknown_run_are_refused(setup):
  setup.record()
  (setup.workdir.checkpoints / '20').mkdir(parents=True)
  setup.workdir.config_file.unlink()
  with pytest.raises(UsageError) as error:
    setup.record()
  assert str(error.value) == (
    f'--workdir={setup.workdir.path}: holds checkpoints [20] but no '
    'config.json that says of which run; choose another directory'
  )


def test_checkpoints_that_are_gone_are_missed(setup):
  setup.record()
  Session(setup.workdir, 0)  # killed before its first checkpoint
  setup.record()
  Session(setup.workdir, 20)
  with pytest.raises(UsageError) as error:
    setup.record()
  assert str(error.value) == (
    f'{setup.workdir.checkpoints}: expected checkpoints, for run.json tells '
    'that update 20 was saved, found none; put them back, or delete the '
    'workdir to begin anew'
  )
  (setup.workdir.checkpoints / '20').mkdir(parents=True)
  setup.record()
  # What was set aside as damaged, the store tells of.
  (setup.workdir.checkpoints / '20').rename(setup.workdir.path / 'damaged.20')
  setup.record()


def test_a_damaged_record_is_named(setup):
  setup.record()
  setup.workdir.run_file.write_text('{')
  with pytest.raises(UsageError, match=r'run\.json: not readable as JSON'):
    setup.record()


def test_other_versions_are_told(setup):
  setup.record()
  run = setup.workdir.read_run()
  run['versions']['jax'] = '0.1'
  config = make_config(setup.directory)
  setup.workdir.write(config, setup.workdir.read_tokenizers(), run)
  [line] = setup.record()
  assert line.startswith('resuming with other versions: ')
  assert dataclasses.asdict(config) == dataclasses.asdict(
    setup.workdir.read_config()
  )


def test_a_version_that_fits_other_batch_shapes_is_refused(setup):
  setup.record(shapes=((8, 5, 6), (4, 9, 9)))
  setup.record(shapes=((8, 5, 6), (4, 9, 9)))
  with pytest.raises(UsageError, match='differs in the batch shapes: this ver'):
    setup.record(shapes=((8, 5, 6), (4, 9, 10)))
