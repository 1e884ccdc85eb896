"""Tiny models: each variant of the configuration, and combinations of them."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from paper_model import PAPER
from quick_compile import COMPILER_OPTIONS

from t2t_jax.config import ModelConfig
from t2t_jax.model.transformer import Transformer

PAD_ID, BOS_ID = 0, 1

quick_jit = functools.partial(jax.jit, compiler_options=COMPILER_OPTIONS)

_CHANGES = {
  'paper': {},
  'pre_norm': {'norm_position': 'pre'},
  'learned_positions': {'positions': 'learned'},
  'relative_positions': {'positions': 'relative'},
  'gelu': {'activation': 'gelu'},
  'swish_with_all_biases': {
    'activation': 'swish',
    'attention_bias': True,
    'softmax_bias': True,
  },
  'd_k_and_d_v_apart': {'d_k': 3, 'd_v': 5},
  'untied_source': {'tie_source_target': False},
  'untied_softmax': {'tie_softmax': False},
  'deep_encoder_large_epsilon': {
    'num_encoder_layers': 2,
    'layer_norm_epsilon': 0.3,
  },
  'deep_decoder_one_head': {'num_decoder_layers': 2, 'num_heads': 1},
  'pre_relative_untied_biased': {
    'norm_position': 'pre',
    'positions': 'relative',
    'activation': 'swish',
    'attention_bias': True,
    'd_k': 5,
    'd_v': 3,
    'tie_source_target': False,
    'tie_softmax': False,
    'softmax_bias': True,
    'num_encoder_layers': 2,
  },
  'pre_learned_gelu_deep_decoder': {
    'norm_position': 'pre',
    'positions': 'learned',
    'activation': 'gelu',
    'num_decoder_layers': 2,
    'vocab_row_multiple': 1,
  },
}

VARIANTS = {
  name: dataclasses.replace(PAPER, **changes)
  for name, changes in _CHANGES.items()
}


def build(config: ModelConfig) -> Transformer:
  """Returns the model; vocabularies of 11, or 9 and 11 where they differ."""
  source_vocab_size = 11 if config.tie_source_target else 9
  return Transformer(config, source_vocab_size, 11, PAD_ID)


def abstract_parameters(model: Transformer):
  """Returns the parameter tree as shapes, still boxed with its axis names."""
  ids = jnp.zeros((1, 2), jnp.int32)
  return jax.eval_shape(model.init, jax.random.key(0), ids, ids)['params']


def random_parameters(model: Transformer, seed: int = 0):
  """Returns float32 numpy parameters, none of them left at 0 or 1.

  Drawn without `init`, so that biases and layer norms take part in what the
  tests compare.
  """
  rng = np.random.default_rng(seed)

  def draw(path, leaf):
    values = rng.normal(size=leaf.shape) * 0.5
    is_scale = path[-1].key == 'scale'
    return (values + is_scale).astype(np.float32)

  shapes = unboxed(abstract_parameters(model))
  return jax.tree_util.tree_map_with_path(draw, shapes)


def unboxed(tree):
  """Returns `tree` without the boxes that carry logical axis names."""
  return jax.tree.map(
    lambda box: getattr(box, 'value', box),
    tree,
    is_leaf=lambda node: hasattr(node, 'names'),
  )


def random_ids(
  rows: int, length: int, vocab_size: int = 11, seed: int = 0
) -> np.ndarray:
  """Returns ids of random tokens, none of them PAD or BOS."""
  rng = np.random.default_rng(seed)
  return rng.integers(2, vocab_size, size=(rows, length), dtype=np.int32)
