"""One step's candidates against the whole sorted table of them."""

import jax.numpy as jnp
import numpy as np
import pytest

from t2t_jax.decoding.search.beams import best_candidates

PAD_ID, BOS_ID, EOS_ID = 0, 3, 5


@pytest.mark.parametrize('beam_size', [2, 4])
@pytest.mark.parametrize('vocab_size', [7, 100])
def test_candidates_are_the_best_of_the_whole_table(beam_size, vocab_size):
  rng = np.random.default_rng(0)
  logits_BWV = rng.normal(size=(64, beam_size, vocab_size)).astype(np.float32)
  logits_BWV[..., [PAD_ID, BOS_ID, EOS_ID]] += 2
  live_BW = -rng.exponential(size=(64, beam_size)).astype(np.float32)
  live_BW[::3, 1:] = -np.inf
  must_end_B = np.arange(64) % 4 == 0
  found = best_candidates(
    jnp.asarray(logits_BWV),
    jnp.asarray(logits_BWV),
    jnp.asarray(live_BW),
    must_end_B=jnp.asarray(must_end_B),
    eos_id=EOS_ID,
    banned=(PAD_ID, BOS_ID),
  )
  total_BW1 = np.log(np.exp(logits_BWV).sum(-1, keepdims=True))
  table_BWV = live_BW[..., None] + logits_BWV - total_BW1
  table_BWV[..., [PAD_ID, BOS_ID]] = -np.inf
  others = np.arange(vocab_size) != EOS_ID
  table_BWV[np.ix_(must_end_B, np.arange(beam_size), others)] = -np.inf
  order_BC = np.argsort(-table_BWV.reshape(64, -1))[:, : 2 * beam_size]
  expected_BC = np.take_along_axis(table_BWV.reshape(64, -1), order_BC, 1)
  np.testing.assert_allclose(found.log_probs_BC, expected_BC, rtol=1e-5)
  exists_BC = expected_BC > -np.inf
  assert exists_BC.sum() > 64 * beam_size
  for name, expected in (
    ('ids_BC', order_BC % vocab_size),
    ('slots_BC', order_BC // vocab_size),
  ):
    np.testing.assert_array_equal(
      np.asarray(getattr(found, name))[exists_BC], expected[exists_BC]
    )
