"""Translating a test set and scoring it against its untouched references."""

from collections.abc import Sequence

from t2t_jax.decoding.translator import Translator
from t2t_jax.errors import UsageError
from t2t_jax.evaluation.bleu import Scores, corpus_scores


def evaluate_lines(
  translator: Translator,
  sources: Sequence[str],
  references: Sequence[str],
  tokenize: str = '13a',
) -> tuple[list[str], Scores]:
  """Returns the translations of `sources` and their scores.

  Raises:
    UsageError: different numbers of lines, or no lines; before translating.
  """
  if len(sources) != len(references):
    raise UsageError(
      'test set: expected one reference for each source line, found '
      f'{len(sources)} source lines and {len(references)} references'
    )
  if not sources:
    raise UsageError('test set: expected at least one line, found none')
  hypotheses = [
    translation.text for translation in translator.translate_stream(sources)
  ]
  return hypotheses, corpus_scores(hypotheses, references, tokenize)
