"""What changes the fingerprint of prepared text, and what does not."""

import shutil

import pytest
from data_configs import make_config, write_lines

from t2t_jax.data.fingerprint import compute_fingerprint
from t2t_jax.errors import UsageError


@pytest.fixture
def corpus(tmp_path):
  for name in ('train', 'dev'):
    write_lines(tmp_path / f'{name}.en', ['red house', 'tree', name])
    write_lines(tmp_path / f'{name}.de', ['rotes Haus', 'Baum', name])
  return tmp_path


def test_where_the_text_lies_does_not_count(corpus, tmp_path):
  elsewhere = tmp_path / 'elsewhere'
  elsewhere.mkdir()
  for name in ('train', 'dev'):
    for language in ('en', 'de'):
      shutil.copy(
        corpus / f'{name}.{language}', elsewhere / f'{name}x.{language}'
      )
  moved = make_config(
    elsewhere,
    train_source=('trainx.en',),
    train_target=('trainx.de',),
    dev_source=('devx.en',),
    dev_target=('devx.de',),
    test_source=('test.en',),
    test_target=('test.de',),
    cache_dir='~/cache',
  )
  assert compute_fingerprint(moved) == compute_fingerprint(make_config(corpus))


@pytest.mark.parametrize(
  'changes',
  [
    {'size': 299},
    {'vocabulary_kind': 'unigram'},
    {'normalization': 'nfkc'},
    {'byte_fallback': False},
    {'max_tokens': 99},
    {'max_length_ratio': 5.0},
    {'remove_duplicates': True},
    {'training_sentences': 7},
    {'train_source': ('train.de',)},
    {'dev_target': ('dev.en',)},
    {'train_source': ('train.en',) * 2, 'train_target': ('train.de',) * 2},
  ],
)
def test_what_decides_the_token_files_changes_the_fingerprint(corpus, changes):
  before = compute_fingerprint(make_config(corpus))
  assert compute_fingerprint(make_config(corpus, **changes)) != before


def test_text_and_model_content_change_the_fingerprint(corpus):
  before = compute_fingerprint(make_config(corpus))
  text = (corpus / 'train.en').read_text()
  (corpus / 'train.en').write_text(text.replace('red', 'rad', 1))
  assert compute_fingerprint(make_config(corpus)) != before
  model = corpus / 'some.model'
  digests = []
  for content in ('one', 'two'):
    model.write_text(content)
    digests.append(
      compute_fingerprint(make_config(corpus, source_model=str(model)))
    )
  assert digests[0] != digests[1]
  with pytest.raises(
    UsageError,
    match=r'config\.vocabulary\.source_model: cannot read /no/model',
  ):
    compute_fingerprint(make_config(corpus, source_model='/no/model'))


def test_generated_fingerprint(tmp_path):
  settings = {'kind': 'generated', 'generated_seed': 1}
  before = compute_fingerprint(make_config(tmp_path, **settings))
  for name, changes in {
    'generated_seed': True,
    'generated_train_pairs': True,
    'generated_dev_pairs': True,
    'generated_test_pairs': False,
    'tfds_train_split': False,
  }.items():
    value = 'x' if name.startswith('tfds') else 77
    after = compute_fingerprint(
      make_config(tmp_path, **settings | {name: value})
    )
    assert (after != before) == changes, name
