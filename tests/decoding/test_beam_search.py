"""Beam search against brute force over all sequences."""

import jax
import numpy as np
import pytest
from toy_model import BOS_ID, EOS_ID, PAD_ID, ToyModel, trim
from toy_search import ALL_SEQUENCES, search


@pytest.mark.parametrize('alpha', [0.0, 0.6, 1.0])
@pytest.mark.parametrize('seed', [1, 2])
def test_wide_beam_is_brute_force(seed, alpha):
  toy = ToyModel(seed)
  max_lengths = [5, 3, 4]
  found = search(toy, max_lengths, ALL_SEQUENCES, alpha)
  for b, max_length in enumerate(max_lengths):
    expected = toy.brute_force(b, max_length, alpha)
    # Beyond the last sequence there are None: score -inf, all PAD.
    exist = found.scores_BN[b] > -np.inf
    assert exist.sum() == min(len(expected), ALL_SEQUENCES)
    for n in np.flatnonzero(exist):
      score, target = expected[n]
      np.testing.assert_allclose(found.scores_BN[b, n], score, rtol=1e-4)
      assert trim(found.ids_BNT[b, n]) == target
      np.testing.assert_allclose(
        found.log_probs_BN[b, n], toy.log_prob(b, target), rtol=1e-4
      )
    assert (found.ids_BNT[b, ~exist] == PAD_ID).all()


def classical_search(toy, b, max_length, beam_size, alpha, likely=0):
  """The same rules written with lists, to the longest length; with `likely`
  only until this many are finished that beat what lives, ended now."""
  live, finished = [(0.0, ())], []
  for length in range(1, max_length + 1):
    grown = [
      (log_prob + toy.next_log_probs_V(b, prefix)[token], (*prefix, token))
      for log_prob, prefix in live
      for token in range(toy.vocab_size)
      if token not in (PAD_ID, BOS_ID)
      and (token == EOS_ID or length < max_length)
    ]
    best = sorted(grown, reverse=True)[: 2 * beam_size]
    penalty = ((5 + length) / 6) ** alpha
    finished += [(p / penalty, ids) for p, ids in best if ids[-1] == EOS_ID]
    live = [(p, ids) for p, ids in best if ids[-1] != EOS_ID][:beam_size]
    next_penalty = ((5 + min(length + 1, max_length)) / 6) ** alpha
    beaten = [p for p, _ in finished if live and p >= live[0][0] / next_penalty]
    if likely and len(beaten) >= likely:
      break
  return sorted(finished, reverse=True)[:beam_size]


@pytest.mark.parametrize('beam_size', [2, 3, 4])
@pytest.mark.parametrize('alpha', [0.0, 0.6, 1.5])
def test_narrow_beam_is_the_classical_search(beam_size, alpha):
  toy = ToyModel(7, batch_size=6, vocab_size=9, max_length=10)
  # What may not be generated is often among the best.
  toy.c_V[[PAD_ID, BOS_ID, EOS_ID]] = 3, 3, 1
  max_lengths = [10, 9, 1, 7, 4, 10]
  found = search(toy, max_lengths, beam_size, alpha)
  for b, max_length in enumerate(max_lengths):
    expected = classical_search(toy, b, max_length, beam_size, alpha)
    for n, (score, target) in enumerate(expected):
      assert trim(found.ids_BNT[b, n]) == target
      np.testing.assert_allclose(found.scores_BN[b, n], score, rtol=1e-4)


@pytest.mark.parametrize('alpha', [0.6, 2.0])
@pytest.mark.parametrize('num_results', [1, 3])
def test_a_likely_end_is_that_of_the_classical_search(alpha, num_results):
  toy = ToyModel(3, batch_size=8, vocab_size=9, max_length=12)
  max_lengths = np.arange(5, 13)
  found = search(
    toy, max_lengths, 4, alpha, num_results=num_results, stopping='likely'
  )
  for b, max_length in enumerate(max_lengths):
    expected = classical_search(toy, b, max_length, 4, alpha, num_results)
    for n, (score, target) in enumerate(expected[:num_results]):
      assert trim(found.ids_BNT[b, n]) == target
      np.testing.assert_allclose(found.scores_BN[b, n], score, rtol=1e-4)


