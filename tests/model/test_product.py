"""Products against float64 ones of operands rounded by hand."""

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
