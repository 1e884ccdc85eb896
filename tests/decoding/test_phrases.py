"""Lexical constraints against brute force and plain substring search."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from toy_model import EOS_ID, PAD_ID, ToyModel, trim
from toy_search import ALL_SEQUENCES, search

from t2t_jax.decoding.search.phrases import (
  advance,
  make_phrases,
  needed,
  start_progress_BWC,
  wanted_BXC,
)
from t2t_jax.decoding.search.rules import Rules


def contains(target, phrase):
  return any(
    target[i : i + len(phrase)] == phrase
    for i in range(len(target) - len(phrase) + 1)
  )


PHRASES = [[(3, 3, 4), (4, 3)], [(5, 3, 5, 3, 4)], [(3,), (3, 5), (5, 5)]]


def test_progress_is_the_longest_matching_end():
  phrases = make_phrases(PHRASES, 3, 5)
  for ids in itertools.product((3, 4, 5), repeat=6):
    progress_BXC = start_progress_BWC(phrases, 1)
    for t, token in enumerate(ids):
      progress_BXC = np.asarray(
        advance(phrases, progress_BXC, jnp.full((3, 1), token))
      )
      seen = ids[: t + 1]
      for b, c in [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (2, 2)]:
        phrase = PHRASES[b][c]
        expected = (
          len(phrase)
          if contains(seen, phrase)
          else max(
            n for n in range(len(phrase)) if n == 0 or seen[-n:] == phrase[:n]
          )
        )
        assert progress_BXC[b, 0, c] == expected
    if ids[:2] != (3, 3):
      break  # one start does: 81 sequences


def test_the_furthest_phrase_goes_on():
  phrases = make_phrases(PHRASES, 3, 5)
  progress_BXC = jnp.asarray([[[2, 0, 0]], [[1, 0, 0]], [[1, 1, 0]]])
  assert needed(phrases, progress_BXC).tolist() == [[3], [4], [3]]
  wanted = wanted_BXC(phrases, progress_BXC).tolist()
  assert wanted == [[[4, 4, -1]], [[3, -1, -1]], [[-1, 5, 5]]]


@pytest.mark.parametrize('alpha', [0.0, 0.6])
def test_wide_beam_is_brute_force(alpha):
  toy = ToyModel(1)
  wanted = [[(3, 4)], [(5,), (4, 4)], []]
  found = search(
    toy, [5, 5, 5], ALL_SEQUENCES, alpha, phrases=make_phrases(wanted, 2, 2)
  )
  for b in range(3):
    expected = [
      (score, target)
      for score, target in toy.brute_force(b, 5, alpha)
      if all(contains(target, phrase) for phrase in wanted[b])
    ]
    exist = found.scores_BN[b] > -np.inf
    assert exist.sum() == min(len(expected), ALL_SEQUENCES)
    for n in np.flatnonzero(exist):
      score, target = expected[n]
      assert trim(found.ids_BNT[b, n]) == target
      np.testing.assert_allclose(found.scores_BN[b, n], score, rtol=1e-4)


def random_phrases(rng, rows):
  return [
    [
      tuple(rng.integers(3, 9, size=rng.integers(1, 4)).tolist())
      for _ in range(rng.integers(0, 4))
    ]
    for _ in range(rows)
  ]


@pytest.mark.parametrize('beam_size', [1, 2, 5])
@pytest.mark.parametrize('room', [0, 3])
def test_phrases_always_appear(beam_size, room):
  rng = np.random.default_rng(beam_size)
  wanted = random_phrases(rng, 12)
  toy = ToyModel(8, batch_size=12, vocab_size=9, max_length=16)
  max_lengths = [sum(map(len, w)) + 1 + room for w in wanted]
  found = search(
    toy, max_lengths, beam_size, 0.6, phrases=make_phrases(wanted, 4, 4)
  )
  for b in range(12):
    best = trim(found.ids_BNT[b, 0])
    assert best[-1] == EOS_ID
    assert len(best) <= max_lengths[b]
    for n in np.flatnonzero(found.scores_BN[b] > -np.inf):
      target = trim(found.ids_BNT[b, n])
      assert all(contains(target, phrase) for phrase in wanted[b])
      np.testing.assert_allclose(
        found.log_probs_BN[b, n], toy.log_prob(b, target), rtol=1e-4
      )
    assert len({trim(ids) for ids in found.ids_BNT[b]} - {()}) == np.sum(
      found.scores_BN[b] > -np.inf
    )


def test_no_phrases_is_a_search_that_is_at_least_as_wide():
  toy = ToyModel(8, batch_size=6, vocab_size=9, max_length=12)
  plain = search(toy, [12] * 6, 4, 0.6)
  found = search(toy, [12] * 6, 4, 0.6, phrases=make_phrases([[]] * 6, 1, 1))
  np.testing.assert_array_equal(plain.ids_BNT[:, 0], found.ids_BNT[:, 0])


def test_phrases_with_a_prefix_and_rules_they_break():
  toy = ToyModel(8, batch_size=2, vocab_size=9, max_length=12)
  wanted = [[(3, 3, 3)], [(4, 5), (5, 4)]]
  prefix = jnp.asarray([[7, 8], [6, PAD_ID]])
  found = search(
    toy, [6, 6], 2, 0.6,
    phrases=make_phrases(wanted, 2, 4),
    rules=Rules(no_repeat_ngram=1, prefix_ids_BP=prefix),
  )  # fmt: skip
  for b, start in enumerate([(7, 8), (6,)]):
    target = trim(found.ids_BNT[b, 0])
    assert target[: len(start)] == start
    assert all(contains(target, phrase) for phrase in wanted[b])
