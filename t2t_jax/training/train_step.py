"""One update, and the loss of a batch that is only looked at."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from t2t_jax.config import Config
from t2t_jax.model.transformer import Transformer, shift_right
from t2t_jax.parallel.arrays import shardings_of
from t2t_jax.parallel.copies import reduced_once
from t2t_jax.parallel.mesh import batch_sharding, replicated
from t2t_jax.parallel.platforms import compiler_options, on_mesh
from t2t_jax.training.loss import LossSums, loss_sums
from t2t_jax.training.optimizer import learning_rate_schedule, make_optimizer
from t2t_jax.training.train_state import FirstState, TrainState


class StepMetrics(NamedTuple):
  """Of one update, on the device until somebody reads them."""

  sums: LossSums
  gradient_norm: jax.Array
  learning_rate: jax.Array


def batch_loss(
  config: Config,
  model: Transformer,
  bos_id: int,
  params: Any,
  source_ids_BS,
  target_ids_BT,
  dropout_key: jax.Array | None,
) -> LossSums:
  """Returns the loss sums of a batch; no dropout if `dropout_key` is None."""
  features: Any = model.apply(
    {'params': params},
    source_ids_BS,
    shift_right(target_ids_BT, bos_id),
    deterministic=dropout_key is None,
    rngs=None if dropout_key is None else {'dropout': dropout_key},
    method='features',
  )
  decoded_BTD, weights_VD, bias_V = features
  return loss_sums(
    decoded_BTD,
    weights_VD,
    bias_V,
    target_ids_BT,
    target_ids_BT != model.pad_id,
    vocab_size=model.target_vocab_size,
    label_smoothing=config.training.label_smoothing,
    chunk=config.training.loss_chunk,
  )


def make_train_step(
  config: Config, model: Transformer, bos_id: int, mesh: Mesh
) -> Callable[[TrainState, Any, Any], tuple[TrainState, StepMetrics]]:
  """Returns the jitted train_step(state, source_ids, target_ids).

  The ids are (microbatches, rows, length), rows split over the mesh. The
  state is donated. Gradients are sums over tokens, added over microbatches
  and devices and divided once, by the tokens of the whole global batch: the
  split changes nothing but memory. Each copy of the model adds up those of
  its own rows first, so the copies exchange gradients once an update.
  """
  config = on_mesh(config, mesh)
  model = model.clone(config=config.model)
  optimizer = make_optimizer(config)
  schedule = learning_rate_schedule(config)
  state_shardings = shardings_of(FirstState(config, model), mesh)

  def gradients_of(params, source_ids_BS, target_ids_BT, key):
    def loss(params):
      sums = batch_loss(
        config, model, bos_id, params, source_ids_BS, target_ids_BT, key
      )
      return sums.loss, sums

    grads, sums = jax.grad(loss, has_aux=True)(params)
    # Said here too, or the compiler cuts those of a look-up across copies.
    grads = jax.lax.with_sharding_constraint(grads, state_shardings.params)
    return jax.tree.map(lambda g: g.astype(jnp.float32), grads), sums

  def sum_over_microbatches(params, source_ids, target_ids, key):
    return accumulate(
      lambda i, source, target: gradients_of(
        params, source, target, jax.random.fold_in(key, i)
      ),
      source_ids,
      target_ids,
    )

  sum_over_copies = reduced_once(sum_over_microbatches, mesh)

  def train_step(state, source_ids, target_ids):
    # Made in here: a mesh to compile for may have no device to make it on.
    key = jax.random.fold_in(jax.random.key(config.training.seed), state.step)
    grads, sums = sum_over_copies(state.params, source_ids, target_ids, key)
    with jax.named_scope('optimizer'):  # for who reads profiles
      return update(state, grads, sums)

  def update(state, grads, sums):
    grads = jax.tree.map(lambda g: g / jnp.maximum(sums.tokens, 1), grads)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    metrics = StepMetrics(sums, optax.tree.norm(grads), schedule(state.step))
    ema_params = moving_average(config, state, params)
    new = TrainState(state.step + 1, params, opt_state, ema_params)
    # Else Adam's moments of bfloat16 parameters become float32 on the way.
    return jax.tree.map(lambda x, old: x.astype(old.dtype), new, state), metrics

  ids = batch_sharding(mesh, batch_axis=1)
  return jax.jit(
    train_step,
    donate_argnums=0,
    in_shardings=(state_shardings, ids, ids),
    out_shardings=(state_shardings, replicated(mesh)),
    compiler_options=compiler_options(mesh),
  )


def accumulate(gradients_of, source_ids, target_ids):
  """Adds `gradients_of(i, source, target)` over the first axis of the ids."""
  first = gradients_of(0, source_ids[0], target_ids[0])
  if source_ids.shape[0] == 1:
    return first

  def add(total, item):
    part = gradients_of(*item)
    return jax.tree.map(jnp.add, total, part), None

  rest = (
    jnp.arange(1, source_ids.shape[0]),
    source_ids[1:],
    target_ids[1:],
  )
  return jax.lax.scan(add, first, rest)[0]


def moving_average(config: Config, state: TrainState, params: Any) -> Any:
  """Returns the EMA with `params` added, or None if there is none.

  The decay grows from 0.1 with the step, min(decay, (1 + t) / (10 + t)), so
  that the random start is soon forgotten.
  """
  if state.ema_params is None:
    return None
  t = state.step.astype(jnp.float32)
  decay = jnp.minimum(config.training.ema_decay, (1 + t) / (10 + t))
  return jax.tree.map(
    lambda old, new: old * decay + new * (1 - decay), state.ema_params, params
  )


def make_eval_step(
  config: Config, model: Transformer, bos_id: int, mesh: Mesh
) -> Callable[[Any, Any, Any], LossSums]:
  """Returns the jitted eval_step(params, source_ids_BS, target_ids_BT)."""
  config = on_mesh(config, mesh)
  model = model.clone(config=config.model)

  def eval_step(params, source_ids_BS, target_ids_BT):
    return batch_loss(
      config, model, bos_id, params, source_ids_BS, target_ids_BT, None
    )

  return jax.jit(eval_step, out_shardings=replicated(mesh))
