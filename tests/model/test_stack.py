"""Rematerialised and looped layers compute what plain ones do."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from variants import (
  BOS_ID,
  VARIANTS,
  build,
  quick_jit,
  random_ids,
  random_parameters,
)

from t2t_jax.model import dropout
from t2t_jax.model.transformer import shift_right

SOURCE, TARGET = random_ids(3, 5), random_ids(3, 4, seed=1)
WAYS = {
  'dots': {'remat': 'dots'},
  'full': {'remat': 'full'},
  'scan': {'scan_layers': True},
  'scan_full': {'scan_layers': True, 'remat': 'full'},
}


def two_layers(name='paper', **changes):
  return dataclasses.replace(
    VARIANTS[name],
    num_encoder_layers=2,
    num_decoder_layers=2,
    attention_impl='reference',
    **changes,
  )


def differentiated(config, key=None):
  """Returns params -> a loss of the logits and its gradient.

  With a `key` there is dropout.
  """
  model = build(config)

  def loss(params):
    logits = model.apply(
      {'params': params},
      SOURCE,
      shift_right(TARGET, BOS_ID),
      deterministic=key is None,
      rngs=None if key is None else {'dropout': key},
    )
    return (jnp.sin(logits) * jnp.arange(logits.shape[-1])).sum()

  return jax.value_and_grad(loss)


def value_and_gradient(config, params, key=None):
  return quick_jit(differentiated(config, key))(params)


def assert_close(one, other):
  jax.tree.map(
    lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4),
    one,
    other,
  )


@pytest.mark.parametrize('way', WAYS)
def test_another_way_gives_the_same(way):
  params = random_parameters(build(two_layers()))
  assert_close(
    value_and_gradient(two_layers(), params),
    value_and_gradient(two_layers(**WAYS[way]), params),
  )


def test_the_same_for_every_part_of_a_layer():
  name = 'pre_relative_untied_biased'
  params = random_parameters(build(two_layers(name)))
  assert_close(
    value_and_gradient(two_layers(name), params),
    value_and_gradient(two_layers(name, **WAYS['scan_full']), params),
  )


@pytest.mark.slow
def test_what_is_made_again_has_the_same_dropout():
  params, key = random_parameters(build(two_layers())), jax.random.key(3)
  plain = value_and_gradient(two_layers(), params, key)
  assert_close(plain, value_and_gradient(two_layers(remat='full'), params, key))
  without = value_and_gradient(two_layers(), params)
  assert abs(plain[0] - without[0]) > 0.1


def test_looped_layers_drop_each_for_itself(monkeypatch):
  config = two_layers(scan_layers=True)
  params = random_parameters(build(config))
  hashed_bits, keys = dropout.hashed_bits, []

  def recorded(words, *args):
    jax.debug.callback(lambda words: keys.append(tuple(words.tolist())), words)
    return hashed_bits(words, *args)

  monkeypatch.setattr(dropout, 'hashed_bits', recorded)
  jax.block_until_ready(
    build(config).apply(
      {'params': params},
      SOURCE,
      TARGET,
      deterministic=False,
      rngs={'dropout': jax.random.key(1)},
    )
  )
  jax.effects_barrier()
  # Two in an encoder's layer, three in a decoder's, and the embeddings.
  assert len(keys) == len(set(keys)) == 2 * 2 + 2 * 3 + 2


@pytest.mark.parametrize('way', WAYS)
def test_the_tree_does_not_show_the_way(way):
  """So a checkpoint of one is restored by all, and decoding knows none."""
  trees = [
    jax.eval_shape(
      build(config).init, jax.random.key(0), SOURCE[:, :2], TARGET[:, :2]
    )['params']
    for config in (two_layers(), two_layers(**WAYS[way]))
  ]
  assert jax.tree.structure(trees[0]) == jax.tree.structure(trees[1])
  assert {'layer_0', 'layer_1'} <= trees[1]['encoder'].keys()


@pytest.mark.parametrize('way', WAYS)
def test_attention_weights_are_left_for_who_asks(way):
  params = random_parameters(build(two_layers()))

  def weights(config):
    _, left = build(config).apply(
      {'params': params},
      SOURCE,
      shift_right(TARGET, BOS_ID),
      mutable='intermediates',
    )
    return left['intermediates']

  assert_close(weights(two_layers()), weights(two_layers(**WAYS[way])))


def residual_bytes(config, params):
  """Bytes that the forward pass keeps for the backward pass."""
  model = build(config)

  def features(params):
    return model.apply(
      {'params': params},
      SOURCE,
      shift_right(TARGET, BOS_ID),
    )

  kept = jax.eval_shape(lambda p: jax.vjp(features, p)[1], params)
  return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(kept))


def test_less_is_kept():
  params = random_parameters(build(two_layers()))
  kept = [
    residual_bytes(two_layers(remat=remat), params)
    for remat in ('none', 'dots', 'full')
  ]
  assert kept[0] > kept[1] > kept[2]


def test_a_loop_is_one_layer_long():
  params = random_parameters(build(two_layers()))
  lengths = []
  for scan in (False, True):
    config = two_layers(scan_layers=scan)
    jaxpr = jax.make_jaxpr(differentiated(config))(params)
    lengths.append(str(jaxpr).count('dot_general'))
  assert lengths[1] < 0.75 * lengths[0]
