"""Trees as symbols: as in the literature, back again, and from anything."""

import random
import re

import pytest
from random_trees import LABELS, random_tree

from t2t_jax.data import trees
from t2t_jax.data.linear_trees import LEAF, linearise, restore
from t2t_jax.data.trees import Leaf


def test_the_example_of_vinyals_et_al():
  """Their figure 1, with our XX for punctuation too."""
  tree = trees.parse(
    '(S (NP (NNP John)) (VP (VBZ has) (NP (DT a) (NN dog))) (. .))'
  )
  symbols = '(S (NP XX )NP (VP XX (NP XX XX )NP )VP XX )S'
  assert linearise(tree) == symbols
  back = restore(symbols.split(), tree.words)
  assert back.brackets == tree.brackets
  assert back.leaves == tuple(Leaf(LEAF, word) for word in tree.words)


def test_with_tags():
  tree = trees.parse('(S (NP (DT a) (NN dog)) (VP (VBZ barks)) (. .))')
  symbols = '(S (NP DT NN )NP (VP VBZ )VP . )S'
  assert linearise(tree, tagged=True) == symbols
  assert restore(symbols.split(), tree.words, tagged=True) == tree


@pytest.mark.parametrize('tagged', [False, True])
def test_a_random_tree_comes_back(tagged):
  rng = random.Random(2)
  for _ in range(500):
    tree = random_tree(rng)
    back = restore(linearise(tree, tagged).split(), tree.words, tagged)
    assert back.brackets == tree.brackets
    assert back.words == tree.words
    assert not tagged or back == tree


@pytest.mark.parametrize(
  ('symbols', 'words', 'tree'),
  [
    ('', 'a b', '(XX a) (XX b)'),
    # Too many tags; too few; half brackets are none.
    ('(S DT NN )S', 'a', '(S (DT a))'),
    ('(S (NP DT )NP )S', 'a b', '(S (NP (DT a)) (XX b))'),
    ('( (S DT ) )S', 'a', '(S (DT a))'),
  ],
)
def test_what_is_mended_of_tagged_ones(symbols, words, tree):
  found = trees.write(restore(symbols.split(), words.split(), tagged=True))
  assert found == f'(TOP {tree})'


@pytest.mark.parametrize(
  ('symbols', 'words', 'tree'),
  [
    # Nothing at all, or nothing that is known.
    ('', 'a b', '(XX a) (XX b)'),
    ('<unk> )NP ) (', 'a', '(XX a)'),
    # Too many leaves, too few, and too few within an open constituent.
    ('(S XX XX XX )S', 'a', '(S (XX a))'),
    ('(S (NP XX )NP )S', 'a b', '(S (NP (XX a)) (XX b))'),
    ('(S (NP XX', 'a b', '(S (NP (XX a)) (XX b))'),
    ('(S XX )S (X XX )X', 'a b c', '(S (XX a)) (X (XX b) (XX c))'),
    # Open at the end; closed twice; closed across another.
    ('(S XX (NP XX', 'a b', '(S (XX a) (NP (XX b)))'),
    ('(S XX )S )S', 'a', '(S (XX a))'),
    ('(S (NP XX )S XX )NP', 'a b', '(S (NP (XX a))) (XX b)'),
    # The innermost of equal labels is closed.
    ('(NP (NP XX )NP XX )NP', 'a b', '(NP (NP (XX a)) (XX b))'),
    # A constituent without words.
    ('(S (NP )NP XX )S', 'a', '(S (XX a))'),
  ],
)
def test_what_is_mended(symbols, words, tree):
  found = trees.write(restore(symbols.split(), words.split()))
  assert found == f'(TOP {tree})'


def test_no_words_are_no_tree():
  assert trees.write(restore(['(S', 'XX', ')S'], [])) == ''


def test_any_symbols_become_a_tree_over_the_words():
  """Well-formed is what an independent reader says: brackets balance."""
  rng = random.Random(3)
  symbols = [LEAF, LEAF, '<unk>', ')', '(']
  symbols += [mark + label for label in LABELS for mark in '()']
  for _ in range(500):
    drawn = rng.choices(symbols, k=rng.randrange(40))
    words = [f'w{i}' for i in range(rng.randint(1, 8))]
    text = trees.write(restore(drawn, words))
    assert re.findall(r'\(XX (\S+?)\)', text) == words
    depths = [0]
    for mark in re.findall('[()]', text):
      depths.append(depths[-1] + (1 if mark == '(' else -1))
    assert depths[-1] == 0 and min(depths[1:-1]) > 0  # one root
    assert '()' not in text and not re.search(r'\(\w+ ?\)', text)
    # A second mending finds nothing to mend.
    again = trees.parse(text)
    assert restore(linearise(again).split(), words) == again
