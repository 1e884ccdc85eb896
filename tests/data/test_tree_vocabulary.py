"""The vocabulary of a parser, and preparing trees with it."""

import re

import pytest
from data_configs import make_config, write_lines

from t2t_jax.data.corpora import read_split
from t2t_jax.data.fingerprint import compute_fingerprint
from t2t_jax.data.subwords import SentencePieceTokenizer
from t2t_jax.data.token_store import prepare
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.data.tree_tokenizer import TaggedTreeTokenizer, TreeTokenizer
from t2t_jax.errors import UsageError

TREE = '(TOP (S (NP (DT the) (NN dog)) (VP (VBZ barks))))'
LINEAR = '(S (NP XX XX )NP (VP XX )VP )S'
TREES = [
  TREE,
  '(ROOT (S (NP-SBJ (PRP it)) (VP (VBZ runs) (ADVP (RB away))) (. .)))',
  '(ROOT (FRAG (NP (DT the) (NN end))))',
]


def trees_config(tmp_path, **changes):
  for name in ('train.ptb', 'dev.ptb'):
    write_lines(tmp_path / name, TREES)
  return make_config(
    tmp_path,
    **{
      'kind': 'trees',
      'train_source': ('train.ptb',),
      'dev_source': ('dev.ptb',),
      'train_target': (),
      'dev_target': (),
      'joint': False,
      'target_kind': 'trees',
      'max_length_ratio': 99.0,
      **changes,
    },
  )


@pytest.fixture
def tokenizer():
  return TreeTokenizer.train(TREES, 100)


def test_tokens_are_the_symbols_of_linear_trees(tokenizer):
  [ids] = tokenizer.encode([TREE])
  assert tokenizer.pieces(ids) == LINEAR.split()
  assert tokenizer.decode([ids]) == [LINEAR]
  # Tags and words are no symbols; each label is two.
  labels = ('S', 'NP', 'VP', 'ADVP', 'FRAG')
  symbols = {'XX', *(mark + label for label in labels for mark in '()')}
  assert set(tokenizer.pieces(range(4, tokenizer.vocab_size))) == symbols


def test_tagged_trees_have_their_tags(tmp_path):
  tagged = '(S (NP DT NN )NP (VP VBZ )VP )S'
  prepared = prepare(
    trees_config(tmp_path, target_kind='tagged_trees'), progress=lambda _: None
  )
  first = prepared.train.target_tokens[: prepared.train.target_offsets[1]]
  target = prepared.tokenizers.target
  assert target.decode([first.tolist()]) == [tagged]
  assert target.complete(tagged, 'the dog barks') == TREE
  assert tagged.split() == target.pieces(target.encode([tagged])[0])
  prepared.tokenizers.save(tmp_path / 'saved')
  loaded = Tokenizers.load(tmp_path / 'saved')
  assert isinstance(loaded.target, TaggedTreeTokenizer)
  assert loaded.digest() == prepared.tokenizers.digest()


def test_symbols_and_the_beginning_of_some_are_taken_as_they_are(tokenizer):
  assert tokenizer.encode([LINEAR]) == tokenizer.encode([TREE])
  [ids] = tokenizer.encode(['(S (NP XX'])
  assert tokenizer.pieces(ids) == ['(S', '(NP', 'XX']
  assert tokenizer.encode(['']) == [[]]


def test_a_target_that_is_no_tree_is_named(tokenizer):
  message = "target '(S (NN a) b)': expected '(' or ')' in a tree, found 'b'"
  with pytest.raises(UsageError, match=f'^{re.escape(message)}$'):
    tokenizer.encode(['(S (NN a) b)'])


def test_a_text_is_completed_by_the_words_of_its_source(tokenizer):
  assert tokenizer.complete(LINEAR, 'the  dog barks') == (
    '(TOP (S (NP (XX the) (XX dog)) (VP (XX barks))))'
  )
  assert tokenizer.complete('(S XX', '') == ''


def test_trees_are_prepared_and_their_vocabularies_saved(tmp_path):
  config = trees_config(tmp_path)
  pairs = list(read_split(config.data, 'train'))
  assert pairs[0] == ('the dog barks', TREE)
  prepared = prepare(config, progress=lambda line: None)
  tokenizers = prepared.tokenizers
  assert isinstance(tokenizers.source, SentencePieceTokenizer)
  first = prepared.train.target_tokens[: prepared.train.target_offsets[1]]
  assert tokenizers.target.decode([first.tolist()]) == [LINEAR]
  tokenizers.save(tmp_path / 'saved')
  loaded = Tokenizers.load(tmp_path / 'saved')
  assert isinstance(loaded.target, TreeTokenizer)
  assert loaded.digest() == tokenizers.digest()
  assert loaded.target.encode([TREE]) == tokenizers.target.encode([TREE])


def test_a_side_may_have_a_kind_of_its_own(tmp_path):
  config = trees_config(
    tmp_path, vocabulary_kind='segmented', target_kind='trees'
  )
  source = prepare(config, progress=lambda line: None).tokenizers.source
  assert source.encode(['the dog'])[0] != [source.unk_id] * 2
  with pytest.raises(
    UsageError,
    match='target_model: expected none, as trees hold its tokens already',
  ):
    compute_fingerprint(trees_config(tmp_path, target_model='x.model'))


def test_another_tree_is_another_text(tmp_path):
  before = compute_fingerprint(trees_config(tmp_path))
  config = trees_config(tmp_path)
  assert compute_fingerprint(config) == before
  write_lines(tmp_path / 'dev.ptb', TREES[:2])
  assert compute_fingerprint(config) != before


def test_files_of_test_sets_are_found_by_name(tmp_path):
  write_lines(tmp_path / 'wsj_23.ptb', TREES[1:])
  config = trees_config(tmp_path, test_source=('wsj_23.ptb',))
  [pair, _] = read_split(config.data, 'wsj_23')
  assert pair[0] == 'it runs away .'
