"""Corpus BLEU and chrF, by sacreBLEU, with the signatures that name them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics import BLEU, CHRF

from t2t_jax.errors import UsageError, nearest


@dataclasses.dataclass(frozen=True)
class Scores:
  """Scores of one system on one test set.

  Attributes:
    bleu: 0 to 100, case-sensitive (Papineni et al. 2002).
    bleu_signature: how sacreBLEU computed it (Post 2018).
    precisions: of 1- to 4-grams, per cent.
    brevity_penalty: at most 1.
    hypothesis_length, reference_length: tokens, by BLEU's tokenisation.
    chrf: 0 to 100, chrF2 (Popovic 2015).
    chrf_signature: how sacreBLEU computed it.
    sentences: how many were scored.
  """

  bleu: float
  bleu_signature: str
  precisions: tuple[float, ...]
  brevity_penalty: float
  hypothesis_length: int
  reference_length: int
  chrf: float
  chrf_signature: str
  sentences: int

  def line(self) -> str:
    """Returns the scores on one readable line."""
    precisions = '/'.join(f'{p:.1f}' for p in self.precisions)
    return (
      f'BLEU {self.bleu:.2f} ({precisions}, '
      f'BP {self.brevity_penalty:.3f}, '
      f'{self.hypothesis_length}/{self.reference_length} tokens, '
      f'{self.bleu_signature}); '
      f'chrF {self.chrf:.2f} ({self.chrf_signature})'
    )

  def to_dict(self) -> dict[str, Any]:
    """Returns the scores as a dict, ready for JSON."""
    return dataclasses.asdict(self)


def corpus_scores(
  hypotheses: Sequence[str],
  references: Sequence[str],
  tokenize: str = '13a',
) -> Scores:
  """Returns the scores of one hypothesis a line against one reference a line.

  Args:
    hypotheses: detokenised text, or tokens between spaces for 'none'.
    references: the untouched references.
    tokenize: sacreBLEU's name; 'none' scores the tokenisation as it is given.

  Raises:
    UsageError: different numbers of lines, no lines, or a tokenisation that
      sacreBLEU does not have or cannot load.
  """
  if len(hypotheses) != len(references):
    raise UsageError(
      'scoring: expected one hypothesis for each reference, found '
      f'{len(hypotheses)} hypotheses and {len(references)} references'
    )
  if not references:
    raise UsageError('scoring: expected at least one line, found none')
  bleu_metric, chrf_metric = _bleu_metric(tokenize), CHRF()
  bleu = bleu_metric.corpus_score(list(hypotheses), [list(references)])
  chrf = chrf_metric.corpus_score(list(hypotheses), [list(references)])
  return Scores(
    bleu=bleu.score,
    bleu_signature=bleu_metric.get_signature().format(),
    precisions=tuple(bleu.precisions),
    brevity_penalty=bleu.bp,
    hypothesis_length=bleu.sys_len,
    reference_length=bleu.ref_len,
    chrf=chrf.score,
    chrf_signature=chrf_metric.get_signature().format(),
    sentences=len(references),
  )


def _bleu_metric(tokenize: str) -> BLEU:
  choices = BLEU.TOKENIZERS
  if tokenize not in choices:
    raise UsageError(
      f'evaluation.bleu_tokenize: expected one of {", ".join(choices)}, '
      f"found '{tokenize}'.{nearest(tokenize, choices)}"
    )
  try:
    # force: no warning where the text looks tokenised; it may well be.
    return BLEU(tokenize=tokenize, force=True)
  except (ImportError, RuntimeError) as error:
    raise UsageError(
      f"evaluation.bleu_tokenize: sacreBLEU cannot load '{tokenize}': {error}"
    ) from error
