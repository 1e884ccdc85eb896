"""Beginning with the parameters that another run has left (fine-tuning)."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from t2t_jax.checkpoints.params import load_params
from t2t_jax.checkpoints.store import list_steps
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config, ModelConfig
from t2t_jax.data.given_vocabulary import split_init_from
from t2t_jax.errors import UsageError
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.arrays import abstract_params
from t2t_jax.parallel.mesh import decoding_mesh

# How a model is trained and run, not what function its parameters are.
_MAY_DIFFER = frozenset(
  {
    'dropout_rate',
    'attention_dropout_rate',
    'activation_dropout_rate',
    'attention_impl',
    'compute_dtype',
    'param_dtype',
    'remat',
    'scan_layers',
    'max_positions',
  }
)


def check_same_model(config: Config) -> None:
  """Raises UsageError where training.init_from is of another model.

  Lists every field that differs.
  """
  directory, _ = split_init_from(config.training.init_from)
  with _naming_the_field():
    old = Workdir(directory).read_config().model
  may_differ = set(_MAY_DIFFER)
  if config.model.positions == 'learned':
    may_differ.remove('max_positions')
  different = [
    f'model.{field.name}: {getattr(old, field.name)!r} there, '
    f'{getattr(config.model, field.name)!r} here'
    for field in dataclasses.fields(ModelConfig)
    if field.name not in may_differ
    and getattr(old, field.name) != getattr(config.model, field.name)
  ]
  if different:
    raise UsageError(
      f'config.training.init_from: {directory} is of another model: '
      f'{"; ".join(different)}'
    )


def needing_no_other(workdir: Workdir, config: Config) -> Config:
  """Returns `config` for the start of a run in `workdir`.

  Once it has checkpoints of its own, it takes nothing more from
  training.init_from, which may be gone: its vocabulary is the one that it has.

  Raises:
    UsageError: as `check_same_model`.
  """
  if not config.training.init_from:
    return config
  if not list_steps(workdir.checkpoints):
    check_same_model(config)
    return config
  own = dataclasses.replace(config.training, init_from=f'{workdir.path}@latest')
  return dataclasses.replace(config, training=own)


def initial_params(
  config: Config, model: Transformer, fresh: Any
) -> tuple[Any, str]:
  """Returns the parameters of training.init_from and where they come from.

  Args:
    config: of the new run.
    model: its model.
    fresh: new parameters, for dtypes and places on the mesh.

  Raises:
    UsageError: as `check_same_model` and `load_params`.
  """
  check_same_model(config)
  directory, checkpoint = split_init_from(config.training.init_from)
  workdir = Workdir(directory)
  with _naming_the_field():
    workdir.check_modules(model.modules.own())
    old = workdir.read_config()
    # Each process reads all of them, and keeps what is its own.
    params, origin = load_params(
      workdir,
      old,
      checkpoint or old.decoding.checkpoint,
      abstract_params(model, decoding_mesh()),
    )

  def place(loaded: jax.Array, like: jax.Array) -> jax.Array:
    array = np.asarray(loaded).astype(like.dtype)
    return jax.make_array_from_callback(
      array.shape, like.sharding, lambda index: array[index]
    )

  return jax.tree.map(place, params, fresh), f'{origin} of {directory}'


@contextlib.contextmanager
def _naming_the_field() -> Iterator[None]:
  """Says of what is wrong with the other run's workdir who asked for it."""
  try:
    yield
  except UsageError as error:
    raise UsageError(f'config.training.init_from: {error}') from error
