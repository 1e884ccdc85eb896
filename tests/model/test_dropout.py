"""Dropout: its rate and mean exactly, and where the model applies it."""

import dataclasses
import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from variants import PAPER, build, quick_jit, random_ids, random_parameters

from t2t_jax.model import dropout
from t2t_jax.model.dropout import Dropout

RATES = [0.1, 0.3, 0.5, 0.9]


def drop(rate, x, seed=0, deterministic=False):
  rngs = {'dropout': jax.random.key(seed)}
  return Dropout(rate).apply({}, x, deterministic=deterministic, rngs=rngs)


@pytest.mark.parametrize('rate', RATES)
def test_rate_is_met_and_the_mean_kept(rate):
  count = 100_000
  y = np.asarray(drop(rate, jnp.ones(count)))
  deviation = (rate * (1 - rate) / count) ** 0.5
  assert np.mean(y == 0) == pytest.approx(rate, abs=4 * deviation)
  assert np.mean(y) == pytest.approx(1, abs=4 * deviation / (1 - rate))
  assert len(np.unique(y)) == 2


@pytest.mark.parametrize('rate', [*RATES, 1e-4])
def test_over_evenly_spread_bits_rate_and_mean_are_exact(rate, monkeypatch):
  spread = jnp.arange(65536, dtype=jnp.uint32) << 16
  monkeypatch.setattr(dropout, 'hashed_bits', lambda *_: spread)
  y = np.asarray(drop(rate, jnp.ones(65536)), np.float64)
  assert 0 <= np.sum(y == 0) - rate * 65536 < 1
  assert y.mean() == pytest.approx(1, abs=1 / 65536 / (1 - rate))


def murmur3_finaliser(x):
  """fmix32 of Appleby's MurmurHash3, on a Python integer."""
  x = ((x ^ x >> 16) * 0x85EBCA6B) % 2**32
  x = ((x ^ x >> 13) * 0xC2B2AE35) % 2**32
  return x ^ x >> 16


def test_hashed_bits_are_murmur3_of_the_key_and_the_index():
  words = [0x12345678, 0x9ABCDEF0]
  bits = dropout.hashed_bits(jnp.array(words, jnp.uint32), (3, 4, 5))
  expected = [
    murmur3_finaliser(murmur3_finaliser(index ^ words[0]) ^ words[1])
    for index in range(60)
  ]
  np.testing.assert_array_equal(bits.reshape(-1), np.array(expected))


def test_masks_of_neighbours_rows_and_keys_are_uncorrelated():
  """Also for keys that differ in one bit, as counters do."""
  shape = (512, 256)
  words = [[0, 0], [0, 1], [1, 0], [7, 0], [2**31, 5]]
  signs = [
    np.where(
      dropout.hashed_bits(jnp.array(pair, jnp.uint32), shape) >> 31, 1.0, -1.0
    )
    for pair in words
  ]
  limit = 5 / (shape[0] * shape[1]) ** 0.5
  for sign in signs:
    assert abs(sign.mean()) < limit
    for shift in ((0, 1), (0, 2), (0, 128), (1, 0), (2, 0), (256, 0)):
      assert abs((sign * np.roll(sign, shift, (0, 1))).mean()) < limit
    # A whole row or column that is kept or dropped would be seen here.
    for axis, count in ((0, shape[0]), (1, shape[1])):
      assert np.abs(sign.mean(axis=axis)).max() < 5 / count**0.5
  for one, other in itertools.combinations(signs, 2):
    assert abs((one * other).mean()) < limit


def test_deterministic_and_rate_0_return_the_input_without_a_key():
  x = jnp.arange(8.0)
  for rate, deterministic in ((0.5, True), (0.0, False), (0.0, True)):
    y = Dropout(rate).apply({}, x, deterministic=deterministic)
    np.testing.assert_array_equal(y, x)


def test_other_keys_drop_other_elements():
  x = jnp.ones(1000)
  np.testing.assert_array_equal(drop(0.5, x, seed=0), drop(0.5, x, seed=0))
  agreement = np.mean(drop(0.5, x, seed=0) == drop(0.5, x, seed=1))
  assert agreement == pytest.approx(0.5, abs=0.07)


def test_a_rate_of_almost_1_is_finite_and_the_dtype_stays():
  y = drop(1 - 1e-7, jnp.ones(1000, jnp.bfloat16))
  assert y.dtype == jnp.bfloat16
  assert np.isfinite(y.astype(jnp.float32)).all()


def test_gradient_flows_through_the_kept_elements_only():
  x = jnp.ones(100)
  gradient = jax.grad(lambda x: drop(0.5, x).sum())(x)
  np.testing.assert_array_equal(gradient, drop(0.5, x))


def dropouts_of(config):
  """Returns (path, shape) of each dropout that one training pass applies."""
  seen = []

  def record(next_call, args, kwargs, context):
    if isinstance(context.module, Dropout) and context.module.rate:
      seen.append(('/'.join(context.module.path), args[0].shape))
    return next_call(*args, **kwargs)

  model = build(config)
  params = random_parameters(model)

  def run(params, key):
    ids = jnp.zeros((2, 3), jnp.int32), jnp.zeros((2, 4), jnp.int32)
    return model.apply(
      {'params': params}, *ids, deterministic=False, rngs={'dropout': key}
    )

  with nn.intercept_methods(record):
    jax.eval_shape(run, params, jax.random.key(0))
  return sorted(seen)


@pytest.mark.parametrize('norm_position', ['post', 'pre'])
def test_residual_dropout_stands_where_section_5_4_says(norm_position):
  config = dataclasses.replace(PAPER, norm_position=norm_position)
  source, target = (2, 3, 8), (2, 4, 8)
  assert dropouts_of(config) == [
    ('decoder/layer_0/cross_attention_residual/dropout', target),
    ('decoder/layer_0/feed_forward_residual/dropout', target),
    ('decoder/layer_0/self_attention_residual/dropout', target),
    ('embedding_dropout', source),
    ('embedding_dropout', target),
    ('encoder/layer_0/feed_forward_residual/dropout', source),
    ('encoder/layer_0/self_attention_residual/dropout', source),
  ]


def test_attention_and_activation_dropout_stand_on_weights_and_inner_layer():
  config = dataclasses.replace(
    PAPER,
    dropout_rate=0.0,
    attention_dropout_rate=0.1,
    activation_dropout_rate=0.1,
  )
  assert [shape for _, shape in dropouts_of(config)] == [
    (2, 2, 4, 3),
    (2, 4, 12),
    (2, 2, 4, 4),
    (2, 3, 12),
    (2, 2, 3, 3),
  ]


@pytest.mark.parametrize(
  'rate', ['dropout_rate', 'attention_dropout_rate', 'activation_dropout_rate']
)
def test_each_rate_changes_training_and_not_evaluation(rate):
  zero = dataclasses.replace(PAPER, dropout_rate=0.0)
  model = build(dataclasses.replace(zero, **{rate: 0.5}))
  params = random_parameters(model)
  ids = random_ids(2, 3), random_ids(2, 4, seed=1)

  def run(params, key):
    def apply(deterministic, rngs=None):
      return model.apply(
        {'params': params}, *ids, deterministic=deterministic, rngs=rngs
      )

    still = build(zero).apply({'params': params}, *ids, deterministic=False)
    return still, apply(True), apply(False, {'dropout': key})

  still, evaluated, trained = quick_jit(run)(params, jax.random.key(0))
  np.testing.assert_allclose(evaluated, still, atol=1e-5)
  assert np.abs(trained - still).max() > 0.1
