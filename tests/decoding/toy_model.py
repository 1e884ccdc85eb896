"""A little recurrent model whose search can be done by brute force.

Its next-token distribution depends on the sentence and on every token before,
so a search that mixes up histories or sentences cannot go unnoticed.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

PAD_ID, BOS_ID, EOS_ID = 0, 1, 2


class ToyModel:
  """h[t] = tanh(A h[t-1] + E[token t] + P[t]); logits = O h + c."""

  def __init__(self, seed, batch_size=3, vocab_size=6, max_length=5, width=8):
    rng = np.random.default_rng(seed)
    self.max_length = max_length
    self.vocab_size = vocab_size
    self.h0_BD = rng.normal(size=(batch_size, width))
    self.A_DD = rng.normal(size=(width, width)) / width**0.5
    self.E_VD = rng.normal(size=(vocab_size, width))
    self.P_TD = rng.normal(size=(max_length, width))
    self.O_DV = 1.5 * rng.normal(size=(width, vocab_size))
    self.c_V = np.zeros(vocab_size)

  def empty_cache(self, beam_size, length, rows=None):
    batch_size = len(self.h0_BD) if rows is None else len(rows)
    h0_BD = self.h0_BD if rows is None else self.h0_BD[rows]
    return {
      'tokens_BWT': -jnp.ones((batch_size, beam_size, length), jnp.int32),
      'h0_BD': jnp.asarray(h0_BD, jnp.float32),
    }

  def step(self, token_ids_BW, position, ancestors_BWT, cache):
    """The interface of `decode_step`; histories are read by ancestors."""
    tokens_BWT = cache['tokens_BWT'].at[:, :, position].set(token_ids_BW)
    history_BWT = jnp.take_along_axis(tokens_BWT, ancestors_BWT, axis=1)
    h_BWD = jnp.broadcast_to(
      cache['h0_BD'][:, None], (*token_ids_BW.shape, self.h0_BD.shape[1])
    )
    A_DD, E_VD, P_TD, O_DV, c_V = (
      jnp.asarray(weights, jnp.float32)
      for weights in (self.A_DD, self.E_VD, self.P_TD, self.O_DV, self.c_V)
    )

    def grow(t, h_BWD):
      return jnp.tanh(h_BWD @ A_DD + E_VD[history_BWT[:, :, t]] + P_TD[t])

    h_BWD = jax.lax.fori_loop(0, position + 1, grow, h_BWD)
    logits_BWV = h_BWD @ O_DV + c_V
    return logits_BWV, {**cache, 'tokens_BWT': tokens_BWT}

  def next_log_probs_V(self, sentence, prefix):
    """float64 log-probabilities after BOS and `prefix`, by the formula."""
    h_D = self.h0_BD[sentence]
    for t, token in enumerate((BOS_ID, *prefix)):
      h_D = np.tanh(h_D @ self.A_DD + self.E_VD[token] + self.P_TD[t])
    logits_V = h_D @ self.O_DV + self.c_V
    return logits_V - np.log(np.exp(logits_V).sum())

  def log_prob(self, sentence, target):
    return sum(
      self.next_log_probs_V(sentence, target[:t])[token]
      for t, token in enumerate(target)
    )

  def brute_force(self, sentence, max_length, alpha):
    """All (score, target) of at most `max_length` tokens, best first."""
    words = [
      token
      for token in range(self.vocab_size)
      if token not in (PAD_ID, BOS_ID, EOS_ID)
    ]
    scored = []
    for length in range(1, max_length + 1):
      penalty = (5 + length) ** alpha / 6**alpha
      for middle in itertools.product(words, repeat=length - 1):
        target = (*middle, EOS_ID)
        scored.append((self.log_prob(sentence, target) / penalty, target))
    return sorted(scored, reverse=True)


def trim(ids_T):
  """The tokens of a row up to EOS; all behind it must be PAD."""
  ids = [int(token) for token in ids_T]
  if EOS_ID not in ids:
    assert set(ids) <= {PAD_ID}
    return ()
  end = ids.index(EOS_ID) + 1
  assert set(ids[end:]) <= {PAD_ID}
  return tuple(ids[:end])
