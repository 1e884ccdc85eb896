"""Paired bootstrap, against one written here."""

import numpy as np
import pytest
import sacrebleu

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


def _bleu(hypotheses, references, rows):
  return sacrebleu.corpus_bleu(
    [hypotheses[i] for i in rows],
    [[references[i] for i in rows]],
    tokenize='none',
    force=True,
  ).score


def test_agrees_with_a_bootstrap_of_our_own():
  references, first, second = _systems()
  found = paired_bootstrap([first, second], references, 'none', samples=500)

  random = np.random.default_rng(1)
  draws = random.integers(0, SENTENCES, (500, SENTENCES))
  ours = np.array(
    [
      [_bleu(system, references, rows) for rows in draws]
      for system in (first, second)
    ]
  )
  everything = range(SENTENCES)
  for row, system, samples in zip(found, (first, second), ours, strict=True):
    assert row['bleu'] == pytest.approx(_bleu(system, references, everything))
    assert row['mean'] == pytest.approx(samples.mean(), abs=0.5)
    width = (np.quantile(samples, 0.975) - np.quantile(samples, 0.025)) / 2
    assert row['interval'] == pytest.approx(width, rel=0.2)
  # How often the samples' differences, moved to mean 0, are at least as far
  # from it as the one found (Riezler and Maxwell 2005).
  differences = ours[0] - ours[1]
  real = abs(found[0]['bleu'] - found[1]['bleu'])
  p = np.mean(np.abs(differences - differences.mean()) >= real)
  assert 0.01 < p < 0.9
  assert found[0]['p'] is None
  assert found[1]['p'] == pytest.approx(p, abs=0.07)


def test_equal_systems_do_not_differ():
  references, first, _ = _systems()
  rows = paired_bootstrap([first, first], references, 'none', samples=100)
  assert rows[1]['p'] > 0.9
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
