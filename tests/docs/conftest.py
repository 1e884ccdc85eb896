"""A directory for each document, and a run for those that presume one."""

import functools

import jax
import pytest
from documents import Command
from jax.experimental.compilation_cache import compilation_cache
from workspace import Workspace, make_text

# What the tutorial trains: its programs are compiled then.
_TRAIN = (
  'python -m t2t_jax.main --config=configs/tatoeba.py:en-de '
  '--workdir=runs/mine --config.data.directory=data/mine'
)


@pytest.fixture(scope='session')
def compiled(tmp_path_factory):
  """The programs of all documents' models, which are the same few."""
  before = jax.config.jax_compilation_cache_dir
  yield tmp_path_factory.mktemp('compiled')
  jax.config.update('jax_compilation_cache_dir', before)
  compilation_cache.reset_cache()


@pytest.fixture(scope='session')
def finished_run(tmp_path_factory, compiled):
  """Returns a function: a finished run, made when it is first asked for."""

  @functools.cache
  def make():
    directory = tmp_path_factory.mktemp('presumed')
    make_text(directory)
    finished = Workspace(directory, make, compiled).run_command(
      Command('tests/docs/conftest.py', _TRAIN)
    )
    assert finished.status == 0, finished.stderr
    return directory / 'runs' / 'mine'

  return make


@pytest.fixture
def workspace(tmp_path, finished_run, compiled):
  make_text(tmp_path)
  # Programs that run for a millisecond need not be good ones.
  jax.config.update('jax_disable_most_optimizations', True)
  yield Workspace(tmp_path, finished_run, compiled)
  jax.config.update('jax_disable_most_optimizations', False)
