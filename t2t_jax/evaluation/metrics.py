"""Metrics by name: each is a score of sums of what it counts in sentences.

So a test set is counted once, and the score of the whole, of a part of it and
of a resampled test set are all scores of sums of the same counts.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.metrics.base import Metric as SacrebleuMetric

from t2t_jax.errors import UsageError, nearest
from t2t_jax.evaluation.bleu import bleu_details, bleu_metric
from t2t_jax.evaluation.brackets import BracketF1
from t2t_jax.evaluation.tokenizers import (
  CompoundTokenizer,
  MissingPackage,
  MosesTokenizer,
)
from t2t_jax.evaluation.whole_lines import ErrorRate, ExactMatch

MOSES = 'moses'
# As the paper counted, of Moses' tokens.
_AS_THE_PAPER = ('multi_bleu', 'bleu_compounds')


class Metric(Protocol):
  """A metric of a corpus.

  Attributes:
    key: as --metrics and JSON name it.
    name: that is printed, and says exactly what it is.
    decimals: printed of a score.
  """

  key: str
  name: str
  decimals: int

  def counts(
    self,
    hypotheses: Sequence[str],
    references: Sequence[str],
    sources: Sequence[str] | None,
  ) -> np.ndarray:
    """Returns float (sentences, counts): what adds up to a corpus's score."""
    ...

  def score(self, sums: np.ndarray) -> float:
    """Returns the score of counts (counts,) added up over sentences."""
    ...

  def details(self, sums: np.ndarray) -> dict[str, Any]:
    """Returns what else is worth telling."""
    ...

  def signature(self) -> str:
    """Returns how it was computed; after `counts`."""
    ...


class SurfaceMetric:
  """BLEU, chrF and TER, all by sacreBLEU."""

  decimals = 2

  def __init__(self, key: str, name: str, metric: SacrebleuMetric) -> None:
    self.key, self.name, self.metric = key, name, metric

  def counts(
    self,
    hypotheses: Sequence[str],
    references: Sequence[str],
    sources: Sequence[str] | None = None,
  ) -> np.ndarray:
    # What sacreBLEU's own significance tests start from.
    rows = self.metric._extract_corpus_statistics(hypotheses, [references])
    return np.array(rows, dtype=np.float64)

  def score(self, sums: np.ndarray) -> float:
    return float(self._score(sums).score)

  def details(self, sums: np.ndarray) -> dict[str, Any]:
    return {}

  def signature(self) -> str:
    return self.metric.get_signature().format()

  def _score(self, sums: np.ndarray) -> Any:
    # A list: scalars of numpy are slow, and warn on division by zero.
    return self.metric._compute_score_from_stats(sums.tolist())


class BleuMetric(SurfaceMetric):
  """BLEU, which has more to tell."""

  def details(self, sums: np.ndarray) -> dict[str, Any]:
    score = self._score(sums)
    return {
      'precisions': score.precisions,
      'brevity_penalty': score.bp,
      'hypothesis_length': score.sys_len,
      'reference_length': score.ref_len,
    }


def result_line(metric: Metric, sums: np.ndarray) -> str:
  """Returns `NAME = SCORE (details, signature)`."""
  told = [metric.signature()]
  details = metric.details(sums)
  if 'precisions' in details:
    told.insert(0, bleu_details(**details))
  elif details:
    told.insert(0, ', '.join(map(_told, details.items())))
  score = f'{metric.score(sums):.{metric.decimals}f}'
  return f'{metric.name} = {score} ({", ".join(told)})'


def metric_dict(metric: Metric, sums: np.ndarray) -> dict[str, Any]:
  """Returns a score ready for JSON: KEY, KEY_name, KEY_signature..."""
  return {
    metric.key: metric.score(sums),
    f'{metric.key}_name': metric.name,
    f'{metric.key}_signature': metric.signature(),
    **{f'{metric.key}_{name}': x for name, x in metric.details(sums).items()},
  }


def _told(detail: tuple[str, Any]) -> str:
  name, value = detail
  number = f'{value:.2f}' if isinstance(value, float) else f'{value}'
  return f'{name.replace("_", " ")} {number}'


