"""Which parameters a name stands for, and their averages."""

import pathlib
import runpy

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t2t_jax.checkpoints import params
from t2t_jax.checkpoints.params import (
  last_scheduled,
  load_params,
  read_progress,
  write_average,
)
from t2t_jax.checkpoints.store import CheckpointStore, list_steps
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import from_mapping
from t2t_jax.errors import UsageError

BASE_FILE = pathlib.Path(__file__).parents[2] / 'configs' / 'base.py'


def make_config(ema_decay=0.0, average_last=2):
  mapping = runpy.run_path(str(BASE_FILE))['get_config']().to_dict()
  mapping['training']['ema_decay'] = ema_decay
  mapping['checkpoint']['average_last'] = average_last
  return from_mapping(mapping)


def params_of(step, part='params'):
  rng = np.random.default_rng([step, len(part)])
  return {
    'matrix': rng.normal(size=(4, 3)).astype(np.float32),
    'vector': rng.normal(size=5).astype(np.float32),
  }


ABSTRACT = jax.tree.map(
  lambda x: jax.ShapeDtypeStruct(
    x.shape,
    x.dtype,
    sharding=jax.sharding.SingleDeviceSharding(jax.devices()[0]),
  ),
  params_of(0),
)


def save(workdir, step, scheduled, best=None):
  with CheckpointStore(workdir.checkpoints) as store:
    state = {
      part: jax.tree.map(jnp.asarray, params_of(step, part))
      for part in ('params', 'ema_params')
    }
    progress = {'scheduled_steps': scheduled, 'best_step': best}
    store.save(step, state, progress, set(range(step)))


@pytest.fixture
def workdir(tmp_path):
  """Checkpoints 10, 20 (best), 30 by the cadence, 33 when it was stopped."""
  workdir = Workdir(tmp_path)
  save(workdir, 10, [10])
  save(workdir, 20, [10, 20], best=20)
  save(workdir, 30, [10, 20, 30], best=20)
  save(workdir, 33, [10, 20, 30], best=20)
  return workdir


def assert_same(params, expected):
  for name in expected:
    np.testing.assert_array_equal(params[name], expected[name])


def mean_of(*steps, part='params'):
  return {
    name: np.mean([params_of(step, part)[name] for step in steps], axis=0)
    for name in ABSTRACT
  }


@pytest.mark.parametrize(
  ('name', 'step'), [('latest', 33), ('best', 20), ('10', 10), ('33', 33)]
)
def test_one_checkpoint(workdir, name, step):
  params, origin = load_params(workdir, make_config(), name, ABSTRACT)
  assert_same(params, params_of(step))
  assert origin == f'checkpoint {step}'


def test_averaged_leaves_out_what_no_cadence_wrote(workdir):
  params, origin = load_params(workdir, make_config(), 'averaged', ABSTRACT)
  assert origin == 'average of checkpoints 20, 30'
  for name, expected in mean_of(20, 30).items():
    np.testing.assert_allclose(params[name], expected, rtol=1e-6)


def test_the_moving_average_is_what_translates(workdir):
  config = make_config(ema_decay=0.9, average_last=3)
  params, _ = load_params(workdir, config, 'latest', ABSTRACT)
  assert_same(params, params_of(33, 'ema_params'))
  params, _ = load_params(workdir, config, 'averaged', ABSTRACT)
  for name, expected in mean_of(10, 20, 30, part='ema_params').items():
    np.testing.assert_allclose(params[name], expected, rtol=1e-6, atol=1e-7)


def test_a_written_average_is_taken(workdir):
  assert write_average(workdir, make_config(), 3, ABSTRACT) == [10, 20, 30]
  # It is read and not made again: the checkpoints are no longer needed.
  for step in (10, 20):
    (workdir.checkpoints / str(step) / 'state' / 'manifest.ocdbt').unlink()
  params, origin = load_params(workdir, make_config(), 'averaged', ABSTRACT)
  assert origin == 'average of checkpoints 10, 20, 30'
  for name, expected in mean_of(10, 20, 30).items():
    np.testing.assert_allclose(params[name], expected, rtol=1e-6, atol=1e-7)


def test_an_average_of_before_is_not(workdir):
  write_average(workdir, make_config(), 3, ABSTRACT)
  save(workdir, 40, [20, 30, 40])
  _, origin = load_params(workdir, make_config(), 'averaged', ABSTRACT)
  assert origin == 'average of checkpoints 30, 40'
  # And can be replaced.
  assert write_average(workdir, make_config(), 2, ABSTRACT) == [30, 40]


def test_a_half_written_average_is_not(workdir):
  write_average(workdir, make_config(), 3, ABSTRACT)
  (workdir.averaged / 'steps.json').unlink()
  _, origin = load_params(workdir, make_config(), 'averaged', ABSTRACT)
  assert origin == 'average of checkpoints 20, 30'


