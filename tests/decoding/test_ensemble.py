"""Ensembles against brute force over the mean of probabilities."""

import numpy as np
import pytest
from toy_model import BOS_ID, EOS_ID, PAD_ID, ToyModel, trim
from toy_search import search

from t2t_jax.decoding.search.ensemble import ensemble_step


class Ensemble:
  """Toy models as one, with the interface of one."""

  def __init__(self, toys):
    self.toys = toys
    self.max_length = toys[0].max_length
    self.vocab_size = toys[0].vocab_size
    self.step, self._empty = None, None

  def empty_cache(self, beam_size, length, rows):
    assert rows is None
    self.step, empty = ensemble_step(
      [
        (toy.step, lambda n, toy=toy: toy.empty_cache(beam_size, n))
        for toy in self.toys
      ]
    )
    return empty(length)

  def next_log_probs_V(self, b, prefix):
    return np.log(
      np.mean(
        [np.exp(toy.next_log_probs_V(b, prefix)) for toy in self.toys], axis=0
      )
    )

  log_prob = ToyModel.log_prob
  brute_force = ToyModel.brute_force


def ensemble_search(toys, beam_size, alpha):
  together = Ensemble(toys)
  together.empty_cache(beam_size, 1, None)  # makes the step
  return together, search(together, [5, 5, 5], beam_size, alpha)


@pytest.mark.parametrize('alpha', [0.0, 0.6])
def test_the_mean_of_probabilities_is_searched(alpha):
  toys = [ToyModel(1), ToyModel(2), ToyModel(3)]
  together, found = ensemble_search(toys, 81, alpha)
  for b in range(3):
    expected = together.brute_force(b, 5, alpha)[:81]
    for n, (score, target) in enumerate(expected):
      assert trim(found.ids_BNT[b, n]) == target
      np.testing.assert_allclose(found.scores_BN[b, n], score, rtol=1e-4)
  alone = search(toys[0], [5, 5, 5], 81, alpha)
  assert (alone.ids_BNT != found.ids_BNT).any()


@pytest.mark.parametrize('beam_size', [1, 4])
def test_a_model_with_itself_changes_nothing(beam_size):
  toy = ToyModel(5, vocab_size=9, max_length=5)
  toy.c_V[[PAD_ID, BOS_ID, EOS_ID]] = 1, 1, -1
  alone = search(toy, [5, 5, 5], beam_size, 0.6)
  _, twice = ensemble_search([toy, toy], beam_size, 0.6)
  np.testing.assert_array_equal(alone.ids_BNT, twice.ids_BNT)
  np.testing.assert_allclose(alone.scores_BN, twice.scores_BN, rtol=1e-5)
