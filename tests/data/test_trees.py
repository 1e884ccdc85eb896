"""Bracketed trees: what is read, what is left out, and what is refused."""

import gzip
import random
import re

import pytest
from random_trees import random_tree

from t2t_jax.data import trees
from t2t_jax.data.trees import Bracket, Leaf, Tree
from t2t_jax.errors import UsageError

DOG = '(TOP (S (NP (DT the) (NN dog)) (VP (VBZ barks)) (. .)))'


def test_a_tree_is_its_leaves_and_spans():
  assert trees.parse(DOG) == Tree(
    (
      Leaf('DT', 'the'),
      Leaf('NN', 'dog'),
      Leaf('VBZ', 'barks'),
      Leaf('.', '.'),
    ),
    (Bracket('S', 0, 4), Bracket('NP', 0, 2), Bracket('VP', 2, 3)),
  )
  assert trees.write(trees.parse(DOG)) == DOG


@pytest.mark.parametrize(
  ('text', 'cleaned'),
  [
    # Function tags, and numbers that point at traces.
    ('(S (NP-SBJ-1 (NN a)) (NP=2 (NN b)))', '(S (NP (NN a)) (NP (NN b)))'),
    # A trace takes what holds nothing else along.
    (
      '(S (NP (-NONE- *)) (VP (VB go) (SBAR (S (-NONE- *T*-1)))))',
      '(S (VP (VB go)))',
    ),
    # The tags of brackets begin with a hyphen; those of words stay whole.
    ('(NP (-LRB- -LRB-) (NN a-b))', '(NP (-LRB- -LRB-) (NN a-b))'),
    # Roots without a label, or of other treebanks; two children of one.
    ('( (S (NN a)))', '(S (NN a))'),
    ('(ROOT (S1 (S (NN a))))', '(S (NN a))'),
    ('(ROOT (NP (NN a)) (. .))', '(NP (NN a)) (. .)'),
    ('(ROOT (NN a))', '(NN a)'),
    # A chain over one span keeps its order.
    ('(S (VP (S (VP (VB go)))))', '(S (VP (S (VP (VB go)))))'),
  ],
)
def test_what_is_cleaned(text, cleaned):
  assert trees.write(trees.parse(text)) == f'(TOP {cleaned})'


def test_a_tree_of_traces_is_empty():
  assert trees.parse('(S (NP (-NONE- *)))') == Tree((), ())
  assert trees.write(Tree((), ())) == ''


def test_brackets_of_words_are_written_out():
  tree = Tree((Leaf('XX', '('), Leaf('XX', 'f(x)')), ())
  assert trees.write(tree) == '(TOP (XX -LRB-) (XX f-LRB-x-RRB-))'


def test_random_trees_are_read_as_written():
  rng = random.Random(1)
  for _ in range(300):
    tree = random_tree(rng)
    assert trees.parse(trees.write(tree)) == tree


def test_files_hold_trees_on_a_line_or_over_lines(tmp_path):
  path = tmp_path / 'a.ptb.gz'
  spread = DOG.replace(' (VP', '\n\n      (VP')
  path.write_bytes(gzip.compress(f'{DOG}\n{spread}\n{DOG} {DOG}\n'.encode()))
  pairs = list(trees.read_pairs(path))
  assert pairs == [('the dog barks .', DOG)] * 4


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('(S (NN a))\nb', "2: expected '(' to begin a tree, found 'b'"),
    ('(S (NN a)))', "1: expected '(' to begin a tree, found ')'"),
    ('(S\n(NN a b))', "2: expected '(' or ')' in a tree, found 'b'"),
    ('(S (NN a) b)', "1: expected '(' or ')' in a tree, found 'b'"),
    ('(S (NN a (DT b)))', "1: expected ')' in a tree, found '('"),
    ('(S (NN a) (NP))', "1: expected a word or '(' in a tree, found ')'"),
    (
      '(S (NN a))\n(S (NN a)\n\n',
      "2: expected ')' 1 times more to end the tree, found the end",
    ),
  ],
)
def test_what_is_no_tree_is_named_by_its_line(tmp_path, text, message):
  path = tmp_path / 'bad.ptb'
  path.write_text(text)
  with pytest.raises(UsageError, match=re.escape(f'{path}, line {message}')):
    list(trees.read_file(path))


def test_one_tree_is_one():
  with pytest.raises(trees.BadTree, match='expected one tree, found 2'):
    trees.parse(f'{DOG} {DOG}')
  with pytest.raises(trees.BadTree, match='expected one tree, found 0'):
    trees.parse(' ')


def test_deep_trees_need_no_stack():
  depth = 5000
  text = '(A ' * depth + '(NN a)' + ')' * depth
  assert trees.write(trees.parse(text)) == f'(TOP {text})'
