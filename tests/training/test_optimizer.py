"""Schedules against the paper's formula, Adam against one in numpy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_run import make_config

from t2t_jax.training.optimizer import learning_rate_schedule, make_optimizer

STEPS = [1, 2, 19, 20, 21, 59, 60, 500]


def rates(tmp_path, **changes):
  """Returns the rate of the updates STEPS, counted from 1."""
  schedule = learning_rate_schedule(make_config(tmp_path, **changes))
  return [float(schedule(jnp.int32(step - 1))) for step in STEPS]


def test_inverse_sqrt_is_equation_3(tmp_path):
  found = rates(
    tmp_path,
    model__d_model=16,
    optimizer__warmup_steps=20,
    optimizer__peak_learning_rate=None,
  )
  expected = [16**-0.5 * min(step**-0.5, step * 20**-1.5) for step in STEPS]
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_inverse_sqrt_with_a_peak_of_its_own(tmp_path):
  found = rates(tmp_path, optimizer__peak_learning_rate=0.005)
  expected = [0.005 * min(step / 20, (20 / step) ** 0.5) for step in STEPS]
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_constant_after_the_warmup(tmp_path):
  found = rates(tmp_path, optimizer__schedule='constant')
  np.testing.assert_allclose(
    found, [0.01 * min(step / 20, 1) for step in STEPS], rtol=1e-6
  )


def test_cosine_falls_to_its_end_and_stays_there(tmp_path):
  found = rates(
    tmp_path,
    optimizer__schedule='cosine',
    optimizer__final_learning_rate=0.001,
    training__steps=60,
  )

  def expected(step):
    if step <= 20:
      return 0.01 * step / 20
    done = min((step - 20) / 40, 1)
    return 0.001 + 0.009 * (1 + math.cos(math.pi * done)) / 2

  np.testing.assert_allclose(found, list(map(expected, STEPS)), rtol=1e-5)
  assert found[STEPS.index(20)] == pytest.approx(0.01)
  assert found[STEPS.index(60)] == pytest.approx(0.001)


def random_trees(seed, scale=1.0):
  rng = np.random.default_rng(seed)
  return {
    'matrix': scale * rng.normal(size=(3, 4)),
    'vector': scale * rng.normal(size=4),
  }


def numpy_adam(params, gradients, rate, decay=0.0, clip=math.inf):
  """Kingma & Ba's algorithm 1 in float64, and what t2t_jax adds to it."""
  first = {name: np.zeros_like(p) for name, p in params.items()}
  second = {name: np.zeros_like(p) for name, p in params.items()}
  for step, gradient in enumerate(gradients, start=1):
    norm = math.sqrt(sum((g**2).sum() for g in gradient.values()))
    for name, p in params.items():
      g = gradient[name] * min(1, clip / norm)
      first[name] = 0.9 * first[name] + 0.1 * g
      second[name] = 0.98 * second[name] + 0.02 * g**2
      mean = first[name] / (1 - 0.9**step)
      variance = second[name] / (1 - 0.98**step)
      update = mean / (np.sqrt(variance) + 1e-9)
      if p.ndim > 1:
        update += decay * p
      params = {**params, name: p - rate(step) * update}
  return params


def test_no_bias_decays(tmp_path):
  config = make_config(tmp_path, optimizer__weight_decay=0.1)
  optimizer = make_optimizer(config)
  params = {
    'query': jnp.ones((4, 2, 2)),
    'query_bias': jnp.ones((2, 2)),
    'norm': {'scale': jnp.ones(4), 'bias': jnp.ones(4)},
  }
  still = jax.tree.map(jnp.zeros_like, params)
  updates, _ = optimizer.update(still, optimizer.init(params), params)
  assert (updates.pop('query') < 0).all()
  assert not any(np.any(x) for x in jax.tree.leaves(updates))


@pytest.mark.parametrize(
  ('changes', 'expected'),
  [
    ({}, {}),
    ({'optimizer__clip_norm': 0.5}, {'clip': 0.5}),
    ({'optimizer__weight_decay': 0.1}, {'decay': 0.1}),
  ],
)
def test_adam(tmp_path, changes, expected):
  config = make_config(tmp_path, **changes)
  optimizer = make_optimizer(config)
  start = random_trees(0)
  # Some gradients are below the norm to clip at, some above.
  gradients = [random_trees(seed, 0.05 * seed) for seed in range(1, 7)]
  params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), start)
  state = optimizer.init(params)
  for gradient in gradients:
    gradient = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), gradient)
    updates, state = optimizer.update(gradient, state, params)
    params = jax.tree.map(jnp.add, params, updates)

  def rate(step):
    return 0.01 * min(step / 20, (20 / step) ** 0.5)

  found = numpy_adam(start, gradients, rate, **expected)
  for name in start:
    np.testing.assert_allclose(params[name], found[name], atol=2e-7)
  assert not np.allclose(params['matrix'], start['matrix'], atol=1e-4)
