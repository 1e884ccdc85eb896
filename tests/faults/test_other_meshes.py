"""A checkpoint of any mesh and number of processes goes on in any other.

Twenty updates from one checkpoint, in float32 without dropout: the same
batches, and the same losses as far as float32 adds in another order.
"""

import shutil

import jax
import numpy as np
import pytest
from several_processes import Processes
from tiny_run import make_config, read_rows, write_text

from t2t_jax.checkpoints.store import list_steps
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import MeshConfig
from t2t_jax.parallel.mesh import create_mesh
from t2t_jax.training import loop

CHANGES = {
  'model.dropout_rate': 0.0,
  'model.num_heads': 8,
  'model.d_k': 2,
  'model.d_v': 2,
  'training.steps': 24,
  # One device makes four micro-batches of an update, eight devices one.
  'training.microbatch_tokens': 32,
  'training.max_shapes': 1,
  'checkpoint.every_steps': 4,
  'checkpoint.keep_last': 9,
  'evaluation.every_steps': 100,
}
MESHES = [(8, 1, 1), (1, 8, 1), (2, 2, 2), (1, 1, 8)]


@pytest.fixture(scope='module', autouse=True)
def _compile_quickly():
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', False)


def train_on(monkeypatch, text, workdir, mesh, **changes):
  """Trains in this process on the first devices; returns what was said."""
  values = {**CHANGES, **changes}
  for name, size in zip(('data', 'fsdp', 'tensor'), mesh, strict=True):
    values[f'mesh.{name}'] = size
  devices = jax.devices()[: int(np.prod(mesh))]
  monkeypatch.setattr(
    loop,
    'create_mesh',
    lambda sizes, model: create_mesh(MeshConfig(*mesh), devices),
  )
  config = make_config(
    text, **{key.replace('.', '__'): value for key, value in values.items()}
  )
  said = []
  loop.train(config, Workdir(workdir), said.append)
  return said


@pytest.fixture(scope='module')
def text(tmp_path_factory):
  directory = tmp_path_factory.mktemp('text')
  write_text(directory)
  return directory


@pytest.fixture(scope='module')
def whole(text):
  """The workdir of a run on one device, with all of its checkpoints."""
  with pytest.MonkeyPatch.context() as monkeypatch:
    train_on(monkeypatch, text, text / 'whole', (1, 1, 1))
  assert list_steps(text / 'whole' / 'checkpoints')[0] == 4
  return text / 'whole'


def begin(whole, workdir, step=4):
  """Makes `workdir` the run as it was after `step` updates."""
  shutil.copytree(whole, workdir)
  for later in list_steps(workdir / 'checkpoints'):
    if later > step:
      shutil.rmtree(workdir / 'checkpoints' / str(later))


def check_same_losses(workdir, whole):
  one, other = (
    [(row['step'], row['loss']) for row in read_rows(path, 'train')]
    for path in (workdir, whole)
  )
  assert [step for step, _ in one] == list(range(1, 25))
  np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize(
  'mesh',
  [
    pytest.param(mesh, marks=[pytest.mark.slow] * (mesh != (2, 2, 2)))
    for mesh in MESHES
  ],
)
def test_one_device_goes_on_as_eight(monkeypatch, text, whole, tmp_path, mesh):
  begin(whole, tmp_path / 'run')
  said = train_on(monkeypatch, text, tmp_path / 'run', mesh)
  assert 'resuming after step 4' in said
  parts = mesh[0] * mesh[1]
  now = -(-128 // (32 * parts))
  if now != 4:
    assert f'resuming with other microbatches: 4 -> {now}' in said
  check_same_losses(tmp_path / 'run', whole)


@pytest.mark.slow
def test_eight_devices_go_on_as_one(monkeypatch, text, whole, tmp_path):
  workdir = tmp_path / 'run'
  train_on(monkeypatch, text, workdir, (1, 4, 2), **{'training.steps': 4})
  train_on(monkeypatch, text, workdir, (1, 1, 1))
  check_same_losses(workdir, whole)


@pytest.mark.slow
def test_one_device_goes_on_as_two_processes(text, whole, tmp_path):
  begin(whole, tmp_path / 'run')
  changes = {**CHANGES, 'mesh.fsdp': 2, 'mesh.tensor': 2}
  with Processes(
    text, tmp_path / 'run', changes, count=2, devices=4
  ) as processes:
    assert processes.finish() == [0, 0], processes.errors
  check_same_losses(tmp_path / 'run', whole)
