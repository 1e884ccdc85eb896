"""Whether one system is better than another, or only luckier."""

from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest

from t2t_jax.errors import UsageError


def paired_bootstrap(
  hypotheses: Sequence[Sequence[str]],
  references: Sequence[str],
  tokenize: str = '13a',
  samples: int = 1000,
) -> list[dict[str, Any]]:
  """Compares systems with the first by paired bootstrap (Koehn 2004).

  Args:
    hypotheses: the systems' lines.
    references: one a line.
    tokenize: sacreBLEU's name.
    samples: how often the test set is drawn anew.

  Returns:
    For each system {'bleu', 'mean', 'interval', 'p'}: the score, its mean
    and 95 % interval over the samples, and how likely its difference to the
    first is by chance, one-sided (None for the first itself).

  Raises:
    UsageError: numbers of lines that differ.
  """
  for number, lines in enumerate(hypotheses, 1):
    if len(lines) != len(references):
      raise UsageError(
        f'--hypothesis number {number}: expected {len(references)} lines, as '
        f'in --reference, found {len(lines)}'
      )
  named: list[tuple[str, Sequence[str]]] = [
    (str(i), list(lines)) for i, lines in enumerate(hypotheses)
  ]
  metric = BLEU(tokenize=tokenize, force=True, references=[list(references)])
  test = PairedTest(
    named, {'BLEU': metric}, None, test_type='bs', n_samples=samples
  )
  results: list[Any] = test()[1]['BLEU']
  first = results[0].score
  return [
    {
      'bleu': result.score,
      'mean': result.mean,
      'interval': result.ci,
      # sacreBLEU counts differences above the one found, so that two equal
      # systems would differ with the highest confidence there is.
      'p': 1.0 if number and result.score == first else result.p_value,
    }
    for number, result in enumerate(results)
  ]
