"""What changes from update to update."""

import dataclasses
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from t2t_jax.config import Config
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.arrays import init_params
from t2t_jax.training.optimizer import make_optimizer


@flax.struct.dataclass
class TrainState:
  """Attributes:
  step: int32, optimizer updates done.
  params: the model's parameters.
  opt_state: Adam's moments and counts.
  ema_params: moving average of the parameters, or None.
  """

  step: jax.Array
  params: Any
  opt_state: Any
  ema_params: Any


def decoding_params(state: TrainState) -> Any:
  """The parameters that translate: the moving average where there is one."""
  return state.params if state.ema_params is None else state.ema_params


def build_state(config: Config, model: Transformer) -> TrainState:
  """Returns the state before the first update, in flax's boxes.

  A function of the config's seed alone. It is traced under `create_arrays`
  or `abstract_arrays`, which give each array its place on the mesh.
  """
  params = init_params(model, jax.random.key(config.training.seed))
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    opt_state=make_optimizer(config).init(params),
    ema_params=params if config.training.ema_decay > 0 else None,
  )


@dataclasses.dataclass(frozen=True)
class FirstState:
  """`build_state` as a function without arguments, equal to others of the
  same config and model: so that it is traced once for all who ask."""

  config: Config
  model: Transformer

  def __call__(self) -> TrainState:
    return build_state(self.config, self.model)


def begin_with(state: TrainState, params: Any) -> TrainState:
  """Returns the first state with other parameters, such as another run's."""
  average = None
  if state.ema_params is not None:
    average = jax.tree.map(jnp.copy, params)
  return dataclasses.replace(state, params=params, ema_params=average)
