"""The score that a config asks for."""

import dataclasses
import pathlib
import re

import pytest
from tiny_run import make_config

from t2t_jax.config_metrics import DECODED, OF_TEXT, figure_title, is_better
from t2t_jax.errors import UsageError
from t2t_jax.evaluation.bleu import corpus_scores
from t2t_jax.evaluation.decoded import score_lines
from t2t_jax.evaluation.metrics import METRICS

EVALUATION = make_config(pathlib.Path()).evaluation


def by(metric):
  return dataclasses.replace(EVALUATION, metric=metric)


def test_bleu_is_what_it_was():
  lines = ['a b c d'], ['a b c e']
  found = score_lines(by('bleu'), *lines, ['x'])
  assert found == corpus_scores(*lines, 'none')


def test_another_metric_is_one_figure_with_its_parts():
  found = score_lines(by('error_rate'), ['a', 'b'], ['a', 'c'], ['x', 'y'])
  assert found.to_dict() == {
    'sentences': 2,
    'error_rate': 50.0,
    'error_rate_name': 'error rate',
    'error_rate_signature': (
      't2t_jax|tokens:whitespace|references:nearest of equal sources'
    ),
    'error_rate_sequence_error_rate': 50.0,
    'error_rate_edits': 1,
    'error_rate_reference_tokens': 2,
    'error_rate_sequences': 2,
  }
  assert found.line().startswith('error rate = 50.00 (')


def test_equal_sources_share_their_references():
  found = score_lines(by('exact_match'), ['a', 'a'], ['b', 'a'], ['x', 'x'])
  assert found.to_dict()['exact_match'] == 100


def test_every_metric_has_a_name_and_a_direction():
  assert DECODED.keys() | set(OF_TEXT) == METRICS.keys()
  assert is_better('bleu', 2, 1) and not is_better('bleu', 1, 2)
  assert is_better('error_rate', 1, 2) and is_better('nll', 1, 2)
  assert figure_title('error_rate_dev') == 'error rate dev'
  assert figure_title('bleu_newstest2014') == 'BLEU newstest2014'


def test_lines_of_another_number_are_refused():
  message = (
    'scoring: expected one hypothesis for each reference, found 1 hypotheses '
    'and 2 references'
  )
  with pytest.raises(UsageError, match=f'^{re.escape(message)}$'):
    score_lines(by('error_rate'), ['a'], ['a', 'b'], ['x', 'y'])
