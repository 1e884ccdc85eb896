"""Checkpoints come back bit-equal, or are reported; from any mesh to any."""

import shutil
import time

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from t2t_jax.checkpoints.alone import restore_params
from t2t_jax.checkpoints.manifest import verify
from t2t_jax.checkpoints.store import (
  CheckpointStore,
  list_steps,
)
from t2t_jax.config import MeshConfig
from t2t_jax.errors import UsageError
from t2t_jax.parallel.mesh import create_mesh

PROGRESS = {
  'step': 3,
  'train_seconds': 0.1 + 0.2,
  'best_step': None,
  'scheduled_steps': [1, 3],
}
SPECS = {
  'step': PartitionSpec(),
  'params': {
    'matrix': PartitionSpec('fsdp', 'tensor'),
    'table': PartitionSpec(('tensor', 'fsdp'), None),
  },
  'ema_params': None,
}


def mesh_of(*sizes):
  return create_mesh(MeshConfig(*sizes), jax.devices()[: int(np.prod(sizes))])


def make_state(seed, mesh=None):
  """A state of random numbers, among them those that rounding would lose."""
  mesh = mesh or mesh_of(1, 1, 1)
  rng = np.random.default_rng(seed)
  matrix = rng.normal(size=(16, 8)).astype(np.float32)
  matrix[0, :4] = [np.nan, -0.0, 1e-45, np.inf]
  table = jnp.asarray(rng.normal(size=(16, 4)), jnp.bfloat16)
  values = {
    'step': np.int32(seed),
    'params': {'matrix': matrix, 'table': table},
    'ema_params': None,
  }
  return jax.tree.map(
    lambda x, spec: jax.device_put(x, NamedSharding(mesh, spec)), values, SPECS
  )


def abstract(mesh=None):
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
    make_state(0, mesh),
  )


def assert_same(one, other):
  assert jax.tree.structure(one) == jax.tree.structure(other)
  for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
    assert x.dtype == y.dtype
    assert np.array(x).tobytes() == np.array(y).tobytes()


def save(path, steps, keep=()):
  with CheckpointStore(path) as store:
    for step in steps:
      progress = {**PROGRESS, 'step': step}
      store.save(step, make_state(step), progress, {*steps, *keep})


@pytest.fixture
def path(tmp_path):
  return tmp_path / 'run' / 'checkpoints'


def restore(path, said=None, mesh=None):
  report = (said if said is not None else []).append
  with CheckpointStore(path, report) as store:
    return store.restore_newest(abstract(mesh))


def test_an_empty_directory(path):
  said = []
  assert restore(path, said) is None
  assert said == []
  assert list_steps(path / 'nowhere') == []


def test_round_trip(path):
  save(path, [1, 3])
  state, progress = restore(path)
  assert_same(state, make_state(3))
  assert progress == PROGRESS


def test_arrays_may_change_once_save_returns(path):
  state = make_state(1)
  update = jax.jit(
    lambda state: jax.tree.map(jnp.zeros_like, state), donate_argnums=0
  )
  with CheckpointStore(path) as store:
    store.save(1, state, PROGRESS, set())
    update(state)
  assert_same(restore(path)[0], make_state(1))


@pytest.mark.parametrize('target', [(1, 1, 1), (8, 1, 1), (1, 4, 2)])
def test_saved_on_one_mesh_restored_on_another(path, target):
  with CheckpointStore(path) as store:
    store.save(3, make_state(3, mesh_of(2, 2, 2)), PROGRESS, set())
  mesh = mesh_of(*target)
  state, progress = restore(path, mesh=mesh)
  assert_same(state, make_state(3))
  assert progress == PROGRESS
  assert state['params']['matrix'].sharding == NamedSharding(
    mesh, SPECS['params']['matrix']
  )


def test_only_the_kept_ones_stay(path):
  with CheckpointStore(path) as store:
    for step, keep in ((1, {}), (2, {1}), (3, {1, 2}), (4, {1, 3})):
      store.save(step, make_state(step), PROGRESS, set(keep))
      store.wait()
      assert store.steps() == sorted({*keep, step})


def test_an_old_one_stays_until_the_new_one_is_complete(path):
  with CheckpointStore(path) as store:
    store.save(1, make_state(1), PROGRESS, set())
    store.wait()
    store.save(2, make_state(2), PROGRESS, set())
    assert 1 in store.steps()
    store.wait()
    assert store.steps() == [2]


def test_a_step_is_not_saved_twice(path):
  with CheckpointStore(path) as store:
    store.save(1, make_state(1), PROGRESS, set())
    with pytest.raises(Exception, match='1'):
      store.save(1, make_state(2), PROGRESS, set())
  assert_same(restore(path)[0], make_state(1))


def test_a_checkpoint_appears_with_its_manifest(path):
  # A kill at any moment leaves none whose damage would go unnoticed.
  with CheckpointStore(path) as store:
    store.save(1, make_state(1), PROGRESS, set())
    while not store.steps():
      time.sleep(0.001)
    assert verify(path / '1')


