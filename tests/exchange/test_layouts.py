"""Parameters to the other world's layout and back."""

import jax
import numpy as np
import pytest
from tiny_export import restored
from tiny_translator import tokenizers

from t2t_jax.errors import UsageError
from t2t_jax.exchange import marian_names as marian
from t2t_jax.exchange.layouts import to_our_layout, to_their_layout
from t2t_jax.model.positions import sinusoids

VARIANTS = {
  'biases': {'attention_bias': True},
  'pre_norm_relative': {'norm_position': 'pre', 'positions': 'relative'},
  'learned': {'positions': 'learned', 'd_v': 4},
  'tied_softmax': {'tie_softmax': True, 'softmax_bias': False},
}


def _sizes(model):
  return model.source_vocab_size, model.target_vocab_size


@pytest.mark.parametrize('name', VARIANTS)
@pytest.mark.parametrize('permuted', [False, True])
def test_there_and_back(name, permuted):
  """Every parameter returns; rows that fill a mesh return as zeros."""
  here = restored(tokenizers(), **VARIANTS[name])
  config = here.model.config
  order = marian.order_of_sinusoids(config.d_model) if permuted else None
  there = to_their_layout(config, here.params, _sizes(here.model), order)
  back = to_our_layout(config, there, here.params, 'file', order)
  assert jax.tree.structure(back) == jax.tree.structure(here.params)

  sizes = {
    'source_embedding': here.model.source_vocab_size,
    'target_embedding': here.model.target_vocab_size,
    'softmax': here.model.target_vocab_size,
    'softmax_bias': here.model.target_vocab_size,
  }

  def check(path, was, now):
    rows = sizes.get(path[0].key, len(was))
    np.testing.assert_array_equal(now[:rows], was[:rows])
    assert not np.any(now[rows:])

  jax.tree_util.tree_map_with_path(check, here.params, back)


def test_a_matrix_is_the_same_function_there():
  """x W of ours = W' x of theirs, heads behind each other."""
  here = restored(tokenizers())
  there = to_their_layout(
    here.model.config, here.params, _sizes(here.model), None
  )
  x_D = np.random.default_rng(0).normal(size=16)
  attention = here.params['decoder']['layer_0']['cross_attention']
  name = 'decoder.layers.0.encoder_attn.{}_proj.weight'
  np.testing.assert_allclose(
    there[name.format('k')] @ x_D,
    np.einsum('D,DHK->HK', x_D, attention['key']).reshape(-1),
    rtol=1e-6,
  )
  heads_HU = np.random.default_rng(1).normal(size=(2, 8))
  np.testing.assert_allclose(
    there[name.format('out')] @ heads_HU.reshape(-1),
    np.einsum('HU,HUD->D', heads_HU, attention['out']),
    rtol=1e-5,
  )


def test_marians_sinusoids_are_ours_in_another_order():
  """Theirs, from their formula: sines, then cosines."""
  positions_T1 = np.arange(7)[:, None]
  angles = positions_T1 / 10000 ** (2 * np.arange(8) / 16)
  theirs = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
  order = marian.order_of_sinusoids(16)
  np.testing.assert_allclose(sinusoids(7, 16)[:, order], theirs, atol=1e-6)


def test_what_is_missing_or_of_another_shape_is_named():
  here = restored(tokenizers())
  config = here.model.config
  there = to_their_layout(config, here.params, _sizes(here.model), None)
  name = 'encoder.layers.0.fc1.weight'
  with pytest.raises(UsageError, match=rf'^file: expected an array {name}, '):
    to_our_layout(
      config,
      {key: array for key, array in there.items() if key != name},
      here.params,
      'file',
    )
  with pytest.raises(
    UsageError, match=rf'^file: {name}: expected the shape 24 x 16, found 23'
  ):
    to_our_layout(config, there | {name: there[name][1:]}, here.params, 'file')
  table = 'encoder.embed_tokens.weight'
  too_many = np.zeros((1000, 16), np.float32)
  with pytest.raises(UsageError, match=f'^file: {table}: expected the shape'):
    to_our_layout(config, there | {table: too_many}, here.params, 'file')
