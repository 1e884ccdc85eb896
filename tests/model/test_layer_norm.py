"""Layer normalisation and its gradient, against flax's and its autodiff."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from variants import PAPER, quick_jit

from t2t_jax.model.layer_norm import LayerNorm

SHAPE = (3, 5, PAPER.d_model)


def arrays(seed=0):
  """Returns input, parameters and what the gradient is multiplied with."""
  rng = np.random.default_rng(seed)
  x, dy = (rng.normal(2, 3, SHAPE).astype(np.float32) for _ in range(2))
  scale, bias = (
    rng.normal(1, 0.5, SHAPE[-1:]).astype(np.float32) for _ in range(2)
  )
  return x, {'scale': scale, 'bias': bias}, dy


def run(module, x, params, dy):
  """Returns value and gradients of sum(dy * module(x))."""

  def value(x, params):
    y = module.apply({'params': params}, x)
    return (dy * y.astype(jnp.float32)).sum(), y

  both = jax.value_and_grad(value, argnums=(0, 1), has_aux=True)
  (_, y), gradients = quick_jit(both)(x, params)
  return y, *gradients


def flaxs(config):
  return nn.LayerNorm(
    epsilon=config.layer_norm_epsilon,
    dtype=config.compute_dtype,
    use_fast_variance=False,
  )


def assert_close(found, expected, tolerance):
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(
      np.asarray(a, np.float32), np.asarray(b, np.float32), atol=tolerance
    ),
    found,
    expected,
  )


def test_value_and_gradients_are_flaxs():
  found = run(LayerNorm(PAPER), *arrays())
  assert_close(found, run(flaxs(PAPER), *arrays()), 2e-5)


def test_value_is_the_formula():
  x, params, dy = arrays(1)
  y, _, _ = run(LayerNorm(PAPER), x, params, dy)
  wide = x.astype(np.float64)
  centred = wide - wide.mean(-1, keepdims=True)
  variance = (centred**2).mean(-1, keepdims=True)
  expected = centred / np.sqrt(variance + PAPER.layer_norm_epsilon)
  expected = expected * params['scale'] + params['bias']
  np.testing.assert_allclose(y, expected, atol=1e-5)


def test_a_large_mean_cancels_no_digits():
  x, params, dy = arrays(2)
  y, _, _ = run(LayerNorm(PAPER), x + np.float32(4096), params, dy)
  shifted = (x + np.float32(4096)).astype(np.float64) - 4096
  expected, _, _ = run(LayerNorm(PAPER), shifted, params, dy)
  np.testing.assert_allclose(y, expected, atol=1e-3)


@pytest.mark.parametrize('norm_dtype', ['float32', 'bfloat16'])
def test_bfloat16_is_normalised_in_float32(norm_dtype):
  config = dataclasses.replace(
    PAPER, compute_dtype='bfloat16', param_dtype=norm_dtype
  )
  x, params, dy = arrays(3)
  params = jax.tree.map(lambda p: jnp.asarray(p, norm_dtype), params)
  low = jnp.asarray(x, jnp.bfloat16)
  y, dx, dparams = run(LayerNorm(config), low, params, dy)
  assert y.dtype == dx.dtype == jnp.bfloat16
  assert all(g.dtype == norm_dtype for g in jax.tree.leaves(dparams))
  wide = np.asarray(low, np.float32), jax.tree.map(np.float32, params), dy
  expected = run(flaxs(PAPER), *wide)
  assert_close((y, dx), expected[:2], 0.05)
  assert_close(dparams, expected[2], 0.4 if norm_dtype == 'bfloat16' else 0.15)