def test_progress_can_be_replaced(path):
  save(path, [1, 3])
  with CheckpointStore(path) as store:
    store.update_progress(3, {**PROGRESS, 'best_step': 3})
  said = []
  state, progress = restore(path, said)
  assert said == []
  assert_same(state, make_state(3))
  assert progress == {**PROGRESS, 'best_step': 3}
  assert verify(path / '3')


# --- damage -------------------------------------------------------------------


def largest_file(directory):
  files = [file for file in directory.rglob('*') if file.is_file()]
  return max(files, key=lambda file: file.stat().st_size)


def truncate(file):
  file.write_bytes(file.read_bytes()[:-3])


def flip(file):
  content = bytearray(file.read_bytes())
  content[len(content) // 2] ^= 1
  file.write_bytes(content)


DAMAGE = {
  'truncated': (truncate, ': expected '),
  'deleted': (lambda file: file.unlink(), ' is missing'),
  'flipped': (flip, ': its checksum differs'),
}


@pytest.mark.parametrize('damage', DAMAGE)
@pytest.mark.parametrize('part', ['state', 'progress'])
def test_the_one_before_a_damaged_one_is_taken(path, damage, part):
  save(path, [1, 2, 3])
  harm, words = DAMAGE[damage]
  file = largest_file(path / '3' / part)
  harm(file)
  said = []
  state, progress = restore(path, said)
  assert_same(state, make_state(2))
  assert progress['step'] == 2
  [line] = said
  name = file.relative_to(path / '3')
  assert line.startswith(f'checkpoint 3 is damaged ({name}{words}')
  assert line.endswith(f'); set aside as {path.parent / "damaged.3"}')
  assert (path.parent / 'damaged.3').is_dir()
  # The run goes on and makes the checkpoint anew.
  save(path, [3])
  assert_same(restore(path)[0], make_state(3))


def test_two_damaged_ones(path):
  save(path, [1, 2, 3])
  for step in (2, 3):
    truncate(largest_file(path / str(step)))
  said = []
  assert_same(restore(path, said)[0], make_state(1))
  assert len(said) == 2


def test_a_second_damaged_one_of_a_step_does_not_hide_the_first(path):
  for _ in range(2):
    save(path, [1, 2])
    truncate(largest_file(path / '2'))
    restore(path)
    shutil.rmtree(path)
  damaged = sorted(file.name for file in path.parent.glob('damaged.*'))
  assert damaged == ['damaged.2', 'damaged.2.1']


def test_without_a_manifest_damage_is_found_by_reading(path, capfd):
  # As a process of an older version may have left it.
  save(path, [1, 2])
  (path / '2' / 'manifest.json').unlink()
  assert not verify(path / '2')
  truncate(path / '2' / 'state' / 'manifest.ocdbt')
  said = []
  assert_same(restore(path, said)[0], make_state(1))
  assert said[0].startswith('checkpoint 2 is damaged (DATA_LOSS: ')
  assert 'Traceback' not in capfd.readouterr().err


def test_all_damaged(path):
  save(path, [1, 2])
  for step in (1, 2):
    truncate(largest_file(path / str(step)))
  for _ in range(2):  # started again, it must not begin anew
    with pytest.raises(UsageError) as error:
      restore(path)
    assert str(error.value) == (
      f'{path}: all of the checkpoints [1, 2] are damaged (see '
      f'{path.parent}/damaged.*); delete the workdir to begin anew'
    )


def test_what_is_whole_but_does_not_fit_is_left_alone(path):
  save(path, [1, 2])
  wrong = abstract()
  wrong['params']['matrix'] = jax.ShapeDtypeStruct(
    (5, 5), jnp.float32, sharding=wrong['params']['matrix'].sharding
  )
  with (
    CheckpointStore(path) as store,
    pytest.raises(UsageError) as error,
  ):
    store.restore_newest(wrong)
  assert str(error.value).startswith(
    f'{path / "2"}: is not damaged, but cannot be restored here: '
  )
  assert list_steps(path) == [1, 2]


def test_leftovers_of_a_killed_save_are_ignored_and_removed(path):
  save(path, [1])
  leftover = path / '2.orbax-checkpoint-tmp'
  shutil.copytree(path / '1' / 'state', leftover / 'state')
  assert_same(restore(path)[0], make_state(1))
  assert not leftover.exists()
  save(path, [2])
  assert_same(restore(path)[0], make_state(2))


# --- parameters alone ---------------------------------------------------------


def test_params_alone(path):
  save(path, [3])
  params = restore_params(path / '3', abstract(mesh_of(8, 1, 1))['params'])
  assert_same(params, make_state(3)['params'])


def test_damaged_params_are_named(path):
  save(path, [3])
  flip(largest_file(path / '3' / 'state'))
  with pytest.raises(UsageError) as error:
    restore_params(path / '3', abstract()['params'])
  assert str(error.value).startswith(f'{path / "3"}: cannot be restored: ')
  assert str(error.value).endswith(
    'its checksum differs; choose another with --checkpoint=STEP'
  )


def test_other_versions_of_orbax_keep_progress_there(path):
  # update_progress writes that file itself.
  save(path, [3])
  with ocp.Checkpointer(ocp.JsonCheckpointHandler()) as checkpointer:
    assert checkpointer.restore(path / '3' / 'progress') == PROGRESS
  assert (path / '3' / 'progress' / 'metadata').is_file()
