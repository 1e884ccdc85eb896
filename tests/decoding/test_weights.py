"""Parameters made ready for a search."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_translator import (
  DECODING,
  model_with,
  random_lines,
  random_params,
  translator_with,
)

from t2t_jax.decoding.search.weights import decoding_weights


def with_weights(dtype):
  return dataclasses.replace(DECODING, weights_dtype=dtype)


def test_float32_stays_what_it_is():
  model = model_with()
  params = random_params(model)
  found = decoding_weights(params, model.config, DECODING)
  for old, new in zip(
    jax.tree.leaves(params), jax.tree.leaves(found), strict=True
  ):
    assert new is old


def test_matrices_are_rounded_vectors_are_not():
  # Its biases of queries, keys and values have an axis for the heads.
  model = model_with(attention_bias=True)
  params = random_params(model)
  found = decoding_weights(params, model.config, with_weights('bfloat16'))
  sizes = set()
  for (path, old), new in zip(
    jax.tree.leaves_with_path(params), jax.tree.leaves(found), strict=True
  ):
    is_bias = path[-1].key.endswith('bias')
    sizes.add((old.ndim > 1 and not is_bias, jnp.dtype(new.dtype).name))
    np.testing.assert_allclose(new.astype(np.float32), old, rtol=2**-8)
  assert sizes == {(True, 'bfloat16'), (False, 'float32')}


def test_no_matrix_is_converted_inside_the_search():
  """A conversion there would be made anew for each token."""
  model = model_with(compute_dtype='bfloat16')
  translator = translator_with(model)
  matrices = [x for x in jax.tree.leaves(translator._params) if x.ndim > 1]
  assert {jnp.dtype(x.dtype).name for x in matrices} == {'bfloat16'}


@pytest.mark.parametrize('beam_size', [1, 3])
def test_rounded_weights_give_nearly_the_same_scores(beam_size):
  lines = random_lines(12)
  exact = translator_with(beam_size=beam_size).translate(lines)
  rounded = translator_with(
    beam_size=beam_size, weights_dtype='bfloat16'
  ).translate(lines)
  pairs = list(zip(exact, rounded, strict=True))
  same = [(a, b) for a, b in pairs if a.text == b.text]
  assert len(same) >= len(lines) // 2
  differences = [
    abs(a.hypotheses[0].score - b.hypotheses[0].score) for a, b in same
  ]
  assert 0 < max(differences) < 0.3
