"""Modules of one's own in the layers: where they stand and that all runs."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from variants import (
  BOS_ID,
  PAPER,
  build,
  quick_jit,
  random_ids,
  random_parameters,
)

from t2t_jax.model.modules import Modules
from t2t_jax.model.multi_head_attention import MultiHeadAttention
from t2t_jax.model.transformer import shift_right

SOURCE_IDS = random_ids(2, 5, seed=1)
INPUT_IDS = np.asarray(shift_right(random_ids(2, 6, seed=2), BOS_ID))


class Gate(nn.Module):
  """A feed-forward of two arrays with axis names, and one without."""

  config: object

  @nn.compact
  def __call__(self, x_BTD, *, deterministic):
    size = self.config.d_model
    init = nn.with_logical_partitioning(
      nn.initializers.normal(), ('embed', 'mlp')
    )
    gate_DD = self.param('gate', init, (size, size))
    plain_D = self.param('plain', nn.initializers.ones, (size,))
    return jnp.tanh(x_BTD @ gate_DD) * plain_D


class Zero(nn.Module):
  config: object

  def __call__(self, x_BTD, *, deterministic):
    return jnp.zeros_like(x_BTD)


class Unscaled(MultiHeadAttention):
  """Attention whose queries are not divided by sqrt(d_k)."""

  def queries(self, x_BTD):
    return super().queries(x_BTD) * self.config.d_k**0.5


def rms_norm(config):
  return nn.RMSNorm(epsilon=config.layer_norm_epsilon)


ALL = Modules(attention=Unscaled, feed_forward=Gate, norm=rms_norm)


def _build(modules, **changes):
  config = dataclasses.replace(PAPER, num_encoder_layers=2, **changes)
  return dataclasses.replace(build(config), modules=modules)


def _logits(model, params, **options):
  return quick_jit(
    lambda params: model.apply(
      {'params': params}, SOURCE_IDS, INPUT_IDS, **options
    )
  )(params)


def test_each_module_stands_in_every_layer():
  params = random_parameters(_build(ALL, norm_position='pre'))
  for stack, layers in (('encoder', 2), ('decoder', 1)):
    assert params[stack]['final_norm'].keys() == {'scale'}
    for i in range(layers):
      layer = params[stack][f'layer_{i}']
      assert layer['feed_forward'].keys() == {'gate', 'plain'}
      norms = [name for name in layer if name.endswith('_residual')]
      assert len(norms) == {'encoder': 2, 'decoder': 3}[stack]
      for name in norms:
        assert layer[name]['norm'].keys() == {'scale'}


def test_without_a_feed_forward():
  """As the paper's with weights of zero."""
  paper = _build(Modules())
  params = random_parameters(paper)
  without = random_parameters(paper)
  for stack in ('encoder', 'decoder'):
    for name, layer in params[stack].items():
      for array in ('out', 'out_bias'):
        layer['feed_forward'][array] *= 0
      del without[stack][name]['feed_forward']
  np.testing.assert_allclose(
    _logits(_build(Modules(feed_forward=Zero)), without),
    _logits(paper, params),
    atol=1e-6,
  )


def test_attention_is_the_subclass():
  """As the paper's with larger query weights."""
  paper = _build(Modules())
  params = random_parameters(paper)
  mine = _logits(_build(Modules(attention=Unscaled)), params)
  scaled = jax.tree_util.tree_map_with_path(
    lambda path, x: x * PAPER.d_k**0.5 if path[-1].key == 'query' else x,
    params,
  )
  np.testing.assert_allclose(mine, _logits(paper, scaled), rtol=1e-4, atol=1e-5)
  assert np.abs(mine - _logits(paper, params)).max() > 1e-2


@pytest.mark.parametrize(
  'changes', [{'scan_layers': True}, {'remat': 'full'}], ids=str
)
def test_a_loop_and_making_again_change_nothing(changes):
  model = _build(ALL)
  params = random_parameters(model)
  np.testing.assert_allclose(
    _logits(_build(ALL, **changes), params), _logits(model, params), atol=1e-5
  )


def test_steps_of_a_search_are_the_whole_pass():
  model = _build(ALL)
  params = {'params': random_parameters(model)}
  whole_BTV = _logits(model, params['params'])

  @quick_jit
  def steps(params):
    encoded_BSD = model.apply(params, SOURCE_IDS, method='encode')
    mask_BS = model.apply(params, SOURCE_IDS, method='source_mask')
    cache = model.apply(
      params,
      encoded_BSD,
      mask_BS,
      beam_size=1,
      max_length=6,
      method='init_cache',
    )
    found = []
    for t in range(6):
      logits_BWV, cache = model.apply(
        params,
        INPUT_IDS[:, t : t + 1],
        t,
        jnp.zeros((2, 1, 6), jnp.int32),
        cache,
        method='decode_step',
      )
      found.append(logits_BWV)
    return jnp.concatenate(found, axis=1)

  np.testing.assert_allclose(steps(params), whole_BTV, rtol=1e-4, atol=1e-5)


def test_own_modules_have_names():
  assert Modules().own() == {}
  assert ALL.own() == {
    'attention': 'Unscaled',
    'feed_forward': 'Gate',
    'norm': 'rms_norm',
  }
