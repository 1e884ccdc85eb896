"""Counted products against those of the traced program."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_run import make_config

from t2t_jax.model.flops import forward_flops, update_flops
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.arrays import init_params
from t2t_jax.training.train_step import batch_loss

ROWS, SOURCE, TARGET, ENTRIES = 3, 5, 8, 24
VARIANTS = {
  'paper': {},
  'd_k_and_d_v_apart': {'d_k': 3, 'd_v': 6},
  'relative': {'positions': 'relative', 'num_decoder_layers': 2},
  'deep_encoder': {'num_encoder_layers': 3},
  'encoder_alone': {'num_decoder_layers': 0},
  'decoder_alone': {'num_encoder_layers': 0},
  'untied_pre': {'tie_softmax': False, 'norm_position': 'pre'},
}


def products_in(jaxpr) -> int:
  """Operations of all dot_generals of a jaxpr, loops as often as they turn."""
  total = 0
  for equation in jaxpr.eqns:
    if equation.primitive.name == 'dot_general':
      (contracted, _), _ = equation.params['dimension_numbers']
      shape = equation.invars[0].aval.shape
      summed = math.prod(shape[axis] for axis in contracted)
      total += 2 * math.prod(equation.outvars[0].aval.shape) * summed
    times = equation.params.get('length', 1)
    for value in equation.params.values():
      inner = getattr(value, 'jaxpr', value)
      if hasattr(inner, 'eqns'):
        total += times * products_in(inner)
  return total


def traced(config, source, target) -> int:
  model = Transformer(config.model, ENTRIES, ENTRIES, pad_id=0)
  params = jax.eval_shape(lambda: init_params(model, jax.random.key(0)))
  params = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), _unboxed(params)
  )
  ids = [jnp.ones((ROWS, length), jnp.int32) for length in (source, target)]

  def loss(params):
    key = jax.random.key(0)
    return batch_loss(config, model, 1, params, *ids, key).loss

  return products_in(jax.make_jaxpr(jax.grad(loss))(params).jaxpr)


def _unboxed(tree):
  return jax.tree.map(
    lambda box: box.value, tree, is_leaf=lambda node: hasattr(node, 'names')
  )


@pytest.mark.parametrize('name', VARIANTS)
def test_products_are_those_of_the_traced_gradient(name, tmp_path):
  # Two chunks of four target positions of each row.
  config = make_config(tmp_path, training__loss_chunk=4 * ROWS)
  model = dataclasses.replace(config.model, **VARIANTS[name])
  config = dataclasses.replace(config, model=model)
  source = TARGET if name == 'encoder_alone' else SOURCE
  # The loss's mean logit, once a target position and not made again backwards.
  mean = 2 * ROWS * TARGET * config.model.d_model
  expected = ROWS * update_flops(config.model, ENTRIES, source, TARGET) + mean
  assert traced(config, source, TARGET) == expected


def test_lengths_may_be_arrays(tmp_path):
  model = make_config(tmp_path).model
  lengths = np.array([3, 4]), np.array([2, 6])
  for part, flops in forward_flops(model, ENTRIES, *lengths).items():
    assert flops.tolist() == [
      forward_flops(model, ENTRIES, *pair)[part] for pair in ((3, 2), (4, 6))
    ]
