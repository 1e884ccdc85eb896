"""Encoding word by word against SentencePiece on whole lines."""

import random

import numpy as np
import pytest
from vocabulary_text import PAIRS, train

from t2t_jax.data import samplings, word_encoder
from t2t_jax.data.word_encoder import WordEncoder

LINES = [source for source, _ in PAIRS]
ODD = [
  '',
  ' ',
  '  red  house ',
  'red▁house',
  '▁',
  '\u3000red\u00a0\u00a0house',
  'ｒｅｄ Ⅷ ﬁ',
  '\u00ad\u200b',
  'a\u0301 \u0301a',
  '\t\x0b\x1c',
  '字red 字字 red字',
  '\u2028 red',
  '... !? ,',
  '😀',
  'red' * 50,
]


def _encoder(directory, **settings):
  return WordEncoder(train(directory, **settings).source)


def _expected(encoder, lines):
  tokenizer = encoder._tokenizer
  return [[*ids, tokenizer.eos_id] for ids in tokenizer.encode(lines)]


def _found(encoder, lines):
  tokens, lengths = encoder(lines)
  ends = np.cumsum(lengths)
  return [
    tokens[end - length : end].tolist()
    for end, length in zip(ends, lengths, strict=True)
  ]


@pytest.mark.parametrize(
  'normalization', ['identity', 'nmt_nfkc', 'nmt_nfkc_cf']
)
@pytest.mark.parametrize('byte_fallback', [True, False])
def test_the_ids_are_those_of_whole_lines(
  tmp_path, normalization, byte_fallback
):
  encoder = _encoder(
    tmp_path, normalization=normalization, byte_fallback=byte_fallback
  )
  assert encoder._processor is not None
  chooser = random.Random(1)
  mixed = [
    ''.join(chooser.choices([*ODD, *LINES, ' ', 'e', '▁'], k=4))
    for _ in range(300)
  ]
  for lines in (LINES, ODD, mixed, [], LINES[::-1]):
    assert _found(encoder, lines) == _expected(encoder, lines)


def test_a_full_table_is_begun_anew(tmp_path, monkeypatch):
  monkeypatch.setattr(word_encoder, '_MOST_ENTRIES', 5)
  encoder = _encoder(tmp_path)
  for start in range(0, len(LINES), 50):
    lines = LINES[start : start + 50]
    assert _found(encoder, lines) == _expected(encoder, lines)


@pytest.mark.parametrize('kind', ['unigram', 'segmented'])
def test_other_tokenizers_take_whole_lines(tmp_path, kind):
  encoder = _encoder(tmp_path, vocabulary_kind=kind)
  assert encoder._processor is None
  assert _found(encoder, LINES) == _expected(encoder, LINES)


def test_a_piece_over_the_start_of_a_word_forbids_it(tmp_path):
  """Its merges could reach from one word to the next."""
  processor = train(tmp_path, vocabulary_kind='bpe').source.processor

  class Changed:
    def __getattr__(self, name):
      return getattr(processor, name)

    def id_to_piece(self, token):
      return 'd▁h' if token == 290 else processor.id_to_piece(token)

  assert samplings.splits_words(processor)
  assert not samplings.splits_words(Changed())
