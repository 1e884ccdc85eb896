"""Meshes: what fits, what is split over what, and that it really is."""

import pathlib
import runpy

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from jax.sharding import PartitionSpec

from t2t_jax.config import MeshConfig, from_mapping
from t2t_jax.errors import UsageError
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.arrays import init_params, shardings_of
from t2t_jax.parallel.mesh import (
  batch_sharding,
  batch_shards,
  create_mesh,
  fitting_sizes,
  replicated,
  use_mesh,
)

_BASE_FILE = pathlib.Path(__file__).parents[2] / 'configs' / 'base.py'
_BASE = runpy.run_path(str(_BASE_FILE))['get_config']()


def make_config(**model):
  mapping = _BASE.to_dict()
  small = {
    'd_model': 16,
    'd_ff': 32,
    'd_k': 8,
    'd_v': 8,
    'num_heads': 4,
    'num_encoder_layers': 1,
    'num_decoder_layers': 1,
    'vocab_row_multiple': 8,
  }
  mapping['model'] |= small | model
  return from_mapping(mapping)


def make_model(**changes):
  config = make_config(**changes).model
  return Transformer(
    config, source_vocab_size=13, target_vocab_size=13, pad_id=0
  )


def mesh_of(*sizes, model=None):
  return create_mesh(MeshConfig(*sizes), jax.devices()[:8], model)


@pytest.mark.parametrize(
  ('asked', 'found'),
  [
    ((-1, 1, 1), (8, 1, 1)),
    ((-1, 2, 2), (2, 2, 2)),
    ((2, -1, 2), (2, 2, 2)),
    ((1, 8, 1), (1, 8, 1)),
    ((1, 1, -1), (1, 1, 8)),
  ],
)
def test_sizes(asked, found):
  mesh = mesh_of(*asked)
  assert tuple(mesh.shape.values()) == found
  assert tuple(mesh.shape) == ('data', 'fsdp', 'tensor')
  assert batch_shards(mesh) == found[0] * found[1]


def test_sizes_that_make_another_number_of_devices():
  with pytest.raises(UsageError) as error:
    mesh_of(2, 2, 1)
  assert str(error.value) == (
    'config.mesh: data x fsdp x tensor = 2 x 2 x 1 needs 4 devices, found 8; '
    'set mesh.data=-1 to take all; the nearest that fits is 4 x 2 x 1'
  )


def test_sizes_that_do_not_divide_the_devices():
  with pytest.raises(UsageError) as error:
    mesh_of(-1, 3, 1)
  assert str(error.value) == (
    'config.mesh: 3 does not divide the 8 devices here; the nearest that fits '
    'is 2 x 4 x 1'
  )


@pytest.mark.parametrize(
  ('sizes', 'model', 'message', 'nearest'),
  [
    (
      (1, 8, 1),
      {'d_model': 12},
      'fsdp = 8 does not divide model.d_model = 12',
      '2 x 4 x 1',
    ),
    (
      (1, 1, 8),
      {'num_heads': 4},
      'tensor = 8 does not divide model.num_heads = 4',
      '2 x 1 x 4',
    ),
    (
      (4, 1, 2),
      {'d_ff': 33},
      'tensor = 2 does not divide model.d_ff = 33',
      '8 x 1 x 1',
    ),
    (
      (1, 4, 2),
      {'vocab_row_multiple': 4},
      'tensor x fsdp = 8 does not divide model.vocab_row_multiple = 4',
      '2 x 4 x 1',
    ),
  ],
)
def test_sizes_that_do_not_divide_the_model(sizes, model, message, nearest):
  config = make_config(**model).model
  with pytest.raises(UsageError) as error:
    mesh_of(*sizes, model=config)
  assert str(error.value) == (
    f'config.mesh: {message}; the nearest that fits is {nearest}'
  )
  mesh_of(*map(int, nearest.split(' x ')), model=config)


def test_sizes_that_divide_the_model():
  assert mesh_of(2, 2, 2, model=make_config().model).size == 8