# --- by name ------------------------------------------------------------------


def make_metrics(
  keys: Sequence[str],
  tokenize: str | None = None,
  language: str | None = None,
  bleu_tokenize: str = '13a',
  leave_out: Callable[[str], None] | None = None,
) -> list[Metric]:
  """Returns the metrics of --metrics, each once, in the order given.

  Args:
    keys: of METRICS.
    tokenize: sacreBLEU's name, or moses; for all kinds of BLEU. None:
      `bleu_tokenize`, but for multi_bleu and bleu_compounds moses unless that
      is none.
    language: of the target, for moses.
    bleu_tokenize: sacreBLEU's name, as a config has it.
    leave_out: is told in a line of each metric that is left out for want of a
      package; None: that is an error.

  Raises:
    UsageError: unknown names, none, or a tokenisation that cannot be loaded.
  """
  if not keys:
    raise UsageError(f'--metrics: expected some of {_known()}, found none')
  for key in keys:
    if key not in METRICS:
      raise UsageError(
        f"--metrics: expected some of {_known()}, found '{key}'."
        f'{nearest(key, METRICS)}'
      )
  metrics = []
  for key in dict.fromkeys(keys):
    tokens = tokenize or _usual_tokens(key, bleu_tokenize)
    try:
      metrics.append(METRICS[key](tokens, language))
    except MissingPackage as error:
      if leave_out is None:
        raise
      leave_out(f'{key} is left out: {error}')
  return metrics


def _usual_tokens(key: str, bleu_tokenize: str) -> str:
  of_moses = key in _AS_THE_PAPER and bleu_tokenize != 'none'
  return MOSES if of_moses else bleu_tokenize


def _known() -> str:
  return ', '.join(METRICS)


def _bleu(tokenize: str, language: str | None) -> Metric:
  name = f'BLEU of {_TOKENS[tokenize]}' if tokenize in _TOKENS else 'BLEU'
  return BleuMetric('bleu', name, _bleu_of(tokenize, language, 'exp'))


def _multi_bleu(tokenize: str, language: str | None) -> Metric:
  # multi-bleu.perl, which ends the paper's procedure too, does not smooth.
  name = f'BLEU of {_tokens(tokenize)}, unsmoothed'
  return BleuMetric('multi_bleu', name, _bleu_of(tokenize, language, 'none'))


def _compounds(tokenize: str, language: str | None) -> Metric:
  metric = _bleu_of(tokenize, language, 'none')
  metric.tokenizer = CompoundTokenizer(metric.tokenizer)
  metric.tokenizer_signature = metric.tokenizer.signature()
  name = f'BLEU of {_tokens(tokenize)}, compounds split'
  return BleuMetric('bleu_compounds', name, metric)


_TOKENS = {'none': 'given tokens', MOSES: 'Moses tokens'}


def _tokens(tokenize: str) -> str:
  return _TOKENS.get(tokenize, f'{tokenize} tokens')


def _bleu_of(tokenize: str, language: str | None, smoothing: str) -> BLEU:
  if tokenize != MOSES:
    return bleu_metric(tokenize, smoothing)
  if language is None:
    raise UsageError(
      '--tokenize=moses, which multi_bleu and bleu_compounds have by default: '
      'needs --direction=SOURCE-TARGET too, such as en-de'
    )
  metric = bleu_metric('none', smoothing)
  metric.tokenizer = MosesTokenizer(language)
  metric.tokenizer_signature = metric.tokenizer.signature()
  return metric


METRICS: dict[str, Callable[[str, str | None], Metric]] = {
  'bleu': _bleu,
  'multi_bleu': _multi_bleu,
  'bleu_compounds': _compounds,
  'chrf': lambda *_: SurfaceMetric('chrf', 'chrF2', CHRF()),
  'chrf++': lambda *_: SurfaceMetric('chrf++', 'chrF2++', CHRF(word_order=2)),
  'ter': lambda *_: SurfaceMetric('ter', 'TER', TER()),
  'exact_match': lambda *_: ExactMatch(),
  'error_rate': lambda *_: ErrorRate(),
  'bracket_f1': lambda *_: BracketF1(),
}
