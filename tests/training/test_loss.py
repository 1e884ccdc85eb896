"""The chunked loss against the formula in float64, and against optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from t2t_jax.training import loss as loss_module
from t2t_jax.training.loss import loss_sums

BATCH, LENGTH, WIDTH, VOCAB = 3, 7, 5, 11


def random_problem(seed=0, rows=VOCAB, length=LENGTH):
  """Returns hidden states, weights, bias, targets and a ragged mask."""
  rng = np.random.default_rng(seed)
  h_BTD = rng.normal(size=(BATCH, length, WIDTH))
  w_VD = rng.normal(size=(rows, WIDTH))
  b_V = rng.normal(size=rows)
  y_BT = rng.integers(0, VOCAB, size=(BATCH, length))
  lengths_B = rng.integers(1, length + 1, size=BATCH)
  return h_BTD, w_VD, b_V, y_BT, np.arange(length) < lengths_B[:, None]


def formula(h_BTD, w_VD, b_V, y_BT, m_BT, smoothing):
  """SPEC.md section 2: sum of q log p with q = (1 - e) truth + e / V, its
  gradients by (p - q), and the sum of the unsmoothed log-likelihoods."""
  z_BTV = h_BTD @ w_VD[:VOCAB].T + (0 if b_V is None else b_V[:VOCAB])
  log_p_BTV = z_BTV - z_BTV.max(-1, keepdims=True)
  log_p_BTV -= np.log(np.exp(log_p_BTV).sum(-1, keepdims=True))
  truth_BTV = np.eye(VOCAB)[y_BT]
  q_BTV = (1 - smoothing) * truth_BTV + smoothing / VOCAB
  m_BT1 = m_BT[..., None]
  loss = -(m_BT1 * q_BTV * log_p_BTV).sum()
  nll = -(m_BT1 * truth_BTV * log_p_BTV).sum()
  dz_BTV = m_BT1 * (np.exp(log_p_BTV) - q_BTV)
  dw_VD = np.zeros(w_VD.shape)
  dw_VD[:VOCAB] = np.einsum('BTV,BTD->VD', dz_BTV, h_BTD)
  db_V = np.zeros(len(w_VD))
  db_V[:VOCAB] = dz_BTV.sum((0, 1))
  return loss, nll, (dz_BTV @ w_VD[:VOCAB], dw_VD, db_V)


def ours(h_BTD, w_VD, b_V, y_BT, m_BT, smoothing, chunk, dtype=jnp.float32):
  """Returns the sums and the gradients for the first three arguments."""

  def loss(h_BTD, w_VD, b_V):
    sums = loss_sums(
      h_BTD,
      w_VD,
      b_V,
      jnp.asarray(y_BT, jnp.int32),
      jnp.asarray(m_BT),
      vocab_size=VOCAB,
      label_smoothing=smoothing,
      chunk=chunk,
    )
    return sums.loss, sums

  arguments = [jnp.asarray(h_BTD, dtype), jnp.asarray(w_VD, jnp.float32)]
  arguments.append(None if b_V is None else jnp.asarray(b_V, jnp.float32))
  numbers = (0, 1) if b_V is None else (0, 1, 2)
  run = jax.jit(jax.value_and_grad(loss, argnums=numbers, has_aux=True))
  (_, sums), gradients = run(*arguments)
  return sums, gradients


def compare(sums, gradients, expected, tolerance):
  loss, nll, expected_gradients = expected
  np.testing.assert_allclose(sums.loss, loss, rtol=tolerance)
  np.testing.assert_allclose(sums.nll, nll, rtol=tolerance)
  for one, other in zip(gradients, expected_gradients, strict=False):
    np.testing.assert_allclose(one, other, rtol=0, atol=20 * tolerance)


@pytest.mark.parametrize('smoothing', [0.0, 0.1, 0.2])
@pytest.mark.parametrize('chunk', [1, 8, 1000])
def test_value_and_gradients_are_the_formula(smoothing, chunk):
  # chunk 8 over 3 rows: blocks of 2 positions, of which 7 is no multiple.
  problem = random_problem()
  sums, gradients = ours(*problem, smoothing, chunk)
  compare(sums, gradients, formula(*problem, smoothing), 1e-6)
  assert sums.tokens == problem[-1].sum()
  assert [g.dtype for g in gradients] == [jnp.float32] * 3


def test_without_a_bias():
  h_BTD, w_VD, _, y_BT, m_BT = random_problem(1)
  sums, gradients = ours(h_BTD, w_VD, None, y_BT, m_BT, 0.1, 6)
  compare(sums, gradients, formula(h_BTD, w_VD, None, y_BT, m_BT, 0.1), 1e-6)


def test_padding_rows_of_the_table_take_no_part():
  problem = random_problem(2, rows=16)
  sums, gradients = ours(*problem, 0.1, 6)
  compare(sums, gradients, formula(*problem, 0.1), 1e-6)
  np.testing.assert_array_equal(gradients[1][VOCAB:], 0)
  np.testing.assert_array_equal(gradients[2][VOCAB:], 0)


@pytest.mark.parametrize('smoothing', [0.0, 0.1])
def test_is_what_optax_computes_from_all_logits(smoothing):
  h_BTD, w_VD, b_V, y_BT, m_BT = random_problem(3)
  sums, _ = ours(h_BTD, w_VD, b_V, y_BT, m_BT, smoothing, 4)
  z_BTV = jnp.asarray(h_BTD @ w_VD.T + b_V, jnp.float32)
  q_BTV = optax.smooth_labels(jax.nn.one_hot(y_BT, VOCAB), smoothing)
  loss_BT = optax.softmax_cross_entropy(z_BTV, q_BTV)
  np.testing.assert_allclose(sums.loss, (loss_BT * m_BT).sum(), rtol=1e-6)


def test_masked_positions_count_nowhere():
  h_BTD, w_VD, b_V, y_BT, m_BT = random_problem(4)
  sums, gradients = ours(h_BTD, w_VD, b_V, y_BT, m_BT, 0.1, 4)
  other_h_BTD = np.where(m_BT[..., None], h_BTD, 50.0)
  other = ours(other_h_BTD, w_VD, b_V, np.where(m_BT, y_BT, 0), m_BT, 0.1, 4)
  np.testing.assert_array_equal(sums, other[0])
  np.testing.assert_array_equal(gradients[0], other[1][0])
  np.testing.assert_array_equal(gradients[0][~m_BT], 0)


def test_nothing_but_padding_is_zero_not_nan():
  h_BTD, w_VD, b_V, y_BT, m_BT = random_problem(5)
  sums, gradients = ours(h_BTD, w_VD, b_V, y_BT, m_BT & False, 0.1, 4)
  assert tuple(map(float, sums)) == (0, 0, 0)
  for gradient in gradients:
    np.testing.assert_array_equal(gradient, 0)


def test_large_logits_do_not_overflow():
  h_BTD, w_VD, b_V, y_BT, m_BT = random_problem(6)
  problem = 300 * h_BTD, w_VD, b_V, y_BT, m_BT
  sums, _ = ours(*problem, 0.1, 4)
  np.testing.assert_allclose(sums.loss, formula(*problem, 0.1)[0], rtol=1e-5)


def test_bfloat16_hidden_states():
  h_BTD, w_VD, b_V, y_BT, m_BT = random_problem(7)
  h_BTD = np.asarray(jnp.asarray(h_BTD, jnp.bfloat16), np.float64)
  problem = h_BTD, w_VD, b_V, y_BT, m_BT
  sums, gradients = ours(*problem, 0.1, 4, dtype=jnp.bfloat16)
  # The weights are rounded to 8 bits too; the sums are kept in float32.
  expected = formula(*problem, 0.1)
  np.testing.assert_allclose(sums.loss, expected[0], rtol=1e-2)
  assert gradients[0].dtype == jnp.bfloat16
  assert gradients[1].dtype == jnp.float32
  for one, other in zip(gradients, expected[2], strict=True):
    np.testing.assert_allclose(
      np.asarray(one, np.float64), other, rtol=0, atol=0.03
    )


def test_gradients_scale_with_what_comes_after():
  h_BTD, w_VD, _, y_BT, m_BT = random_problem(8)

  def loss(h_BTD, factor):
    sums = loss_sums(
      h_BTD,
      jnp.asarray(w_VD, jnp.float32),
      None,
      jnp.asarray(y_BT),
      jnp.asarray(m_BT),
      vocab_size=VOCAB,
      label_smoothing=0.1,
      chunk=4,
    )
    return factor * sums.loss + 100 * sums.nll

  h_BTD = jnp.asarray(h_BTD, jnp.float32)
  once, thrice = (jax.grad(loss)(h_BTD, factor) for factor in (1.0, 3.0))
  # nll is for looking at: it has no gradient.
  np.testing.assert_allclose(3 * once, thrice, rtol=1e-6)
  np.testing.assert_allclose(
    once,
    formula(np.asarray(h_BTD), w_VD, None, y_BT, m_BT, 0.1)[2][0],
    atol=2e-5,
  )


@pytest.mark.parametrize('passes', ['_in_one_pass', '_in_two_passes'])
def test_log_sum_exp_of_rows_with_padding(passes):
  """One pass is for GPUs; the numbers are the same."""
  z_V = np.random.default_rng(9).normal(0, 40, size=(2, 3, VOCAB + 5))
  padding_V = np.where(np.arange(VOCAB + 5) < VOCAB, 0, -1e30)
  lse, p = getattr(loss_module, passes)(
    jnp.asarray(z_V, jnp.float32), jnp.asarray(padding_V, jnp.float32)
  )
  expected = np.logaddexp.reduce(z_V[..., :VOCAB], axis=-1)
  np.testing.assert_allclose(lse, expected, rtol=1e-6)
  np.testing.assert_allclose(
    p[..., :VOCAB],
    np.exp(z_V[..., :VOCAB] - expected[..., None]),
    rtol=3e-5,
    atol=1e-6,
  )
  np.testing.assert_array_equal(p[..., VOCAB:], 0)
