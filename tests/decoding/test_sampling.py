"""Samples against the exact probabilities of the toy model's sequences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_model import BOS_ID, EOS_ID, PAD_ID, ToyModel, trim
from toy_search import run

from t2t_jax.decoding.search.rules import Rules
from t2t_jax.decoding.search.single_path import likely, sample_search

SAMPLES = 4000


def sample(toy, max_lengths, num_samples, rows=None, **options):
  rows = range(len(max_lengths)) if rows is None else rows
  keys_B = jnp.stack([jax.random.fold_in(jax.random.key(1), b) for b in rows])
  return run(
    sample_search,
    toy,
    max_lengths,
    num_samples,
    list(rows),
    keys_B=keys_B,
    num_samples=num_samples,
    length_penalty_alpha=0.6,
    **{'temperature': 1.0, 'top_k': 0, 'top_p': 1.0, **options},
  )


def step_probabilities(toy, b, target, temperature, top_k, top_p):
  """The sampler's distribution over the next token, from its definition."""
  log_probs_V = toy.next_log_probs_V(b, target)
  log_probs_V[[PAD_ID, BOS_ID]] = -np.inf
  p_V = np.exp(log_probs_V / temperature)
  p_V /= p_V.sum()
  order = np.argsort(-p_V)[: top_k or None]
  p_V = np.where(np.isin(np.arange(len(p_V)), order), p_V, 0)
  p_V /= p_V.sum()
  nucleus = []
  for token in order:
    nucleus.append(token)
    if p_V[nucleus].sum() >= top_p:
      break
  p_V = np.where(np.isin(np.arange(len(p_V)), nucleus), p_V, 0)
  return p_V / p_V.sum()


def sequence_probability(toy, b, target, max_length, *settings):
  probability = 1.0
  for t, token in enumerate(target):
    if t + 1 < max_length:  # the last one must be EOS
      probability *= step_probabilities(toy, b, target[:t], *settings)[token]
  return probability


@pytest.mark.parametrize(
  'settings', [(1.0, 0, 1.0), (0.5, 0, 1.0), (2.0, 2, 1.0), (1.0, 0, 0.7)]
)
def test_frequencies_are_the_probabilities(settings):
  toy = ToyModel(4, batch_size=2, max_length=3)
  temperature, top_k, top_p = settings
  found = sample(
    toy, [3, 3], SAMPLES, temperature=temperature, top_k=top_k, top_p=top_p
  )
  for b in range(2):
    expected = {
      target: sequence_probability(toy, b, target, 3, *settings)
      for _, target in toy.brute_force(b, 3, 0.0)
    }
    assert sum(expected.values()) == pytest.approx(1)
    targets = [trim(ids) for ids in found.ids_BNT[b]]
    for target, probability in expected.items():
      deviation = (probability * (1 - probability) / SAMPLES) ** 0.5
      share = targets.count(target) / SAMPLES
      assert abs(share - probability) <= 5 * deviation, target
    # Scores are the model's own, whatever the temperature.
    for n in range(20):
      np.testing.assert_allclose(
        found.log_probs_BN[b, n], toy.log_prob(b, targets[n]), rtol=1e-4
      )
      np.testing.assert_allclose(
        found.scores_BN[b, n],
        toy.log_prob(b, targets[n]) / ((5 + len(targets[n])) / 6) ** 0.6,
        rtol=1e-4,
      )


def test_samples_of_a_sentence_do_not_depend_on_the_batch():
  toy = ToyModel(4, batch_size=3, vocab_size=9, max_length=8)
  together = sample(toy, [8, 8, 8], 4)
  alone = sample(toy, [8], 4, rows=[1])
  np.testing.assert_array_equal(together.ids_BNT[1], alone.ids_BNT[0])
  assert (together.ids_BNT[0] != together.ids_BNT[2]).any()
  assert len({trim(ids) for ids in together.ids_BNT[0]}) > 1


def test_samples_obey_rules_and_fill_nothing():
  toy = ToyModel(4, batch_size=3, vocab_size=9, max_length=8)
  prefix = jnp.asarray([[3, 4], [PAD_ID, PAD_ID], [5, PAD_ID]])
  found = sample(toy, [8, 8, 0], 6, rules=Rules(4, 1, prefix))
  for n in range(6):
    targets = [trim(ids_NT[n]) for ids_NT in found.ids_BNT]
    assert targets[0][:2] == (3, 4)
    assert all(len(set(t)) == len(t) >= 5 for t in targets[:2])
    assert all(t[-1] == EOS_ID for t in targets[:2])
    assert targets[2] == ()
  assert (found.scores_BN[2] == -np.inf).all()


@pytest.mark.parametrize('top_k', [0, 1, 3, 50])
@pytest.mark.parametrize('top_p', [1e-6, 0.5, 0.9, 1.0])
def test_likely_is_the_definition(top_k, top_p):
  rng = np.random.default_rng(0)
  logits_BV = rng.normal(size=(20, 11)).astype(np.float32)
  found_BV = np.asarray(likely(jnp.asarray(logits_BV), top_k, top_p))
  for logits_V, found_V in zip(logits_BV, found_BV, strict=True):
    order = np.argsort(-logits_V)[: top_k or None]
    p = np.exp(logits_V[order]) / np.exp(logits_V[order]).sum()
    count = next(
      n for n in range(1, len(p) + 1) if p[:n].sum() >= top_p or n == len(p)
    )
    kept = np.flatnonzero(found_V > -np.inf)
    assert set(kept) == set(order[:count])
    np.testing.assert_array_equal(found_V[kept], logits_V[kept])


@pytest.mark.parametrize('settings', [(0, 1.0), (2, 0.9)])
def test_a_temperature_near_0_is_greedy(settings):
  toy = ToyModel(5, batch_size=2)
  top_k, top_p = settings
  found = sample(toy, [4, 4], 3, temperature=1e-38, top_k=top_k, top_p=top_p)
  for b in range(2):
    greedy = ()
    while len(greedy) < 3 and EOS_ID not in greedy:
      log_probs_V = toy.next_log_probs_V(b, greedy)
      log_probs_V[[PAD_ID, BOS_ID]] = -np.inf
      greedy += (int(log_probs_V.argmax()),)
    for ids_T in found.ids_BNT[b]:
      assert trim(ids_T)[:3] == greedy
