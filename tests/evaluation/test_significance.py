"""Paired bootstrap, against one written here."""

from collections import Counter

import numpy as np
import pytest

from t2t_jax.errors import UsageError
from t2t_jax.evaluation.significance import paired_bootstrap

SENTENCES = 60


def _systems():
  """Returns references and two systems that differ by a few words."""
  random = np.random.default_rng(0)
  words = [f'w{i}' for i in range(30)]
  references = [
    list(random.choice(words, random.integers(6, 14))) for _ in range(SENTENCES)
  ]

  def damaged(share):
    return [
      ' '.join(word if random.random() > share else 'x' for word in reference)
      for reference in references
    ]

  return [' '.join(r) for r in references], damaged(0.20), damaged(0.24)


def _counts(hypotheses, references):
  """Returns int (sentences, 9): matches and n-grams for n = 1 to 4; length of
  the reference."""
  rows = []
  for hypothesis, reference in zip(hypotheses, references, strict=True):
    row = []
    for n in range(1, 5):
      ours, theirs = (
        Counter(zip(*(words[i:] for i in range(n)), strict=False))
        for words in (hypothesis.split(), reference.split())
      )
      row += [(ours & theirs).total(), ours.total()]
    rows.append([*row, len(reference.split())])
  return np.array(rows)


def _bleu(counts):
  """BLEU (Papineni et al. 2002) of the sums over the second last axis."""
  sums = counts.sum(-2)
  precision = np.exp(np.log(sums[..., 0:8:2] / sums[..., 1:8:2]).mean(-1))
  brevity = np.minimum(1, np.exp(1 - sums[..., 8] / sums[..., 1]))
  return 100 * brevity * precision


def test_agrees_with_a_bootstrap_of_our_own():
  references, first, second = _systems()
  found = paired_bootstrap([first, second], references, 'none')

  draws = np.random.default_rng(1).integers(0, SENTENCES, (5000, SENTENCES))
  samples = []
  for row, system in zip(found, (first, second), strict=True):
    counts = _counts(system, references)
    samples.append(_bleu(counts[draws]))
    assert row['bleu'] == pytest.approx(_bleu(counts))
    assert row['mean'] == pytest.approx(samples[-1].mean(), abs=0.5)
    low, high = np.quantile(samples[-1], [0.025, 0.975])
    assert row['interval'] == pytest.approx((high - low) / 2, rel=0.1)
  # How often the samples' difference is above its mean by more than the one
  # found: one-sided (Koehn 2004; Riezler and Maxwell 2005).
  differences = np.abs(samples[0] - samples[1])
  real = abs(found[0]['bleu'] - found[1]['bleu'])
  p = np.mean(differences - differences.mean() > real)
  assert 0.01 < p < 0.9
  assert found[0]['p'] is None
  assert found[1]['p'] == pytest.approx(p, abs=0.03)


def test_equal_systems_do_not_differ():
  references, first, _ = _systems()
  rows = paired_bootstrap([first, first], references, 'none', samples=100)
  assert rows[1]['p'] == 1
  assert rows[0]['bleu'] == rows[1]['bleu']


def test_a_much_worse_system_does():
  references, first, _ = _systems()
  worse = [line.replace('w1', 'v') for line in first]
  rows = paired_bootstrap([first, worse], references, 'none', samples=200)
  assert rows[1]['p'] < 0.02


def test_unequal_numbers_of_lines_name_the_system():
  with pytest.raises(
    UsageError,
    match='--hypothesis number 2: expected 3 lines, as in --reference, found 2',
  ):
    paired_bootstrap([['a'] * 3, ['a'] * 2], ['a'] * 3)
