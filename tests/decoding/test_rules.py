"""Rules against brute force over the sequences that obey them."""

import jax.numpy as jnp
import numpy as np
import pytest
from toy_model import EOS_ID, PAD_ID, ToyModel, trim
from toy_search import ALL_SEQUENCES, search

from t2t_jax.decoding.search.rules import Rules, repeated


def check_against_brute_force(toy, max_lengths, alpha, rules, obeys):
  found = search(toy, max_lengths, ALL_SEQUENCES, alpha, rules=rules)
  for b, max_length in enumerate(max_lengths):
    expected = [
      (score, target)
      for score, target in toy.brute_force(b, max_length, alpha)
      if obeys(b, target)
    ]
    exist = found.scores_BN[b] > -np.inf
    assert exist.sum() == min(len(expected), ALL_SEQUENCES)
    for n in np.flatnonzero(exist):
      score, target = expected[n]
      assert trim(found.ids_BNT[b, n]) == target
      np.testing.assert_allclose(found.scores_BN[b, n], score, rtol=1e-4)


@pytest.mark.parametrize('alpha', [0.0, 1.0])
@pytest.mark.parametrize('min_length', [1, 3])
def test_min_length(alpha, min_length):
  check_against_brute_force(
    ToyModel(1),
    [5, 4, 5],
    alpha,
    Rules(min_length=min_length),
    lambda b, target: len(target) - 1 >= min_length,
  )


def test_the_longest_length_comes_before_the_least():
  found = search(ToyModel(1), [2, 1, 5], 4, 0.6, rules=Rules(min_length=3))
  assert {len(trim(ids)) for ids in found.ids_BNT[0, :3]} == {2}
  assert trim(found.ids_BNT[1, 0]) == (EOS_ID,)


def ngrams(target, size):
  return [target[i : i + size] for i in range(len(target) - size + 1)]


@pytest.mark.parametrize('size', [1, 2, 3])
def test_no_repeated_ngram(size):
  toy = ToyModel(2)
  toy.c_V[3] = 2.5  # would like to say 3 again and again

  def obeys(b, target):
    found = ngrams(target[:-1], size)
    return len(set(found)) == len(found)

  assert not all(obeys(0, t) for _, t in toy.brute_force(0, 5, 0.6))
  check_against_brute_force(
    toy, [5, 5, 3], 0.6, Rules(no_repeat_ngram=size), obeys
  )


@pytest.mark.parametrize('size', [1, 2, 3, 5])
def test_repeated_is_what_a_list_says(size):
  rng = np.random.default_rng(0)
  history_BWT = rng.integers(3, 7, size=(4, 2, 12))
  history_BWT[..., 0] = 1
  for position in range(12):
    found_BWV = np.asarray(
      repeated(jnp.asarray(history_BWT), position, size, 7)
    )
    for b, w in np.ndindex(4, 2):
      past = tuple(history_BWT[b, w, 1 : position + 1].tolist())
      for token in range(3, 7):
        longer = ngrams((*past, token), size)
        twice = bool(longer) and longer[-1] in longer[:-1]
        assert found_BWV[b, w, token] == twice


PREFIXES = np.array([[3, 4, PAD_ID], [PAD_ID] * 3, [5, 5, 5]])


@pytest.mark.parametrize('alpha', [0.0, 0.6])
def test_prefix(alpha):
  prefixes = [tuple(p[p != PAD_ID].tolist()) for p in PREFIXES]
  check_against_brute_force(
    ToyModel(3),
    [5, 5, 5],
    alpha,
    Rules(prefix_ids_BP=jnp.asarray(PREFIXES)),
    lambda b, target: target[: len(prefixes[b])] == prefixes[b],
  )


def test_rules_together():
  prefixes = [(3, 4), (), (5, 5, 5)]

  def obeys(b, target):
    start = len(prefixes[b])
    # What repeats within the prefix is allowed; what comes later may not.
    return (
      target[:start] == prefixes[b]
      and len(target) - 1 >= 3
      and all(
        token not in target[:i]
        for i, token in enumerate(target[:-1])
        if i >= start
      )
    )

  check_against_brute_force(
    ToyModel(4),
    [5, 5, 5],
    0.6,
    Rules(3, 1, jnp.asarray(PREFIXES)),
    obeys,
  )


def test_greedy_obeys_rules():
  toy = ToyModel(6, batch_size=3, vocab_size=9, max_length=12)
  rules = Rules(6, 2, jnp.asarray(PREFIXES))
  found = search(toy, [12, 12, 12], 1, 0.6, rules=rules)
  for b, prefix in enumerate([(3, 4), (), (5, 5, 5)]):
    target = prefix
    while len(target) < 11:
      log_probs_V = toy.next_log_probs_V(b, target)
      log_probs_V[:EOS_ID] = -np.inf
      if len(target) < 6:
        log_probs_V[EOS_ID] = -np.inf
      for token in range(EOS_ID + 1, 9):
        if ngrams((*target, token), 2)[-1:] in [[g] for g in ngrams(target, 2)]:
          log_probs_V[token] = -np.inf
      target = (*target, int(np.argmax(log_probs_V)))
      if target[-1] == EOS_ID:
        break
    else:
      target = (*target, EOS_ID)
    assert trim(found.ids_BNT[b, 0]) == target
    np.testing.assert_allclose(
      found.log_probs_BN[b, 0], toy.log_prob(b, target), rtol=1e-4
    )
