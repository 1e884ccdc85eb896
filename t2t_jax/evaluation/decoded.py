"""The score of decoded lines, by the metric that a config names."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from t2t_jax.config import EvaluationConfig
from t2t_jax.errors import UsageError
from t2t_jax.evaluation.bleu import corpus_scores
from t2t_jax.evaluation.metrics import (
  Metric,
  make_metrics,
  metric_dict,
  result_line,
)


class LineScores(Protocol):
  """What a system's lines were found to be worth."""

  def line(self) -> str:
    """Returns the scores on one readable line."""
    ...

  def to_dict(self) -> dict[str, Any]:
    """Returns the scores, ready for JSON: METRIC, METRIC_signature..."""
    ...


@dataclasses.dataclass(frozen=True)
class MetricScores:
  """The score by one metric of the whole of a test set.

  Attributes:
    metric: what counted.
    sums: float (counts,), over all lines.
    sentences: how many lines.
  """

  metric: Metric
  sums: np.ndarray
  sentences: int

  def line(self) -> str:
    return result_line(self.metric, self.sums)

  def to_dict(self) -> dict[str, Any]:
    return {
      'sentences': self.sentences,
      **metric_dict(self.metric, self.sums),
    }


def check_metric(evaluation: EvaluationConfig) -> None:
  """Raises UsageError where `evaluation.metric` cannot be computed here, for
  want of its tokenisation: better known before anything is trained."""
  make_metrics([evaluation.metric], evaluation.bleu_tokenize)


def score_lines(
  evaluation: EvaluationConfig,
  hypotheses: Sequence[str],
  references: Sequence[str],
  sources: Sequence[str],
) -> LineScores:
  """Returns the scores of one hypothesis a line by `evaluation.metric`.

  Raises:
    UsageError: different numbers of lines, no lines, or references that the
      metric cannot read.
  """
  if evaluation.metric == 'bleu':
    return corpus_scores(hypotheses, references, evaluation.bleu_tokenize)
  if not len(hypotheses) == len(references) == len(sources):
    raise UsageError(
      'scoring: expected one hypothesis for each reference, found '
      f'{len(hypotheses)} hypotheses and {len(references)} references'
    )
  [metric] = make_metrics([evaluation.metric])
  counts = metric.counts(hypotheses, references, sources)
  return MetricScores(metric, counts.sum(0), len(counts))
