"""Labelled bracket F1, as evalb counts it with the rules of COLLINS.prm.

The parameter file of Collins (1997) has been the measure of constituency
parsing since: punctuation is no word, the root and what holds punctuation alone
are no constituents, ADVP and PRT are one label.
"""

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np

from t2t_jax.data import trees
from t2t_jax.data.trees import BadTree, Tree
from t2t_jax.errors import UsageError

DELETED_TAGS = frozenset((',', ':', '``', "''", '.', '-NONE-'))
_EQUAL_LABELS = {'PRT': 'ADVP'}


class BracketF1:
  """Harmonic mean of labelled precision and recall of constituents, per cent.

  A line whose words are not those of its reference, or that holds no tree, is
  an error: told, and otherwise left out, as evalb does. Which words are
  punctuation, the reference's tags decide for both, as a parser that gives no
  tags needs; evalb asks the tags of each.
  """

  key, name, decimals = 'bracket_f1', 'bracket F1', 2

  def counts(
    self,
    hypotheses: Sequence[str],
    references: Sequence[str],
    sources: Sequence[str] | None,
  ) -> np.ndarray:
    del sources
    return np.array(
      [
        _count(hypothesis, _parse_reference(reference, number))
        for number, (hypothesis, reference) in enumerate(
          zip(hypotheses, references, strict=True), 1
        )
      ],
      dtype=np.float64,
    )

  def score(self, sums: np.ndarray) -> float:
    matched, gold, found = sums.tolist()[:3]
    # 2PR / (P + R), with P = matched / found and R = matched / gold.
    return 200 * matched / max(gold + found, 1)

  def details(self, sums: np.ndarray) -> dict[str, Any]:
    matched, gold, found, complete, trees_, errors = sums.tolist()
    return {
      'precision': 100 * matched / max(found, 1),
      'recall': 100 * matched / max(gold, 1),
      'complete_match': 100 * complete / max(trees_, 1),
      'trees': int(trees_),
      'errors': int(errors),
    }

  def signature(self) -> str:
    return "t2t_jax|evalb:COLLINS|deleted:reference's tags"


def _count(text: str, gold: Tree) -> tuple[int, ...]:
  """Returns matched, gold and found brackets, complete matches, trees and
  errors."""
  try:
    found = trees.parse(text) if text.strip() else Tree((), ())
  except BadTree:
    found = None
  if found is None or found.words != gold.words:
    return 0, 0, 0, 0, 0, 1
  is_word = [leaf.tag not in DELETED_TAGS for leaf in gold.leaves]
  if not any(is_word):
    # Evalb scores no sentence without words.
    return 0, 0, 0, 0, 0, 0
  ours, theirs = _brackets(found, is_word), _brackets(gold, is_word)
  matched = (ours & theirs).total()
  return (
    *(matched, theirs.total(), ours.total()),
    *(int(ours == theirs), 1, 0),
  )


def _brackets(tree: Tree, is_word: Sequence[bool]) -> collections.Counter:
  """Returns how often each (label, start, end) occurs, counted in words.

  Without those of no words and those labelled as punctuation is tagged, which
  evalb deletes too.
  """
  places = [0, *np.cumsum(is_word).tolist()]
  return collections.Counter(
    (_EQUAL_LABELS.get(label, label), places[start], places[end])
    for label, start, end in tree.brackets
    if places[start] < places[end] and label not in DELETED_TAGS
  )


def _parse_reference(text: str, number: int) -> Tree:
  try:
    return trees.parse(text) if text.strip() else Tree((), ())
  except BadTree as error:
    raise UsageError(f'reference {number}: {error}') from None