def test_fewer_than_asked_for(workdir):
  assert write_average(workdir, make_config(), 9, ABSTRACT) == [10, 20, 30]
  assert last_scheduled(workdir, 1) == [30]


def test_only_a_checkpoint_of_a_stopped_run(tmp_path):
  workdir = Workdir(tmp_path)
  save(workdir, 3, [])
  assert last_scheduled(workdir, 5) == [3]


def test_an_average_of_none_is_refused(workdir):
  with pytest.raises(UsageError) as error:
    write_average(workdir, make_config(), 0, ABSTRACT)
  assert str(error.value) == '--last=0: expected at least 1'


def test_unknown_names_are_refused(workdir):
  with pytest.raises(UsageError) as error:
    load_params(workdir, make_config(), 'lastest', ABSTRACT)
  assert str(error.value) == (
    '--checkpoint=lastest: expected one of averaged, best, latest, 10, 20, '
    "30, 33. Did you mean 'latest'?"
  )


@pytest.mark.parametrize('name', ['latest', 'averaged'])
def test_no_checkpoint_yet(tmp_path, name):
  workdir = Workdir(tmp_path)
  with pytest.raises(UsageError) as error:
    load_params(workdir, make_config(), name, ABSTRACT)
  assert str(error.value) == f'{workdir.checkpoints}: no checkpoint yet'
  with pytest.raises(UsageError, match='no checkpoint yet'):
    last_scheduled(workdir, 5)


def test_no_best_one_yet(tmp_path):
  workdir = Workdir(tmp_path)
  save(workdir, 10, [10])
  with pytest.raises(UsageError) as error:
    load_params(workdir, make_config(), 'best', ABSTRACT)
  assert str(error.value) == (
    '--checkpoint=best: no evaluation chose one of [10] yet; try latest'
  )


def test_a_best_one_that_was_not_kept_is_not_replaced_by_another(tmp_path):
  workdir = Workdir(tmp_path)
  save(workdir, 10, [10], best=10)
  save(workdir, 20, [10, 20], best=15)
  with pytest.raises(UsageError) as error:
    load_params(workdir, make_config(), 'best', ABSTRACT)
  assert str(error.value) == (
    '--checkpoint=best: the best evaluation was of step 15, whose checkpoint '
    'was not kept (checkpoint.keep_best); found [10, 20]'
  )


def test_a_mean_of_bfloat16_is_rounded_once(monkeypatch):
  values = iter(jnp.full((2,), x, jnp.bfloat16) for x in (256.0, 1.0, 1.0))
  monkeypatch.setattr(
    params, 'restore_params', lambda *_: {'matrix': next(values)}
  )
  like = {'matrix': jax.ShapeDtypeStruct((2,), jnp.bfloat16)}
  workdir = Workdir(pathlib.Path('run'))
  mean = params.average_params(workdir, make_config(), [1, 2, 3], like)
  assert mean['matrix'].dtype == jnp.bfloat16
  # 258 / 3; summed in bfloat16 the ones are lost: 85.5.
  assert mean['matrix'].tolist() == [86.0, 86.0]


def test_damaged_progress_is_named(workdir):
  file = workdir.checkpoints / '33' / 'progress' / 'metadata'
  file.write_text('{"best')
  with pytest.raises(UsageError) as error:
    read_progress(workdir, 33)
  assert str(error.value).startswith(f'{file.parent}: cannot be read: ')
  assert str(error.value).endswith('choose another with --checkpoint=STEP')


def test_a_damaged_checkpoint_is_named(workdir):
  file = workdir.checkpoints / '10' / 'state' / 'manifest.ocdbt'
  file.unlink()
  with pytest.raises(UsageError) as error:
    load_params(workdir, make_config(), '10', ABSTRACT)
  assert str(error.value) == (
    f'{workdir.checkpoints / "10"}: cannot be restored: state/manifest.ocdbt '
    'is missing; choose another with --checkpoint=STEP'
  )


@pytest.mark.parametrize('text', ['', '{"steps"', '[]', '{}'])
def test_an_average_without_its_list_is_made_anew(workdir, text):
  write_average(workdir, make_config(), 2, ABSTRACT)
  _, origin = load_params(workdir, make_config(), 'averaged', ABSTRACT)
  (workdir.averaged / 'steps.json').write_text(text)
  _, again = load_params(workdir, make_config(), 'averaged', ABSTRACT)
  assert again.startswith('average of checkpoints')
  assert origin.startswith('average of checkpoints')


def test_other_files_are_no_checkpoints(workdir):
  for name in ('note.txt', '²', '40.part'):
    (workdir.checkpoints / name).mkdir()
  assert 40 not in list_steps(workdir.checkpoints)
  load_params(workdir, make_config(), 'latest', ABSTRACT)
