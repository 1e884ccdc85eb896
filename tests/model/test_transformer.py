"""The whole model against the float64 numpy model written from the paper."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy_transformer import forward
from variants import (
  BOS_ID,
  PAD_ID,
  PAPER,
  VARIANTS,
  build,
  quick_jit,
  random_ids,
  random_parameters,
)

from t2t_jax.errors import UsageError
from t2t_jax.model.transformer import shift_right

VOCAB_SIZE = 11


def batch():
  """Two pairs of unequal lengths; the first source has two PAD at its end."""
  source_ids_BS = random_ids(2, 6, vocab_size=9, seed=1)
  source_ids_BS[0, 4:] = PAD_ID
  decoder_input_ids_BT = random_ids(2, 5, vocab_size=VOCAB_SIZE, seed=2)
  decoder_input_ids_BT[:, 0] = BOS_ID
  return source_ids_BS, decoder_input_ids_BT


def scalar_of(logits_BTV):
  """A sum of logits with unequal weights: every logit has its own gradient."""
  weights_BTV = np.random.default_rng(3).normal(size=logits_BTV.shape)
  return (logits_BTV * weights_BTV).sum()


@functools.cache
def logits_and_gradients(name):
  """Returns logits_BTV, the gradients of `scalar_of` and the parameters."""
  model = build(VARIANTS[name])
  params = random_parameters(model)

  def run(params):
    logits_BTV = model.apply({'params': params}, *batch())
    return scalar_of(logits_BTV), logits_BTV

  gradients, logits_BTV = quick_jit(jax.grad(run, has_aux=True))(params)
  return *jax.device_get((logits_BTV, gradients)), params


def numpy_logits(params, config):
  logits_BTV = forward(params, config, *batch(), PAD_ID)
  return logits_BTV[..., :VOCAB_SIZE]


def float64(params):
  return jax.tree.map(lambda leaf: np.array(leaf, np.float64), params)


@pytest.mark.parametrize('name', VARIANTS)
def test_forward_is_the_papers(name):
  logits_BTV, _, params = logits_and_gradients(name)
  expected_BTV = numpy_logits(float64(params), VARIANTS[name])
  assert logits_BTV.shape == expected_BTV.shape
  assert logits_BTV.dtype == jnp.float32
  np.testing.assert_allclose(logits_BTV, expected_BTV, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('name', VARIANTS)
def test_gradients_are_the_numerical_ones(name):
  _, gradients, params = logits_and_gradients(name)
  params = float64(params)
  rng = np.random.default_rng(4)
  for path, leaf in jax.tree_util.tree_leaves_with_path(params):
    gradient = functools.reduce(lambda node, k: node[k.key], path, gradients)
    for index in rng.choice(leaf.size, size=min(3, leaf.size), replace=False):
      expected = central_difference(params, leaf, index, VARIANTS[name])
      np.testing.assert_allclose(
        np.asarray(gradient).reshape(-1)[index],
        expected,
        rtol=1e-3,
        atol=1e-4,
        err_msg=f'{jax.tree_util.keystr(path)}[{index}]',
      )


def central_difference(params, leaf, index, config, width=1e-6):
  """(f(p + width) - f(p - width)) / 2 width for one element of one leaf."""
  flat = leaf.reshape(-1)
  kept = flat[index]
  flat[index] = kept + width
  above = scalar_of(numpy_logits(params, config))
  flat[index] = kept - width
  below = scalar_of(numpy_logits(params, config))
  flat[index] = kept
  return (above - below) / (2 * width)


@pytest.mark.parametrize(
  'name', ['paper', 'relative_positions', 'd_k_and_d_v_apart']
)
def test_bfloat16_compute_is_close_to_float32(name):
  logits_BTV, _, params = logits_and_gradients(name)
  config = dataclasses.replace(VARIANTS[name], compute_dtype='bfloat16')
  model = build(config)
  rounded_BTV = jax.device_get(
    quick_jit(model.apply)({'params': params}, *batch())
  )
  assert rounded_BTV.dtype == jnp.float32
  # bfloat16 keeps 8 bits: half a per cent an operation, over tens of them.
  error_BTV = np.abs(rounded_BTV - logits_BTV)
  assert 0 < error_BTV.mean() < 0.02 * np.std(logits_BTV)
  assert error_BTV.max() < 0.1 * np.std(logits_BTV)


def test_initial_logits_have_about_unit_scale():
  config = dataclasses.replace(
    PAPER, d_model=64, d_ff=128, d_k=16, d_v=16, num_heads=4
  )
  for norm_position in ('post', 'pre'):
    model = build(dataclasses.replace(config, norm_position=norm_position))
    key = jax.random.key(0, impl='rbg')
    logits_BTV, _ = quick_jit(model.init_with_output)(key, *batch())
    assert 0.5 < np.std(logits_BTV) < 2


def test_rows_that_pad_the_vocabulary_change_no_logit():
  models = [
    build(dataclasses.replace(PAPER, vocab_row_multiple=n)) for n in (1, 8)
  ]
  params = random_parameters(models[1])
  cut = params | {'target_embedding': params['target_embedding'][:VOCAB_SIZE]}
  assert params['target_embedding'].shape == (16, PAPER.d_model)
  np.testing.assert_array_equal(
    quick_jit(models[0].apply)({'params': cut}, *batch()),
    quick_jit(models[1].apply)({'params': params}, *batch()),
  )


def test_features_give_the_logits():
  name = 'swish_with_all_biases'
  logits_BTV, _, params = logits_and_gradients(name)
  features = functools.partial(build(VARIANTS[name]).apply, method='features')
  decoded_BTD, weights_VD, bias_V = quick_jit(features)(
    {'params': params}, *batch()
  )
  made_BTV = decoded_BTD @ weights_VD.T + bias_V
  np.testing.assert_allclose(
    made_BTV[..., :VOCAB_SIZE], logits_BTV, rtol=1e-5, atol=1e-5
  )


def test_shift_right_puts_the_start_symbol_first():
  target_ids_BT = np.array([[5, 6, 7, 2], [8, 2, 0, 0]])
  shifted_BT = shift_right(target_ids_BT, BOS_ID)
  np.testing.assert_array_equal(shifted_BT, [[1, 5, 6, 7], [1, 8, 2, 0]])


@pytest.mark.parametrize('side', ['source', 'target'])
def test_learned_positions_end_with_a_clear_message(side):
  config = dataclasses.replace(PAPER, positions='learned', max_positions=5)
  model = build(config)
  long = {'source': (6, 5), 'target': (5, 6)}[side]
  ids = [jnp.ones((1, length), jnp.int32) for length in long]
  message = f'{side} of 6 tokens: .*model.max_positions = 5'
  with pytest.raises(UsageError, match=message):
    model.apply({'params': random_parameters(model)}, *ids)
