"""Tests of significance, against ones written here and sacreBLEU's."""

import itertools
from collections import Counter

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest

from t2t_jax.evaluation.metrics import make_metrics
from t2t_jax.evaluation.significance import (
  approximate_randomization,
  paired_bootstrap,
)

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


def _score(sums):
  return float(_bleu(sums[None]))


def test_agrees_with_a_bootstrap_of_our_own():
  references, *systems = _systems()
  counts = [_counts(system, references) for system in systems]
  found = paired_bootstrap(counts, _score)

  draws = np.random.default_rng(1).integers(0, SENTENCES, (5000, SENTENCES))
  samples = [_bleu(rows[draws]) for rows in counts]
  for row, scores, rows in zip(found, samples, counts, strict=True):
    assert row['score'] == pytest.approx(_bleu(rows))
    assert row['mean'] == pytest.approx(scores.mean(), abs=0.5)
    low, high = np.quantile(scores, [0.025, 0.975])
    assert row['interval'] == pytest.approx((high - low) / 2, rel=0.1)
  # How often the samples' difference is above its mean by more than the one
  # found: one-sided (Koehn 2004; Riezler and Maxwell 2005).
  differences = np.abs(samples[0] - samples[1])
  real = abs(found[0]['score'] - found[1]['score'])
  p = np.mean(differences - differences.mean() > real)
  assert 0.01 < p < 0.9
  assert found[0]['p'] is None
  assert found[1]['p'] == pytest.approx(p, abs=0.03)


def test_agrees_with_all_swaps_that_there_are():
  """Of ten sentences there are 1,024 ways to swap translations."""
  references, *systems = _systems()
  first, second = (_counts(s, references)[:10] for s in systems)
  swaps = np.array(list(itertools.product([False, True], repeat=10)))[
    :, :, None
  ]
  differences = np.abs(
    _bleu(np.where(swaps, second, first))
    - _bleu(np.where(swaps, first, second))
  )
  real = abs(_score(first.sum(0)) - _score(second.sum(0)))
  p = np.mean(differences >= real - 1e-9)
  assert 0.01 < p < 0.9
  rows = approximate_randomization([first, second], _score, 8000)
  assert rows[0] == {'score': pytest.approx(_bleu(first)), 'p': None}
  assert rows[1]['p'] == pytest.approx(p, abs=0.02)


@pytest.mark.parametrize('key', ['bleu', 'chrf++'])
@pytest.mark.parametrize(
  ('test', 'kind'),
  [(paired_bootstrap, 'bs'), (approximate_randomization, 'ar')],
)
def test_draws_and_finds_what_sacrebleu_does(key, test, kind):
  references, *systems = _systems()
  (ours,) = make_metrics([key], 'none')
  theirs = BLEU(tokenize='none') if key == 'bleu' else CHRF(word_order=2)
  counts = [ours.counts(system, references, None) for system in systems]
  found = test(counts, ours.score, 200)
  expected = PairedTest(
    [('a', systems[0]), ('b', systems[1])],
    {'metric': theirs},
    [references],
    test_type=kind,
    n_samples=200,
  )()[1]
  (results,) = (rows for name, rows in expected.items() if name != 'System')
  for row, result in zip(found, results, strict=True):
    assert row['score'] == pytest.approx(result.score)
    assert row['p'] == pytest.approx(result.p_value)
    if kind == 'bs':
      assert row['mean'] == pytest.approx(result.mean, rel=1e-5)
      assert row['interval'] == pytest.approx(result.ci, rel=1e-4)


TESTS = pytest.mark.parametrize(
  'test', [paired_bootstrap, approximate_randomization]
)


@TESTS
def test_equal_systems_do_not_differ(test):
  references, first, _ = _systems()
  counts = _counts(first, references)
  rows = test([counts, counts], _score, 100)
  assert rows[1]['p'] == 1
  assert rows[0]['score'] == rows[1]['score']


def test_one_sentence_proves_nothing():
  """Either translation of it may be the first's: both ways differ as much."""
  references, first, _ = _systems()
  second = ['x y z', *first[1:]]
  counts = [_counts(lines, references) for lines in (first, second)]
  rows = approximate_randomization(counts, _score, 200)
  assert rows[0]['score'] != rows[1]['score']
  assert rows[1]['p'] == 1


@TESTS
def test_a_much_worse_system_does(test):
  references, first, _ = _systems()
  worse = [line.replace('w1', 'v') for line in first]
  counts = [_counts(lines, references) for lines in (first, worse)]
  assert test(counts, _score, 200)[1]['p'] < 0.02


@TESTS
def test_the_seed_decides(test):
  references, *systems = _systems()
  counts = [_counts(system, references) for system in systems]
  runs = [test(counts, _score, 300, seed) for seed in (0, 0, 1)]
  assert runs[0] == runs[1]
  assert runs[0][1]['p'] != runs[2][1]['p']
