"""Exact match and error rates, by brute force and by hand."""

import functools
import random

import numpy as np
import pytest

from t2t_jax.evaluation.metrics import make_metrics, metric_dict, result_line
from t2t_jax.evaluation.whole_lines import edit_distance


def brute_force(one, other):
  """The definition: the cheapest way to begin, then the rest."""

  @functools.cache
  def rest(i, j):
    if i == len(one) or j == len(other):
      return len(one) - i + len(other) - j
    return min(
      rest(i + 1, j + 1) + (one[i] != other[j]),
      rest(i + 1, j) + 1,
      rest(i, j + 1) + 1,
    )

  return rest(0, 0)


def test_edit_distance_is_that_of_the_definition():
  rng = random.Random(1)
  for _ in range(400):
    one, other = (rng.choices('abc', k=rng.randrange(9)) for _ in range(2))
    assert edit_distance(one, other) == brute_force(one, other)


@pytest.mark.parametrize(
  ('one', 'other', 'edits'),
  [
    ('k i t t e n', 's i t t i n g', 3),
    ('', 'a b', 2),
    ('a b', '', 2),
    ('', '', 0),
    ('AH0 B', 'AH1 B', 1),  # tokens, not letters
  ],
)
def test_edit_distance_by_hand(one, other, edits):
  assert edit_distance(one.split(), other.split()) == edits


def _score(key, hypotheses, references, sources=None):
  (metric,) = make_metrics([key])
  counts = metric.counts(hypotheses, references, sources)
  assert len(counts) == len(references)
  return metric_dict(metric, counts.sum(0))


def test_error_rate_by_hand():
  found = _score('error_rate', ['a b c', 'x', 'd'], ['a c', 'y z', 'd'])
  # 1 insertion; 1 substitution and 1 deletion; none; of 5 tokens.
  assert found['error_rate'] == pytest.approx(100 * 3 / 5)
  assert found['error_rate_sequence_error_rate'] == pytest.approx(200 / 3)
  assert found['error_rate_edits'] == 3


def test_a_source_is_asked_once_and_its_nearest_reference_counts():
  hypotheses = ['T AH M EY T OW', 'B', 'T AH M EY T OW']
  references = ['T AH M AA T OW', 'B', 'T AH M EY T OW']
  sources = ['tomato', 'b', 'tomato']
  both = _score('error_rate', hypotheses, references, sources)
  assert both['error_rate'] == 0
  assert both['error_rate_sequences'] == 2
  assert both['error_rate_reference_tokens'] == 7
  exact = _score('exact_match', hypotheses, references, sources)
  assert exact['exact_match'] == 100 and exact['exact_match_sequences'] == 2
  # Without sources every line is a question of its own.
  alone = _score('exact_match', hypotheses, references)
  assert alone['exact_match'] == pytest.approx(200 / 3)
  assert _score('error_rate', hypotheses, references)['error_rate'] == (
    pytest.approx(100 / 13)
  )


def test_exact_match_looks_at_tokens_not_at_spaces():
  found = _score('exact_match', ['a  b ', 'A b', ''], ['a b', 'a b', ''])
  assert found['exact_match'] == pytest.approx(200 / 3)


def test_nothing_to_find_is_no_error():
  assert _score('error_rate', [''], [''])['error_rate'] == 0


def test_parts_of_a_test_set_add_up():
  (metric,) = make_metrics(['error_rate'])
  counts = metric.counts(['a', 'b c'], ['a', 'b d'], ['1', '2'])
  np.testing.assert_array_equal(counts, [[0, 1, 0, 1], [1, 2, 1, 1]])


def test_the_line_tells_all():
  (metric,) = make_metrics(['error_rate'])
  counts = metric.counts(['a b', 'c'], ['a b', 'd'], None)
  assert result_line(metric, counts.sum(0)) == (
    'error rate = 33.33 (sequence error rate 50.00, edits 1, reference tokens '
    '3, sequences 2, t2t_jax|tokens:whitespace|references:nearest of equal '
    'sources)'
  )
