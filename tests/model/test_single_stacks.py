"""Either stack alone: a bidirectional encoder, a causal language model."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpy_transformer
import pytest
from variants import (
  BOS_ID,
  PAD_ID,
  PAPER,
  build,
  quick_jit,
  random_ids,
  random_parameters,
)

ENCODER = dataclasses.replace(PAPER, num_decoder_layers=0)
VARIANTS = {
  'post': {},
  'pre_learned': {'norm_position': 'pre', 'positions': 'learned'},
  'relative': {'positions': 'relative'},
}


def test_encoder_alone_equals_numpys_encoder():
  model = build(ENCODER)
  params = random_parameters(model)
  source_ids_BS = random_ids(2, 5)
  source_ids_BS[1, 3:] = PAD_ID
  logits_BSV = quick_jit(model.apply)({'params': params}, source_ids_BS, None)
  table_VD = params['target_embedding'].astype(np.float64)
  for ids_S, logits_SV in zip(source_ids_BS, logits_BSV, strict=True):
    x_SD = table_VD[ids_S] * ENCODER.d_model**0.5
    x_SD += numpy_transformer.positions(params, ENCODER, 'source', len(ids_S))
    encoded_SD = numpy_transformer.encoder(
      params['encoder'], ENCODER, x_SD, ids_S != PAD_ID
    )
    expected_SV = encoded_SD @ table_VD[:11].T
    np.testing.assert_allclose(logits_SV, expected_SV, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('name', VARIANTS)
def test_decoder_alone_is_the_decoder_without_its_source(name):
  """A source whose values are zero says nothing: with its output projection
  at zero too, the encoder-decoder model is the language model, but for the
  layer norm of the sub-layer that is not there."""
  config = dataclasses.replace(PAPER, num_encoder_layers=0, **VARIANTS[name])
  model = build(config)
  params = random_parameters(model)
  assert 'encoder' not in params
  assert 'cross_attention' not in params['decoder']['layer_0']
  target_ids_BT = random_ids(2, 6)
  apply = quick_jit(model.apply)
  logits_BTV = apply({'params': params}, None, target_ids_BT)
  later = target_ids_BT.copy()
  later[:, 4:] = 5
  np.testing.assert_array_equal(
    logits_BTV[:, :4], apply({'params': params}, None, later)[:, :4]
  )
  if config.norm_position == 'pre':
    check_against_silent_source(config, params, target_ids_BT, logits_BTV)


def check_against_silent_source(config, params, target_ids_BT, logits_BTV):
  both = dataclasses.replace(config, num_encoder_layers=1)
  full = random_parameters(build(both), seed=1)
  layer = full['decoder']['layer_0']
  layer['cross_attention']['out'][:] = 0
  for part in ('self_attention', 'feed_forward'):
    for name in (part, f'{part}_residual'):
      layer[name] = params['decoder']['layer_0'][name]
  full['decoder']['final_norm'] = params['decoder']['final_norm']
  for name in ('target_embedding', 'target_positions'):
    full[name] = params[name]
  expected_BTV = build(both).apply(
    {'params': full}, random_ids(2, 4, seed=3), target_ids_BT
  )
  np.testing.assert_allclose(logits_BTV, expected_BTV, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('name', VARIANTS)
def test_language_models_cached_steps_equal_its_full_forward(name):
  config = dataclasses.replace(PAPER, num_encoder_layers=0, **VARIANTS[name])
  model = build(config)
  variables = jax.tree.map(jnp.asarray, {'params': random_parameters(model)})
  ids_BT = random_ids(2, 4)
  ids_BT[:, 0] = BOS_ID
  expected_BTV = quick_jit(model.apply)(variables, None, ids_BT)
  cache = model.apply(
    variables,
    None,
    jnp.zeros((2, 0), bool),
    beam_size=1,
    max_length=4,
    method='init_cache',
  )

  def step(token_ids_BW, position, cache):
    ancestors_BWT = jnp.zeros((2, 1, 4), jnp.int32)
    return model.apply(
      variables,
      token_ids_BW,
      position,
      ancestors_BWT,
      cache,
      method='decode_step',
    )

  step = quick_jit(step)
  for t in range(4):
    logits_BWV, cache = step(ids_BT[:, t : t + 1], t, cache)
    np.testing.assert_allclose(
      logits_BWV[:, 0], expected_BTV[:, t], rtol=1e-4, atol=1e-4
    )