@pytest.mark.parametrize('alpha', [0.0, 0.6, 2.0])
@pytest.mark.parametrize('num_results', [1, 3])
def test_stopping_early_changes_no_result(alpha, num_results):
  toy = ToyModel(3, batch_size=8, vocab_size=9, max_length=12)
  max_lengths = np.arange(5, 13)
  full = search(toy, max_lengths, 4, alpha, stopping='never')
  early = search(toy, max_lengths, 4, alpha, num_results=num_results)
  for name in full._fields:
    np.testing.assert_array_equal(
      getattr(full, name)[:, :num_results], getattr(early, name)
    )


def steps_of(toy, max_lengths, **options):
  """How many steps a search took, counted by the cache itself."""
  steps = []

  def step(token_ids_BW, position, ancestors_BWT, cache):
    jax.debug.callback(lambda t: steps.append(int(t)), position)
    return toy.step(token_ids_BW, position, ancestors_BWT, cache)

  counted = ToyModel(3, batch_size=1, vocab_size=9, max_length=12)
  counted.step = step
  search(counted, max_lengths, 4, 0.6, **options)
  jax.effects_barrier()
  return len(steps)


def test_a_search_that_is_over_stops():
  toy = ToyModel(3, batch_size=1, vocab_size=9, max_length=12)
  assert steps_of(toy, [12], stopping='never') == 12
  exact = steps_of(toy, [12], num_results=1)
  assert exact < 12
  assert steps_of(toy, [12], num_results=1, stopping='likely') <= exact
  assert steps_of(toy, [4]) <= 4
  assert steps_of(toy, [0]) == 0


def test_ancestors_name_each_hypothesis_own_history():
  """The step sees, for each slot, a history that extends a former one."""
  toy = ToyModel(5, batch_size=2, vocab_size=9, max_length=8)
  seen = []

  def step(token_ids_BW, position, ancestors_BWT, cache):
    logits_BWV, cache = toy.step(token_ids_BW, position, ancestors_BWT, cache)
    jax.debug.callback(
      lambda *values: seen.append([np.asarray(v) for v in values]),
      position, ancestors_BWT, cache['tokens_BWT'], token_ids_BW, logits_BWV,
      ordered=True,
    )  # fmt: skip
    return logits_BWV, cache

  recorded = ToyModel(5, batch_size=2, vocab_size=9, max_length=8)
  recorded.step = step
  search(recorded, [8, 8], 4, 0.6, stopping='never')
  jax.effects_barrier()
  assert [int(position) for position, *_ in seen] == list(range(8))
  for b in range(2):
    live = [(0.0, ())]
    for position, ancestors, tokens, newest, logits in seen:
      histories = [
        tuple(
          int(tokens[b, ancestors[b, w, u], u]) for u in range(position + 1)
        )
        for w in range(4)
      ]
      # The live prefixes, from float64 probabilities and lists alone.
      for w, (_, prefix) in enumerate(live):
        assert histories[w] == (BOS_ID, *prefix)
        assert ancestors[b, w, position] == w
        assert newest[b, w] == histories[w][-1]
        shifted = logits[b, w] - logits[b, w].max()
        np.testing.assert_allclose(
          shifted - np.log(np.exp(shifted).sum()),
          toy.next_log_probs_V(b, prefix),
          atol=1e-4,
        )
      grown = [
        (log_prob + toy.next_log_probs_V(b, prefix)[token], (*prefix, token))
        for log_prob, prefix in live
        for token in range(EOS_ID + 1, 9)
      ]
      live = sorted(grown, reverse=True)[:4]


def test_a_sentence_alone_is_the_sentence_in_a_batch():
  toy = ToyModel(11, batch_size=5, vocab_size=9, max_length=9)
  max_lengths = [9, 3, 0, 7, 9]
  together = search(toy, max_lengths, 3, 0.6)
  for b, max_length in enumerate(max_lengths):
    alone = search(toy, [max_length], 3, 0.6, rows=[b])
    np.testing.assert_array_equal(together.ids_BNT[b], alone.ids_BNT[0])
    np.testing.assert_allclose(
      together.scores_BN[b], alone.scores_BN[0], rtol=1e-5
    )


def test_longest_lengths_end_with_eos_at_the_models_probability():
  toy = ToyModel(2, batch_size=3)
  # A model that would rather never end.
  toy.c_V[EOS_ID] = -8
  found = search(toy, [1, 2, 5], 4, 0.0)
  assert trim(found.ids_BNT[0, 0]) == (EOS_ID,)
  np.testing.assert_allclose(
    found.log_probs_BN[0, 0], toy.log_prob(0, (EOS_ID,)), rtol=1e-4
  )
  assert (found.scores_BN[0, 1:] == -np.inf).all()
  for b, longest in enumerate([1, 2, 5]):
    assert max(len(trim(ids)) for ids in found.ids_BNT[b]) <= longest


