"""Bracket F1: by hand, by evalb's rules, and beside PYEVALB where it is."""

import random
import re
import sys

import pytest
from random_trees import random_tree

from t2t_jax.data import trees
from t2t_jax.data.linear_trees import linearise, restore
from t2t_jax.data.trees import Tree
from t2t_jax.errors import UsageError
from t2t_jax.evaluation.brackets import DELETED_TAGS
from t2t_jax.evaluation.metrics import make_metrics, metric_dict, result_line

GOLD = '(TOP (S (NP (DT the) (NN dog)) (VP (VBZ barks) (ADVP (RB now))) (. .)))'


def score(hypotheses, references):
  (metric,) = make_metrics(['bracket_f1'])
  counts = metric.counts(hypotheses, references, None)
  assert len(counts) == len(references)
  return metric_dict(metric, counts.sum(0))


def counted(hypothesis, reference=GOLD):
  """Matched, gold and found brackets."""
  (metric,) = make_metrics(['bracket_f1'])
  return tuple(metric.counts([hypothesis], [reference], None)[0, :3].tolist())


def test_by_hand():
  # Found: S and the VP over `barks now` of S, NP, VP, ADVP; a wrong NP.
  tree = '(TOP (S (XX the) (NP (XX dog)) (VP (XX barks) (XX now)) (XX .)))'
  assert counted(tree) == (2, 4, 3)
  found = score([tree], [GOLD])
  assert found['bracket_f1'] == pytest.approx(200 * 2 / 7)
  assert found['bracket_f1_precision'] == pytest.approx(100 * 2 / 3)
  assert found['bracket_f1_recall'] == pytest.approx(50)
  assert found['bracket_f1_complete_match'] == 0


def test_the_reference_is_complete():
  found = score([GOLD, GOLD], [GOLD, GOLD])
  assert found['bracket_f1'] == found['bracket_f1_complete_match'] == 100
  assert counted(GOLD) == (4, 4, 4)


@pytest.mark.parametrize(
  ('tree', 'counts'),
  [
    # Where punctuation hangs does not count, nor do the tags.
    (
      '(S (NP (XX the) (XX dog)) (VP (XX barks) (ADVP (XX now)) (XX .)))',
      (4, 4, 4),
    ),
    # PRT is ADVP; functions and the root are no part of a label.
    (
      '(ROOT (S (NP-SBJ (A the) (A dog)) (VP=1 (A barks) (PRT (A now)))'
      ' (A .)))',
      (4, 4, 4),
    ),
    # Over one span a label counts as often as it stands there.
    (
      '(S (NP (NP (A the) (A dog))) (VP (A barks) (ADVP (A now))) (A .))',
      (4, 4, 5),
    ),
    # What holds punctuation alone is no constituent.
    (
      '(S (NP (A the) (A dog)) (VP (A barks) (ADVP (A now))) (NP (A .)))',
      (4, 4, 4),
    ),
    # Nor is what is labelled as punctuation, but what it holds is.
    (
      '(S (: (NP (A the) (A dog))) (VP (A barks) (ADVP (A now))) (A .))',
      (4, 4, 4),
    ),
  ],
)
def test_rules_of_evalb(tree, counts):
  assert counted(tree) == counts


@pytest.mark.parametrize(
  'hypothesis',
  [
    '',
    '(S (NP (DT the) (NN dog)))',
    GOLD.replace('dog', 'cat'),
    GOLD[:-1],
    'the dog barks now .',
  ],
)
def test_another_sentence_is_an_error_and_left_out(hypothesis):
  found = score([hypothesis, GOLD], [GOLD, GOLD])
  assert found['bracket_f1'] == 100
  assert (found['bracket_f1_trees'], found['bracket_f1_errors']) == (1, 1)


def test_a_reference_loses_constituents_of_punctuation_too():
  gold = '(S (NP (DT the) (NN dog)) (PRN (, ,) (, ,)) (VP (VBZ barks)))'
  tree = '(S (NP (XX the) (XX dog)) (XX ,) (XX ,) (VP (XX barks)))'
  assert counted(tree, gold) == counted(gold, gold) == (3, 3, 3)


def test_a_sentence_of_punctuation_counts_for_nothing():
  assert counted('(S (. .))', '(NP (. .))') == (0, 0, 0)
  assert score(['(S (. .))', ''], ['(NP (. .))', ''])['bracket_f1'] == 0


def test_a_reference_that_is_no_tree_is_named():
  message = "reference 2: expected '(' to begin a tree, found 'dog'"
  with pytest.raises(UsageError, match=f'^{re.escape(message)}$'):
    score([GOLD, GOLD], [GOLD, 'dog'])


def test_the_line_tells_all():
  (metric,) = make_metrics(['bracket_f1'])
  line = result_line(metric, metric.counts([GOLD], [GOLD], None).sum(0))
  assert line == (
    'bracket F1 = 100.00 (precision 100.00, recall 100.00, complete match '
    "100.00, trees 1, errors 0, t2t_jax|evalb:COLLINS|deleted:reference's tags)"
  )


# --- beside another implementation --------------------------------------------


def damaged(tree: Tree, rng: random.Random) -> Tree:
  """A tree over the same words as a poor parser would give it."""
  symbols = linearise(tree).split()
  for _ in range(rng.randrange(4)):
    place = rng.randrange(len(symbols))
    symbols[place : place + rng.randrange(2)] = rng.choices(
      ['XX', '(NP', ')NP', '(VP', ')VP'], k=rng.randrange(2)
    )
    symbols = symbols or ['XX']
  bare = restore(symbols, tree.words)
  return Tree(tree.leaves, bare.brackets)


def without_punctuation(tree: Tree) -> str | None:
  """As COLLINS.prm has evalb look at it, for who knows no such rules.

  None where two constituents are alike, which PYEVALB counts once.
  """
  kept = [leaf.tag not in DELETED_TAGS for leaf in tree.leaves]
  places = [sum(kept[:place]) for place in range(len(kept) + 1)]
  brackets = tuple(
    trees.Bracket(
      'ADVP' if label == 'PRT' else label, places[start], places[end]
    )
    for label, start, end in tree.brackets
    if any(kept[start:end])
  )
  if len(set(brackets)) < len(brackets) or not brackets:
    return None
  leaves = tuple(
    # PYEVALB cuts words at underscores.
    leaf._replace(word=f'w{place}', tag='T')
    for place, leaf in enumerate(tree.leaves)
    if kept[place]
  )
  # The TOP of both is one bracket more that matches.
  return trees.write(Tree(leaves, brackets))


def compare_with_pyevalb(golds, rng) -> int:
  """Checks each gold tree against damaged ones; returns how many pairs."""
  scorer = pytest.importorskip('PYEVALB.scorer').Scorer()
  create = sys.modules['PYEVALB.parser'].create_from_bracket_string
  compared = 0
  for gold in golds:
    tree = damaged(gold, rng)
    texts = without_punctuation(gold), without_punctuation(tree)
    if None in texts:
      continue
    result = scorer.score_trees(*map(create, texts))
    theirs = result.matched_brackets, result.gold_brackets, result.test_brackets
    ours = counted(trees.write(tree), trees.write(gold))
    assert ours == tuple(number - 1 for number in theirs)
    compared += 1
  return compared


def test_counts_are_those_of_pyevalb():
  rng = random.Random(4)
  golds = [random_tree(rng) for _ in range(400)]
  assert compare_with_pyevalb(golds, rng) > 50
