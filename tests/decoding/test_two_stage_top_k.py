"""The two stages against one whole sort."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t2t_jax.decoding.search.two_stage_top_k import two_stage_top_k


@pytest.mark.parametrize('k', [1, 3, 10])
@pytest.mark.parametrize('length', [12, 240, 997, 1000, 4096])
@pytest.mark.parametrize('levels', [2, 5, 10**6])
def test_the_k_largest_first_of_equal_ones_first(length, k, levels):
  """Few levels: most entries equal many others, in and out of their block."""
  rng = np.random.default_rng(length + k)
  values = rng.integers(levels, size=(4, 3, length)).astype(np.float32)
  values[0, 0] = -np.inf
  values[0, 1, 5:] = -np.inf
  found, indices = two_stage_top_k(jnp.asarray(values), k)
  expected = np.argsort(-values, axis=-1, kind='stable')[..., :k]
  np.testing.assert_array_equal(indices, expected)
  np.testing.assert_array_equal(
    found, np.take_along_axis(values, expected, axis=-1)
  )


def test_long_rows_are_not_sorted_whole():
  lowered = jax.jit(lambda x: two_stage_top_k(x, 10)).lower(
    jax.ShapeDtypeStruct((2, 37_000), jnp.float32)
  )
  assert 'tensor<2x37000xf32> -> (tensor<2x10xf32>' not in lowered.as_text()
  assert 'tensor<2x740xf32> -> (tensor<2x10xf32>' in lowered.as_text()
