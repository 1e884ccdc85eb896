"""Minimum Bayes risk against two loops over sacreBLEU's sentence scores."""

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from t2t_jax.decoding import pairwise_utility
from t2t_jax.decoding.minimum_bayes_risk import minimum_bayes_risk, weights_of
from t2t_jax.decoding.pairwise_utility import utilities
from t2t_jax.errors import UsageError

METRICS = {
  'chrf': CHRF(),
  'chrf++': CHRF(word_order=2),
  'bleu': BLEU(effective_order=True),
}

ODD = [
  '',
  ' ',
  'a',
  'a a a a b',
  'b a a a a',
  'the cat sat',
  'the cat sat .',
  'the cat, (sat)!',
  '(the "cat" sat) on-the mat...',
  '?',
  '!! ?!',
  'the the the the the the',
  'Zo\u00eb \U0001f415 \u72ac\u3000\u732b\u2028\x85 \x00',
  'Tom &amp; Jerry cost $3.50',
  'the cat sat on the mat',
  'the cat sat on the mat  ',
]


def sentences(count, seed=0):
  rng = np.random.default_rng(seed)
  words = ['the', 'cat', 'sat', 'on', 'a', 'mat', ',', 'slept', '(red)', '.']
  return [
    ' '.join(rng.choice(words, size=rng.integers(1, 12))) for _ in range(count)
  ]


def sacrebleu_HR(texts, utility):
  metric = METRICS[utility]
  return np.array(
    [[metric.sentence_score(h, [r]).score for r in texts] for h in texts]
  )


@pytest.mark.parametrize('utility', METRICS)
def test_utilities_are_sacrebleus(utility, monkeypatch):
  texts = [*ODD, *sentences(25)]
  expected_HR = sacrebleu_HR(texts, utility)
  assert len(np.unique(expected_HR.round(6))) > 200
  np.testing.assert_allclose(utilities(texts, utility), expected_HR, atol=1e-9)
  # However few columns are in memory at a time.
  monkeypatch.setattr(pairwise_utility, '_COLUMNS', 7)
  np.testing.assert_allclose(utilities(texts, utility), expected_HR, atol=1e-9)


def test_the_tokenisation_is_bleus_own():
  texts = ['ein Hund.', 'ein Hund .', 'ein Hund']
  metric = BLEU(effective_order=True, tokenize='none', force=True)
  expected_HR = [
    [metric.sentence_score(h, [r]).score for r in texts] for h in texts
  ]
  found_HR = utilities(texts, 'bleu', 'none')
  np.testing.assert_allclose(found_HR, expected_HR, atol=1e-9)
  assert found_HR[0, 1] < utilities(texts, 'bleu')[0, 1] == pytest.approx(100)


@pytest.mark.parametrize('utility', METRICS)
@pytest.mark.parametrize('weighted', [False, True])
def test_the_choice_is_that_of_two_loops(utility, weighted):
  metric, rng = METRICS[utility], np.random.default_rng(5)
  chosen = set()
  for seed in range(4):
    texts = sentences(14, seed)
    texts[9], texts[12] = texts[3], texts[4]
    weights = rng.exponential(size=14) if weighted else np.ones(14)
    expected = [
      sum(
        weight * metric.sentence_score(h, [r]).score
        for r, weight in zip(texts, weights, strict=True)
      )
      / weights.sum()
      for h in texts
    ]
    choice = minimum_bayes_risk(
      texts, utility, weights=weights.tolist() if weighted else None
    )
    assert choice.index == int(np.argmax(np.round(expected, 9)))
    assert choice.expected_utility == pytest.approx(max(expected))
    chosen.add(choice.index)
  assert len(chosen) > 1


def test_one_candidate_is_chosen():
  choice = minimum_bayes_risk(['ein Hund'], weights=[0.3])
  assert (choice.index, choice.expected_utility) == (0, pytest.approx(100))
  # Nothing matches nothing, as sacreBLEU counts.
  assert minimum_bayes_risk(['']).expected_utility == 0
  assert minimum_bayes_risk(['', '', '']).index == 0


def test_of_equals_the_first_is_chosen():
  # As words, each is the other from behind.
  assert minimum_bayes_risk(['a b', 'b a'], 'bleu').index == 0
  assert minimum_bayes_risk(['x', 'b a', 'a b'], 'bleu').index == 1
  assert minimum_bayes_risk(['x', 'y', 'y', 'z'], 'chrf').index == 1


def test_a_text_that_comes_often_weighs_more():
  texts = ['the red cat', 'a dog', 'a dog', 'a cat']
  assert minimum_bayes_risk(texts).index == 1
  merged = minimum_bayes_risk(
    ['the red cat', 'a dog', 'a cat'], weights=[1, 2, 1]
  )
  assert merged.index == 1
  expected = minimum_bayes_risk(texts).expected_utility
  assert merged.expected_utility == pytest.approx(expected)
  assert minimum_bayes_risk(texts, weights=[1, 0, 0, 0]).index == 0


def test_weights_of_log_probabilities():
  np.testing.assert_allclose(
    weights_of(np.log([0.1, 0.3]).tolist()), [0.25, 0.75]
  )
  # Beyond what exp can hold.
  assert weights_of([-2000.0, -2000.0]) == [0.5, 0.5]


@pytest.mark.parametrize(
  'arguments, message',
  [
    ({'candidates': []}, 'candidates: expected at least one, found none'),
    (
      {'candidates': ['a', 'b'], 'weights': [1]},
      'weights: expected one for each of 2 candidates, found 1',
    ),
    (
      {'candidates': ['a', 'b'], 'weights': [1, -1]},
      r'weights: expected numbers from 0 up, not all 0, found \[1, -1\]',
    ),
    (
      {'candidates': ['a'], 'weights': [0]},
      r'weights: expected numbers from 0 up, not all 0, found \[0\]',
    ),
    (
      {'candidates': ['a'], 'utility': 'chrF'},
      r"utility: expected one of chrf, chrf\+\+, bleu, found 'chrF'. "
      "Did you mean 'chrf'",
    ),
    (
      {'candidates': ['a'], 'utility': 'bleu', 'tokenize': '13b'},
      "tokenize: expected one of .*, found '13b'. Did you mean '13a'",
    ),
  ],
)
def test_mistakes(arguments, message):
  with pytest.raises(UsageError, match=message):
    minimum_bayes_risk(**arguments)


def test_a_tokenisation_that_cannot_be_loaded(monkeypatch):
  def cannot(**options):
    raise RuntimeError('no MeCab here')

  cannot.TOKENIZERS = BLEU.TOKENIZERS
  monkeypatch.setattr(pairwise_utility, 'BLEU', cannot)
  message = "tokenize: sacreBLEU cannot load 'ja-mecab': no MeCab here"
  with pytest.raises(UsageError, match=message):
    minimum_bayes_risk(['a'], 'bleu', tokenize='ja-mecab')