def test_filling_rows_give_nothing():
  found = search(ToyModel(1), [0, 4, 0], 2, 0.6)
  assert (found.ids_BNT[[0, 2]] == PAD_ID).all()
  assert (found.scores_BN[[0, 2]] == -np.inf).all()
  assert (found.scores_BN[1] > -np.inf).all()


@pytest.mark.parametrize('beam_size', [1, 4])
def test_pad_and_bos_are_never_generated(beam_size):
  toy = ToyModel(4, vocab_size=7)
  # Most of the probability lies on what may not be generated.
  toy.c_V[[PAD_ID, BOS_ID]] = 8
  found = search(toy, [5, 5, 5], beam_size, 0.6)
  for b in range(3):
    target = trim(found.ids_BNT[b, 0])
    assert not {PAD_ID, BOS_ID} & set(target)
    np.testing.assert_allclose(
      found.log_probs_BN[b, 0], toy.log_prob(b, target), rtol=1e-4
    )


@pytest.mark.parametrize('beam_size', [1, 4])
def test_a_vocabulary_whose_bos_is_eos_can_still_end(beam_size):
  toy = ToyModel(4, vocab_size=7)
  toy.E_VD[BOS_ID] = toy.E_VD[EOS_ID]
  usual = search(toy, [5, 5, 5], beam_size, 0.6)
  found = search(toy, [5, 5, 5], beam_size, 0.6, bos_id=EOS_ID)
  for b in range(3):
    # Id 1, which was BOS, is now a word like the others.
    target = trim(found.ids_BNT[b, 0])
    np.testing.assert_allclose(
      found.log_probs_BN[b, 0], toy.log_prob(b, target), rtol=1e-4
    )
    if BOS_ID not in target:
      assert target == trim(usual.ids_BNT[b, 0])
  assert min(len(trim(ids_NT[0])) for ids_NT in found.ids_BNT) < 5


def test_number_of_results_is_checked():
  with pytest.raises(ValueError, match='expected 1 to beam_size = 4, found 5'):
    search(ToyModel(1), [3, 3, 3], 4, 0.6, num_results=5)


def test_greedy_takes_the_best_token_each_time():
  toy = ToyModel(6, batch_size=8, vocab_size=9, max_length=12)
  max_lengths = [12, 1, 0, 5, 12, 12, 3, 8]
  found = search(toy, max_lengths, 1, 0.6)
  for b, max_length in enumerate(max_lengths):
    target = ()
    while len(target) < max_length and EOS_ID not in target:
      log_probs_V = toy.next_log_probs_V(b, target)
      log_probs_V[[PAD_ID, BOS_ID]] = -np.inf
      at_limit = len(target) + 1 == max_length
      target += (EOS_ID if at_limit else int(np.argmax(log_probs_V)),)
    assert trim(found.ids_BNT[b, 0]) == target
    if target:
      log_prob = toy.log_prob(b, target)
      np.testing.assert_allclose(found.log_probs_BN[b, 0], log_prob, rtol=1e-4)
      np.testing.assert_allclose(
        found.scores_BN[b, 0],
        log_prob / ((5 + len(target)) / 6) ** 0.6,
        rtol=1e-4,
      )
    else:
      assert found.scores_BN[b, 0] == -np.inf


@pytest.mark.parametrize('beam_size', [1, 3])
@pytest.mark.parametrize('cache_lengths', [(1,), (4,), (2, 3, 9)])
def test_a_growing_cache_changes_no_result(beam_size, cache_lengths):
  toy = ToyModel(9, batch_size=6, vocab_size=9, max_length=12)
  toy.c_V[EOS_ID] = -4  # results grow beyond each of the lengths
  max_lengths = [12, 12, 2, 4, 11, 12]
  whole = search(toy, max_lengths, beam_size, 2.0)
  grown = search(toy, max_lengths, beam_size, 2.0, cache_lengths=cache_lengths)
  assert max(len(trim(ids_NT[0])) for ids_NT in whole.ids_BNT) > 9
  np.testing.assert_array_equal(whole.ids_BNT, grown.ids_BNT)
  np.testing.assert_allclose(whole.scores_BN, grown.scores_BN, rtol=1e-6)
