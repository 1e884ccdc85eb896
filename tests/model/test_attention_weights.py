"""Every attention weight against the float64 numpy model."""

import dataclasses
import functools

import jax
import numpy as np
import numpy_transformer
import pytest
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

from t2t_jax.decoding.attention.attention_maps import attention_maps
from t2t_jax.model import multi_head_attention


def batch():
  """Two pairs of unequal lengths; the first source has two PAD at its end."""
  source_ids_BS = random_ids(2, 6, vocab_size=9, seed=1)
  source_ids_BS[0, 4:] = PAD_ID
  decoder_input_ids_BT = random_ids(2, 5, seed=2)
  decoder_input_ids_BT[:, 0] = BOS_ID
  return source_ids_BS, decoder_input_ids_BT


@functools.cache
def maps_of(config):
  model = build(config)
  params = random_parameters(model)
  run = quick_jit(lambda params, *ids: attention_maps(model, params, *ids))
  return jax.device_get(run(params, *batch())), params


def numpy_maps(params, config, monkeypatch):
  """Returns what the numpy model's softmax gave, in the order of the paper:
  a sentence, a layer, a sub-layer, a head at a time."""
  seen = []
  softmax = numpy_transformer.masked_softmax

  def masked_softmax(*arguments):
    seen.append(softmax(*arguments))
    return seen[-1]

  monkeypatch.setattr(numpy_transformer, 'masked_softmax', masked_softmax)
  numpy_transformer.forward(params, config, *batch(), PAD_ID)
  found = iter(seen)

  def heads():
    return np.stack([next(found) for _ in range(config.num_heads)])

  encoder, decoder, cross = {}, {}, {}
  for b in range(2):
    for layer in range(config.num_encoder_layers):
      encoder[layer, b] = heads()
    for layer in range(config.num_decoder_layers):
      decoder[layer, b] = heads()
      cross[layer, b] = heads()
  assert not list(found)
  return encoder, decoder, cross


@pytest.mark.parametrize(
  'name',
  [
    'paper',
    'pre_relative_untied_biased',
    'pre_learned_gelu_deep_decoder',
  ],
)
def test_weights_equal_the_numpy_models(name, monkeypatch):
  config = VARIANTS[name]
  maps, params = maps_of(config)
  for found_LBHTS, expected in zip(
    maps, numpy_maps(params, config, monkeypatch), strict=True
  ):
    assert len(found_LBHTS) * 2 == len(expected)
    for (layer, b), expected_HTS in expected.items():
      np.testing.assert_allclose(found_LBHTS[layer, b], expected_HTS, atol=2e-6)


def test_weights_are_shares_of_what_may_be_seen():
  maps, _ = maps_of(PAPER)
  for weights in maps:
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
  assert np.all(maps.encoder_LBHSS[:, 0, ..., 4:] == 0)
  assert np.all(maps.cross_LBHTS[:, 0, ..., 4:] == 0)
  future_TT = np.triu(np.ones((5, 5), bool), k=1)
  assert np.all(maps.decoder_LBHTT[..., future_TT] == 0)
  assert np.all(maps.decoder_LBHTT[..., ~future_TT] > 0)


def test_bfloat16_weights_are_kept_in_float32():
  maps, _ = maps_of(dataclasses.replace(PAPER, compute_dtype='bfloat16'))
  np.testing.assert_allclose(maps.cross_LBHTS.sum(axis=-1), 1, atol=1e-6)


@pytest.mark.parametrize('stack', ['encoder', 'decoder'])
def test_a_stack_alone_has_only_its_own_weights(stack):
  other = {'encoder': 'decoder', 'decoder': 'encoder'}[stack]
  config = dataclasses.replace(PAPER, **{f'num_{other}_layers': 0})
  maps, _ = maps_of(config)
  layers = [len(weights) for weights in maps]
  assert layers == ([1, 0, 0] if stack == 'encoder' else [0, 1, 0])


def test_an_apply_that_asks_for_nothing_takes_the_kernel(monkeypatch):
  model = build(PAPER)
  params = random_parameters(model)
  calls = []
  fused = multi_head_attention.fused_attention

  def fused_attention(*arguments):
    calls.append(1)
    return fused(*arguments)

  monkeypatch.setattr(multi_head_attention, 'fused_attention', fused_attention)
  jax.eval_shape(lambda: model.apply({'params': params}, *batch()))
  assert len(calls) == 3
  jax.eval_shape(lambda: attention_maps(model, params, *batch()))
  assert len(calls) == 3
  sown = jax.eval_shape(model.init, jax.random.key(0), *batch())
  assert set(sown) == {'params'}
