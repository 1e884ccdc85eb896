"""A tiny model, trained once for all tests of the commands."""

import dataclasses
import pathlib

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache
from run_command import Finished, run_command

_TINY = {
  'model.d_model': 16,
  'model.d_ff': 32,
  'model.d_k': 8,
  'model.d_v': 8,
  'model.num_heads': 2,
  'model.num_encoder_layers': 1,
  'model.num_decoder_layers': 1,
  'data.generated_train_pairs': 300,
  'data.generated_dev_pairs': 12,
  'data.generated_test_pairs': 12,
  'vocabulary.size': 600,
  'training.steps': 4,
  'training.global_batch_tokens': 512,
  'training.max_shapes': 1,
  'optimizer.warmup_steps': 1,
  'checkpoint.every_steps': 2,
  'checkpoint.average_last': 2,
  'evaluation.every_steps': 4,
  'evaluation.bleu': 'false',
  'evaluation.best_metric': 'nll',
  'decoding.beam_size': 2,
  'decoding.max_decode_length_offset': 2,
  'logging.every_steps': 2,
  'logging.tensorboard': 'false',
}


@dataclasses.dataclass(frozen=True)
class Trained:
  """The workdir of a finished run.

  Attributes:
    flag: that names it to the other commands.
    command: the arguments of `main` that made it.
    finished: what `main` wrote.
  """

  directory: pathlib.Path
  flag: str
  command: tuple[str, ...]
  finished: Finished


@pytest.fixture(scope='module', autouse=True)
def _compile_quickly():
  jax.config.update('jax_disable_most_optimizations', True)
  with pytest.MonkeyPatch.context() as patch:
    # Of the processes that are started.
    patch.setenv('JAX_DISABLE_MOST_OPTIMIZATIONS', '1')
    yield
  jax.config.update('jax_disable_most_optimizations', False)


@pytest.fixture(scope='session')
def trained(tmp_path_factory):
  directory = tmp_path_factory.mktemp('commands')
  workdir = directory / 'run'
  command = (
    '--config=configs/quickstart.py',
    f'--workdir={workdir}',
    f'--config.data.cache_dir={directory / "cache"}',
    f'--config.logging.compile_cache_dir={directory / "compiled"}',
    *(f'--config.{key}={value}' for key, value in _TINY.items()),
  )
  before = jax.config.jax_compilation_cache_dir
  # This is called before _compile_quickly.
  jax.config.update('jax_disable_most_optimizations', True)
  finished = run_command('main', *command)
  assert finished.status == 0, finished.stderr
  yield Trained(workdir, f'--workdir={workdir}', command, finished)
  jax.config.update('jax_compilation_cache_dir', before)
  compilation_cache.reset_cache()
