"""Products against float64 ones of operands rounded by hand."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from t2t_jax.model.product import product

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 64)).astype(np.float32)
W = RNG.normal(size=(64, 7)).astype(np.float32)


def rounded(x):
  return x.astype(ml_dtypes.bfloat16).astype(np.float64)


@pytest.mark.parametrize('x_dtype', ['float32', 'bfloat16'])
@pytest.mark.parametrize('weights_dtype', ['float32', 'bfloat16'])
def test_operands_have_the_narrower_dtype_and_sums_do_not(
  x_dtype, weights_dtype
):
  found = product(
    'BD,DF->BF',
    jnp.asarray(X, x_dtype),
    jnp.asarray(W, weights_dtype),
    jnp.float32,
  )
  assert found.dtype == jnp.float32
  exact = x_dtype == weights_dtype == 'float32'
  operands = (X, W) if exact else (rounded(X), rounded(W))
  expected = operands[0].astype(np.float64) @ operands[1]
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
  if not exact:
    assert np.abs(found - X.astype(np.float64) @ W).max() > 1e-3


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_the_result_is_like_the_activations(dtype):
  for weights_dtype in ('float32', 'bfloat16'):
    x, w = jnp.asarray(X, dtype), jnp.asarray(W, weights_dtype)
    assert product('BD,DF->BF', x, w).dtype == dtype


@pytest.mark.parametrize(
  ('equation', 'x_shape', 'weights_shape'),
  [
    ('BTD,DF->BTF', (2, 3, 4), (4, 6)),
    ('BTF,FD->BTD', (2, 3, 6), (6, 4)),
    ('BTD,DHK->BTHK', (2, 3, 4), (4, 2, 5)),
    ('BTHU,HUD->BTD', (2, 3, 2, 5), (2, 5, 4)),
    ('...D,VD->...V', (2, 3, 4), (9, 4)),
  ],
)
def test_gradients_are_those_of_the_sum(equation, x_shape, weights_shape):
  rng = np.random.default_rng(0)
  x, weights = rng.normal(size=x_shape), rng.normal(size=weights_shape)
  dy = rng.normal(size=np.einsum(equation, x, weights).shape)

  _, pull = jax.vjp(
    lambda x, weights: product(equation, x, weights),
    *(jnp.asarray(a, jnp.float32) for a in (x, weights)),
  )
  dx, dweights = pull(jnp.asarray(dy, jnp.float32))

  def slope(i, index):
    """d sum(y dy) / d entry: y is linear in each factor."""
    unit = [np.zeros_like(x), np.zeros_like(weights)]
    unit[i][index] = 1
    factors = (unit[0], weights) if i == 0 else (x, unit[1])
    return (np.einsum(equation, *factors) * dy).sum()

  for i, found in enumerate((dx, dweights)):
    for index in np.ndindex(found.shape):
      assert found[index] == pytest.approx(slope(i, index), abs=1e-5)


def test_gradients_of_weights_are_not_rounded_to_the_activations():
  x = jnp.asarray(RNG.normal(size=(300, 8)), jnp.bfloat16)
  dy = jnp.asarray(RNG.normal(size=(300, 4)), jnp.bfloat16)
  weights = jnp.zeros((8, 4), jnp.float32)

  _, pull = jax.vjp(lambda w: product('BD,DF->BF', x, w), weights)

  expected = np.asarray(x, np.float64).T @ np.asarray(dy, np.float64)
  np.testing.assert_allclose(pull(dy)[0], expected, rtol=1e-5, atol=1e-4)
