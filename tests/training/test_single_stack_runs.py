"""A run of one stack goes on where it was, and on other devices, as any."""

import jax
import numpy as np
import pytest
import single_stack_text
from tiny_run import make_config, read_rows, read_state

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import MeshConfig
from t2t_jax.parallel.mesh import create_mesh
from t2t_jax.training import loop

_TASKS = {
  'language_model': single_stack_text.LANGUAGE_MODEL,
  'tagging': single_stack_text.TAGGING,
}
_STEPS = 6
_SHORT = {
  'training.steps': _STEPS,
  'training.global_batch_tokens': 128,
  'checkpoint.every_steps': 2,
  'evaluation.every_steps': _STEPS,
  'logging.every_steps': 1,
}


@pytest.fixture(scope='module', autouse=True)
def _compile_quickly():
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', False)


def train(monkeypatch, text, workdir, task, mesh, **changes):
  """Trains in this process on the first devices."""
  devices = jax.devices()[: int(np.prod(mesh))]
  monkeypatch.setattr(
    loop,
    'create_mesh',
    lambda sizes, model: create_mesh(MeshConfig(*mesh), devices),
  )
  values = {**_TASKS[task], **_SHORT, **changes}
  config = make_config(
    text, **{key.replace('.', '__'): value for key, value in values.items()}
  )
  loop.train(config, Workdir(workdir), lambda line: None)


@pytest.mark.slow
@pytest.mark.parametrize('task', _TASKS)
def test_eight_devices_go_on_as_one(tmp_path, monkeypatch, task):
  single_stack_text.write_all(tmp_path, lines=200)
  whole, broken = tmp_path / 'whole', tmp_path / 'broken'
  train(monkeypatch, tmp_path, whole, task, (1, 1, 1))
  train(monkeypatch, tmp_path, broken, task, (1, 1, 1), **{'training.steps': 2})
  train(monkeypatch, tmp_path, broken, task, (2, 2, 2))
  found, expected = (read_state(run, _STEPS) for run in (broken, whole))
  assert found.keys() == expected.keys()
  for name, array in found.items():
    np.testing.assert_allclose(array, expected[name], atol=1e-5, err_msg=name)
  of_task = {'language_model': 'word_perplexity', 'tagging': 'accuracy'}[task]
  for kind, figures in (('train', ['loss']), ('dev', ['nll', of_task])):
    rows, others = (read_rows(run, kind) for run in (broken, whole))
    for row, other in zip(rows, others, strict=True):
      assert row['step'] == other['step']
      for figure in figures:
        assert row[figure] == pytest.approx(other[figure], rel=1e-4)
