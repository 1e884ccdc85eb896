"""A workdir of random parameters, and configs that train in moments."""

import dataclasses

import jax
import pytest
from tiny_run import make_config, write_text
from tiny_translator import (
  DECODING,
  MODEL,
  model_with,
  random_params,
  tokenizers,
  vocabulary_config,
)

from t2t_jax import config_files
from t2t_jax.checkpoints.store import CheckpointStore
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.training.progress import Progress


@pytest.fixture(scope='session')
def workdir(tmp_path_factory):
  """The directory of a run that has only its first checkpoint."""
  directory = tmp_path_factory.mktemp('examples')
  write_text(directory)
  config = make_config(directory)
  config = dataclasses.replace(
    config,
    model=MODEL,
    data=dataclasses.replace(config.data, max_tokens=MODEL.max_positions),
    vocabulary=vocabulary_config(),
    decoding=dataclasses.replace(
      DECODING, beam_size=4, max_decode_length_offset=4
    ),
  )
  made = Workdir(directory / 'run')
  made.path.mkdir()
  params = jax.tree.map(jax.numpy.asarray, random_params(model_with()))
  with CheckpointStore(made.checkpoints) as store:
    progress = Progress(scheduled_steps=[0]).to_json()
    store.save(0, {'params': params}, progress, keep=set())
    store.wait()
  made.write(config, tokenizers(), {})
  return str(made.path)


def _shrink(config, cache_dir):
  with config.unlocked():
    config.model.update(
      d_model=16,
      d_ff=24,
      d_k=8,
      d_v=8,
      num_heads=2,
      num_encoder_layers=1,
      num_decoder_layers=1,
    )
    config.data.update(
      generated_train_pairs=300,
      generated_dev_pairs=8,
      generated_test_pairs=8,
      cache_dir=str(cache_dir),
    )
    config.vocabulary.update(size=600)
    config.training.update(global_batch_tokens=512, max_shapes=1)
    config.decoding.update(beam_size=2, max_decode_length_offset=4)
    config.logging.update(tensorboard=False)
  return config


@pytest.fixture(scope='session')
def _cache_dir(tmp_path_factory):
  return tmp_path_factory.mktemp('cache')


@pytest.fixture
def tiny_configs(monkeypatch, _cache_dir):
  """Makes every config file's model and text tiny."""
  load = config_files.load
  monkeypatch.setattr(
    config_files, 'load', lambda name: _shrink(load(name), _cache_dir)
  )


@pytest.fixture(autouse=True)
def _compile_quickly():
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', False)
