"""The configs of tasks other than translation: sizes, splits and languages."""

import pathlib
import re

import pytest

from t2t_jax.config import flatten, from_mapping
from t2t_jax.config_files import load
from t2t_jax.errors import UsageError

CONFIGS = pathlib.Path(__file__).parents[1] / 'configs'


def _fields(name):
  return flatten(from_mapping(load(f'{CONFIGS}/{name}')))


def test_parsing_is_the_papers():
  """Section 6.3, and 37,000 pieces of base for its 16,000."""
  fields = _fields('parsing.py')
  assert {
    key: fields[key]
    for key in (
      'model.num_encoder_layers',
      'model.num_decoder_layers',
      'model.d_model',
      'vocabulary.size',
      'decoding.beam_size',
      'decoding.length_penalty_alpha',
      'decoding.max_decode_length_offset',
    )
  } == {
    'model.num_encoder_layers': 4,
    'model.num_decoder_layers': 4,
    'model.d_model': 1024,
    'vocabulary.size': 16000,
    'decoding.beam_size': 21,
    'decoding.length_penalty_alpha': 0.3,
    'decoding.max_decode_length_offset': 300,
  }


def test_other_parsers_decode_as_the_papers():
  paper, small, more = (
    _fields(f'parsing.py{size}') for size in ('', ':small', ':semi_supervised')
  )
  assert small['model.d_model'] == 128
  for key in paper:
    if key.startswith('decoding.'):
      assert small[key] == more[key] == paper[key]
    if key.startswith('model.'):
      assert more[key] == paper[key]
  # Section 6.3: a vocabulary of 32K, and more trees.
  assert more['vocabulary.size'] == 32000
  assert more['data.train_source'] == ('train.ptb', 'silver.ptb')


def test_variants_name_their_files():
  scan = _fields('scan.py:addprim_jump')
  assert scan['data.train_target'] == ('addprim_jump.train.out',)
  assert scan['data.test_source'] == ('addprim_jump.test.in',)
  finnish = _fields('inflection.py:finnish')
  assert finnish['data.train_source'] == ('finnish.train-high.tsv',)
  assert finnish['data.test_target'] == ()


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    (
      'parsing.py:big',
      'parsing.py:big: expected one of paper, semi_supervised, small, '
      "found 'big'",
    ),
    (
      'scan.py:jump',
      'scan.py:jump: expected one of simple, length, addprim_jump, '
      "addprim_turn_left, template_around_right, found 'jump'",
    ),
  ],
)
def test_another_variant_is_refused(name, message):
  with pytest.raises(UsageError, match=re.escape(message)):
    load(f'{CONFIGS}/{name}')
