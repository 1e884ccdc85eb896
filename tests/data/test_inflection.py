"""Tables of inflected words as letters and features."""

import re

import pytest
from data_configs import make_config, write_lines

from t2t_jax.data import inflection
from t2t_jax.data.token_store import prepare
from t2t_jax.errors import UsageError


def test_letters_and_features_are_tokens(tmp_path):
  path = tmp_path / 'german.dev.tsv'
  write_lines(
    path, ['absetzen\tsetzten ab\tV;SBJV;PST;1;PL', 'Maß\tMaßen\tN;DAT;PL']
  )
  assert list(inflection.read_pairs(path)) == [
    ('a b s e t z e n <V> <SBJV> <PST> <1> <PL>', 's e t z t e n ▁ a b'),
    ('M a ß <N> <DAT> <PL>', 'M a ß e n'),
  ]


@pytest.mark.parametrize('line', ['a\tb', 'a\tb\tN\tx', 'a\t\tN', ''])
def test_another_table_is_refused(tmp_path, line):
  path = tmp_path / 'x.tsv'
  write_lines(path, ['a\tb\tN', line])
  message = (
    f'{path}, line 2: expected lemma, form and features with tabs between '
    f'them, found {line!r}'
  )
  with pytest.raises(UsageError, match=f'^{re.escape(message)}$'):
    list(inflection.read_pairs(path))


def test_features_are_not_taken_for_letters(tmp_path):
  for name in ('train.tsv', 'dev.tsv'):
    write_lines(tmp_path / name, ['Vogel\tVögel\tV;PL', 'V\tVs\tN;PL'])
  config = make_config(
    tmp_path,
    kind='inflection',
    vocabulary_kind='segmented',
    train_source=('train.tsv',),
    dev_source=('dev.tsv',),
    train_target=(),
    dev_target=(),
    max_length_ratio=99.0,
  )
  prepared = prepare(config, progress=lambda line: None)
  tokenizer = prepared.tokenizers.source
  [letter], [feature] = tokenizer.encode(['V', '<V>'])
  assert letter != feature
  first = prepared.train.source_tokens[: prepared.train.source_offsets[1]]
  assert (first == feature).sum() == (first == letter).sum() == 1