def test_meshes_that_fit_divide_devices_and_model():
  # By trying all: 12 devices, d_model 16, 4 heads, d_ff 32, 8 rows.
  expected = {
    (data, fsdp, tensor)
    for data in range(1, 13)
    for fsdp in (1, 2, 4, 8)
    for tensor in (1, 2, 4)
    if data * fsdp * tensor == 12 and fsdp * tensor <= 8
  }
  fitting = fitting_sizes(12, make_config().model)
  assert set(fitting) == expected
  assert len(fitting) == len(expected)
  assert fitting[0] == (12, 1, 1)


def test_batches_are_split_over_data_and_fsdp():
  mesh = mesh_of(2, 2, 2)
  assert batch_sharding(mesh).spec == PartitionSpec(('data', 'fsdp'))
  assert batch_sharding(mesh, 1).spec == PartitionSpec(None, ('data', 'fsdp'))
  assert replicated(mesh).spec == PartitionSpec()


def test_parameters_are_split_by_the_rules():
  model = make_model(positions='learned', softmax_bias=True, tie_softmax=False)
  specs = jax.tree.map(
    lambda sharding: sharding.spec,
    shardings_of(
      lambda: init_params(model, jax.random.key(0)), mesh_of(2, 2, 2)
    ),
  )
  table = PartitionSpec(('tensor', 'fsdp'), None)
  assert specs['target_embedding'] == table
  assert specs['softmax'] == table
  assert specs['softmax_bias'] == PartitionSpec(('tensor', 'fsdp'))
  assert specs['source_positions'] == PartitionSpec(None, None)
  layer = specs['decoder']['layer_0']
  assert layer['feed_forward']['in'] == PartitionSpec('fsdp', 'tensor')
  assert layer['feed_forward']['out'] == PartitionSpec('tensor', 'fsdp')
  assert layer['feed_forward']['in_bias'] == PartitionSpec('tensor')
  attention = {str(spec) for spec in jax.tree.leaves(layer['cross_attention'])}
  assert attention == {
    str(PartitionSpec('fsdp', 'tensor', None)),
    str(PartitionSpec('tensor', None, 'fsdp')),
  }
  assert set(layer['feed_forward_residual']['norm'].values()) == {
    PartitionSpec(None)
  }


def test_no_parameter_has_a_nameless_axis():
  # One without names would lie whole on every device, unnoticed.
  for changes in ({}, {'positions': 'relative', 'attention_bias': True}):
    model = make_model(**changes)
    boxed = jax.eval_shape(lambda m=model: init_params(m, jax.random.key(0)))
    leaves = jax.tree.leaves(
      boxed, is_leaf=lambda x: isinstance(x, nn.LogicallyPartitioned)
    )
    assert all(isinstance(x, nn.LogicallyPartitioned) for x in leaves)


def constraints(mesh_context):
  """The number of sharding constraints in the model's jaxpr."""
  model, ids = make_model(), jnp.ones((8, 4), jnp.int32)
  params = jax.eval_shape(
    lambda: nn.unbox(init_params(model, jax.random.key(0)))
  )
  with mesh_context:
    jaxpr = jax.make_jaxpr(
      lambda params: model.apply({'params': params}, ids, ids)
    )(params)
  return str(jaxpr).count('sharding_constraint')


def test_constraints_are_really_there_under_use_mesh():
  # flax drops them without a word where it finds none: under `with mesh:`.
  assert constraints(use_mesh(mesh_of(2, 2, 2))) >= 10
  assert constraints(use_mesh(mesh_of(8, 1, 1))) >= 10


def test_activations_keep_their_batch_split():
  mesh = mesh_of(2, 2, 2)
  with use_mesh(mesh):
    y_BTD = jax.jit(
      lambda x: nn.with_logical_constraint(
        x, ('act_batch', 'act_length', 'act_embed')
      )
    )(jnp.zeros((8, 3, 16)))
  assert y_BTD.sharding.shard_shape(y_BTD.shape) == (2, 3, 16)
