"""Numbers of parameters and the logical names of their axes."""

import dataclasses
import math

import jax
import pytest
from variants import VARIANTS, abstract_parameters, build, unboxed

from t2t_jax import config_files
from t2t_jax.config import from_mapping
from t2t_jax.model.transformer import Transformer, padded_rows

VOCAB_SIZE = 37000


def shipped(name):
  """Returns the model of configs/`name`.py without rows for padding."""
  model = from_mapping(config_files.load(f'configs/{name}.py')).model
  return dataclasses.replace(model, vocab_row_multiple=1)


BASE, BIG = shipped('base'), shipped('big')

AXIS_NAMES = {'embed', 'heads', 'kv', 'mlp', 'norm', 'vocab', 'embed_table'}


def count(config, vocab_size=VOCAB_SIZE):
  model = Transformer(config, vocab_size, vocab_size, pad_id=0)
  return count_of(model)


def count_of(model):
  shapes = unboxed(abstract_parameters(model))
  return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


def formula(c, source_vocab_size, target_vocab_size):
  """The parameters of Figure 1, counted by hand."""
  norm = 2 * c.d_model
  attention = c.num_heads * c.d_model * 2 * (c.d_k + c.d_v)
  if c.attention_bias:
    attention += c.num_heads * (2 * c.d_k + c.d_v) + c.d_model
  relative = 0
  if c.positions == 'relative':
    relative = (2 * c.max_relative_distance + 1) * (c.d_k + c.d_v)
  feed_forward = 2 * c.d_model * c.d_ff + c.d_ff + c.d_model
  encoder_layer = attention + relative + feed_forward + 2 * norm
  decoder_layer = 2 * attention + relative + feed_forward + 3 * norm
  total = c.num_encoder_layers * encoder_layer
  total += c.num_decoder_layers * decoder_layer
  if c.norm_position == 'pre':
    total += 2 * norm
  if c.positions == 'learned':
    total += 2 * c.max_positions * c.d_model
  source_rows = padded_rows(source_vocab_size, c.vocab_row_multiple)
  target_rows = padded_rows(target_vocab_size, c.vocab_row_multiple)
  total += target_rows * c.d_model
  if not c.tie_source_target:
    total += source_rows * c.d_model
  if not c.tie_softmax:
    total += target_rows * c.d_model
  if c.softmax_bias:
    total += target_rows
  return total


@pytest.mark.parametrize(
  'config, expected', [(BASE, 63_045_632), (BIG, 214_171_648)]
)
def test_base_and_big_at_37000_entries(config, expected):
  assert count(config) == expected
  assert formula(config, VOCAB_SIZE, VOCAB_SIZE) == expected


@pytest.mark.parametrize(
  'changes, difference',
  [
    # Table 3, B: narrower queries and keys in 18 attentions of 8 heads.
    ({'d_k': 16}, -18 * 8 * 2 * 512 * 48),
    # Table 3, E: a table of positions on each side.
    ({'positions': 'learned', 'max_positions': 100}, 2 * 100 * 512),
    ({'tie_source_target': False}, VOCAB_SIZE * 512),
    ({'tie_softmax': False}, VOCAB_SIZE * 512),
    ({'softmax_bias': True}, VOCAB_SIZE),
    ({'attention_bias': True}, 18 * 4 * 512),
    ({'norm_position': 'pre'}, 2 * 2 * 512),
    ({'vocab_row_multiple': 128}, 120 * 512),
    ({'activation': 'swish'}, 0),
  ],
)
def test_what_a_setting_adds_to_base(changes, difference):
  changed = dataclasses.replace(BASE, **changes)
  assert count(changed) == 63_045_632 + difference


@pytest.mark.parametrize('name', VARIANTS)
def test_every_variant_has_the_formulas_count(name):
  model = build(VARIANTS[name])
  assert count_of(model) == formula(
    model.config, model.source_vocab_size, model.target_vocab_size
  )


@pytest.mark.parametrize('name', VARIANTS)
def test_every_parameter_names_its_axes(name):
  boxes = jax.tree_util.tree_leaves_with_path(
    abstract_parameters(build(VARIANTS[name])),
    is_leaf=lambda node: hasattr(node, 'names'),
  )
  for path, box in boxes:
    path = jax.tree_util.keystr(path)
    assert hasattr(box, 'names'), path
    assert len(box.names) == len(box.value.shape), path
    assert set(box.names) <= AXIS_NAMES | {None}, path


def test_padded_rows_is_the_next_multiple():
  assert padded_rows(37000, 128) == 37120
  assert padded_rows(256, 128) == 256
  assert padded_rows(7, 1) == 7
