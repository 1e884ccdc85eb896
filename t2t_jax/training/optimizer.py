"""Adam and the learning rate schedules (section 5.3)."""

import jax.numpy as jnp
import optax

from t2t_jax.config import Config
from t2t_jax.model.matrices import are_matrices


def learning_rate_schedule(config: Config) -> optax.Schedule:
  """Returns the rate as a function of `count`, the updates done before.

  inverse_sqrt is equation 3 of the paper,
    d_model^-0.5 * min(step^-0.5, step * warmup^-1.5),  step = count + 1,
  written as peak * min((step / warmup)^-0.5, step / warmup): the default peak
  d_model^-0.5 * warmup^-0.5 makes the two the same.
  """
  optimizer = config.optimizer
  warmup, last = optimizer.warmup_steps, config.training.steps
  peak = optimizer.peak_learning_rate
  if peak is None:
    peak = config.model.d_model**-0.5 * warmup**-0.5
  final = optimizer.final_learning_rate

  def schedule(count):
    step = jnp.asarray(count, jnp.float32) + 1
    rise = step / warmup
    if optimizer.schedule == 'inverse_sqrt':
      return peak * jnp.minimum(rise**-0.5, rise)
    if optimizer.schedule == 'constant':
      return peak * jnp.minimum(1.0, rise)
    done = jnp.clip((step - warmup) / (last - warmup), 0.0, 1.0)
    fall = final + (peak - final) * 0.5 * (1 + jnp.cos(jnp.pi * done))
    return jnp.where(step < warmup, peak * rise, fall)

  return schedule


def make_optimizer(config: Config) -> optax.GradientTransformation:
  """Returns Adam, with clipping before and decoupled decay after as options."""
  c = config.optimizer
  parts = []
  if c.clip_norm > 0:
    parts.append(optax.clip_by_global_norm(c.clip_norm))
  parts.append(optax.scale_by_adam(b1=c.beta1, b2=c.beta2, eps=c.epsilon))
  if c.weight_decay > 0:
    parts.append(optax.add_decayed_weights(c.weight_decay, mask=are_matrices))
  parts.append(optax.scale_by_learning_rate(learning_rate_schedule(config)))
  return optax.chain(*parts)
