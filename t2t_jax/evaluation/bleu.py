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
    details = bleu_details(
      self.precisions,
      self.brevity_penalty,
      self.hypothesis_length,
      self.reference_length,
    )
    return (
      f'BLEU {self.bleu:.2f} ({details}, {self.bleu_signature}); '
      f'chrF {self.chrf:.2f} ({self.chrf_signature})'
    )

  def to_dict(self) -> dict[str, Any]:
    """Returns the scores as a dict, ready for JSON."""
    return dataclasses.asdict(self)


def bleu_details(
  precisions: Sequence[float],
  brevity_penalty: float,
  hypothesis_length: int,
  reference_length: int,
) -> str:
  """Returns what BLEU is made of, to be printed."""
  return (
    f'{"/".join(f"{p:.1f}" for p in precisions)}, BP {brevity_penalty:.3f}, '
    f'{hypothesis_length}/{reference_length} tokens'
  )


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
  for_bleu, for_chrf = bleu_metric(tokenize), CHRF()
  bleu = for_bleu.corpus_score(list(hypotheses), [list(references)])
  chrf = for_chrf.corpus_score(list(hypotheses), [list(references)])
  return Scores(
    bleu=bleu.score,
    bleu_signature=for_bleu.get_signature().format(),
    precisions=tuple(bleu.precisions),
    brevity_penalty=bleu.bp,
    hypothesis_length=bleu.sys_len,
    reference_length=bleu.ref_len,
    chrf=chrf.score,
    chrf_signature=for_chrf.get_signature().format(),
    sentences=len(references),
  )


def bleu_metric(tokenize: str, smoothing: str = 'exp') -> BLEU:
  """Returns sacreBLEU's metric.

  Raises:
    UsageError: a tokenisation that it does not have or cannot load.
  """
  choices = BLEU.TOKENIZERS
  if tokenize not in choices:
    raise UsageError(
      f'evaluation.bleu_tokenize: expected one of {", ".join(choices)}, '
      f"found '{tokenize}'.{nearest(tokenize, choices)}"
    )
  try:
    # force: no warning where the text looks tokenised; it may well be.
    return BLEU(tokenize=tokenize, smooth_method=smoothing, force=True)
  except (ImportError, RuntimeError) as error:
    raise UsageError(
      f"evaluation.bleu_tokenize: sacreBLEU cannot load '{tokenize}': {error}"
    ) from error
