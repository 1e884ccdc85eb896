"""Metrics of tasks with a right answer: exact match and token error rate.

Lines of one source are one question with several answers, as where a
pronouncing dictionary gives a word twice. It counts once, where its source
stands first, and of its references the nearest.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

_SIGNATURE = 't2t_jax|tokens:whitespace|references:nearest of equal sources'


class ExactMatch:
  """The share of sources whose hypothesis is one of their references.

  Compared are tokens, so that white space does not count. Per cent.
  """

  key, name, decimals = 'exact_match', 'exact match', 2

  def counts(
    self,
    hypotheses: Sequence[str],
    references: Sequence[str],
    sources: Sequence[str] | None,
  ) -> np.ndarray:
    counts = np.zeros((len(references), 2))
    for row, answers in group_references(references, sources).items():
      counts[row] = hypotheses[row].split() in answers, 1
    return counts

  def score(self, sums: np.ndarray) -> float:
    right, sequences = sums.tolist()
    return 100 * right / max(sequences, 1)

  def details(self, sums: np.ndarray) -> dict[str, Any]:
    return {'right': int(sums[0]), 'sequences': int(sums[1])}

  def signature(self) -> str:
    return _SIGNATURE


class ErrorRate:
  """Edits (insertions, deletions, substitutions) a reference token.

  Phoneme, character or word error rate, by what the tokens are. Per cent; it
  may be above 100. The sequence error rate is that of hypotheses with any.
  """

  key, name, decimals = 'error_rate', 'error rate', 2

  def counts(
    self,
    hypotheses: Sequence[str],
    references: Sequence[str],
    sources: Sequence[str] | None,
  ) -> np.ndarray:
    counts = np.zeros((len(references), 4))
    for row, answers in group_references(references, sources).items():
      edits, length = min(
        (edit_distance(hypotheses[row].split(), answer), len(answer))
        for answer in answers
      )
      counts[row] = edits, length, edits > 0, 1
    return counts

  def score(self, sums: np.ndarray) -> float:
    edits, length, _, _ = sums.tolist()
    return 100 * edits / max(length, 1)

  def details(self, sums: np.ndarray) -> dict[str, Any]:
    edits, length, wrong, sequences = sums.tolist()
    return {
      'sequence_error_rate': 100 * wrong / max(sequences, 1),
      'edits': int(edits),
      'reference_tokens': int(length),
      'sequences': int(sequences),
    }

  def signature(self) -> str:
    return _SIGNATURE


def group_references(
  references: Sequence[str], sources: Sequence[str] | None
) -> dict[int, list[list[str]]]:
  """Returns {first row of a source: tokens of each of its references}.

  Without sources every row is one of its own.
  """
  first: dict[str, int] = {}
  grouped: dict[int, list[list[str]]] = {}
  for row, reference in enumerate(references):
    if sources is not None:
      row = first.setdefault(sources[row], row)
    grouped.setdefault(row, []).append(reference.split())
  return grouped


def edit_distance(one: Sequence[str], other: Sequence[str]) -> int:
  """Returns the least number of insertions, deletions and substitutions."""
  if one == other:
    return 0
  places = np.arange(len(other) + 1)
  tokens = np.array(other, dtype=object)
  costs = places
  for number, token in enumerate(one, 1):
    best = costs + 1
    best[1:] = np.minimum(best[1:], costs[:-1] + (tokens != token))
    best[0] = number
    # Inserting from the cheapest place on the left costs the way from there.
    costs = np.minimum.accumulate(best - places) + places
  return int(costs[-1])
