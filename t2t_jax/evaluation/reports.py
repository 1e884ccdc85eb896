"""The report on one system: all its scores, on all lines and by length."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from t2t_jax.errors import UsageError
from t2t_jax.evaluation.metrics import (
  BleuMetric,
  Metric,
  metric_dict,
  result_line,
)
from t2t_jax.evaluation.parallel_text import ParallelText


@dataclasses.dataclass(frozen=True)
class Report:
  """What a system was found to be worth.

  Attributes:
    text: the test set.
    metrics: in the order of the report.
    counts: for each metric float (sentences, counts), for every line.
  """

  text: ParallelText
  metrics: Sequence[Metric]
  counts: Sequence[np.ndarray]

  def lines(self) -> Iterator[str]:
    """Yields a readable line for each metric and length."""
    for metric, counts in zip(self.metrics, self.counts, strict=True):
      yield result_line(metric, counts.sum(0))
    for bucket in self._by_length():
      top = '' if bucket['to'] is None else bucket['to']
      yield (
        f'{bucket["metric_name"]} = {bucket["score"]:.2f} for {bucket["lines"]}'
        f' lines of {bucket["from"]}-{top} {self.text.measured} words, length '
        f'ratio {bucket["length_ratio"]:.3f}'
      )

  def to_dict(self) -> dict[str, Any]:
    """Returns the report ready for JSON: KEY, KEY_name, KEY_signature..."""
    result: dict[str, Any] = {'sentences': len(self.text.references)}
    for metric, counts in zip(self.metrics, self.counts, strict=True):
      result |= metric_dict(metric, counts.sum(0))
    result['by_length'] = list(self._by_length())
    result['length_in_words_of'] = self.text.measured
    return result

  def _by_length(self) -> Iterator[dict[str, Any]]:
    for metric, counts in zip(self.metrics, self.counts, strict=True):
      if not isinstance(metric, BleuMetric):
        continue
      for low, high, rows in self.text.buckets():
        sums = counts[rows].sum(0)
        details = metric.details(sums)
        yield {
          'metric': metric.key,
          'metric_name': metric.name,
          'from': low,
          'to': high,
          'lines': len(rows),
          'score': metric.score(sums),
          # Empty references have no ratio; at least one token keeps it finite.
          'length_ratio': details['hypothesis_length']
          / max(1, details['reference_length']),
        }
      return


def report_on(
  hypotheses: Sequence[str], text: ParallelText, metrics: Sequence[Metric]
) -> Report:
  """Returns the report on a system's lines; every line counts, empty or not.

  Raises:
    UsageError: lines of another number, or sources that a metric lacks.
  """
  if len(hypotheses) != len(text.references):
    raise UsageError(
      'scoring: expected one hypothesis for each reference, found '
      f'{len(hypotheses)} hypotheses and {len(text.references)} references'
    )
  counts = [
    metric.counts(hypotheses, text.references, text.sources)
    for metric in metrics
  ]
  return Report(text, metrics, counts)
