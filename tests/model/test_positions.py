"""Sinusoids against the formula and its meaning; relative rows by hand."""

import math

import numpy as np
import pytest

from t2t_jax.model.positions import relative_index, sinusoids


@pytest.mark.parametrize('d_model', [2, 8, 512])
def test_sinusoids_are_the_formula(d_model):
  table = sinusoids(300, d_model)
  assert table.shape == (300, d_model)
  assert table.dtype == np.float32
  for position in (0, 1, 7, 299):
    for i in range(0, d_model // 2, max(1, d_model // 16)):
      angle = position / 10000 ** (2 * i / d_model)
      even, odd = table[position, 2 * i], table[position, 2 * i + 1]
      assert even == pytest.approx(math.sin(angle), abs=1e-7)
      assert odd == pytest.approx(math.cos(angle), abs=1e-7)


def test_a_shift_of_positions_rotates_each_pair():
  """Section 3.5: PE(pos + k) is a linear function of PE(pos)."""
  d_model, shift = 16, 5
  table = sinusoids(100, d_model).astype(np.float64)
  for i in range(d_model // 2):
    angle = shift / 10000 ** (2 * i / d_model)
    rotation = np.array(
      [
        [math.cos(angle), math.sin(angle)],
        [-math.sin(angle), math.cos(angle)],
      ]
    )
    pairs = table[:, 2 * i : 2 * i + 2]
    np.testing.assert_allclose(
      pairs[shift:], pairs[:-shift] @ rotation.T, atol=1e-6
    )


def test_relative_index_clips_the_distance_on_both_sides():
  rows = relative_index(np.arange(5)[:, None], np.arange(5)[None], 2)
  np.testing.assert_array_equal(
    rows,
    [
      [2, 3, 4, 4, 4],
      [1, 2, 3, 4, 4],
      [0, 1, 2, 3, 4],
      [0, 0, 1, 2, 3],
      [0, 0, 0, 1, 2],
    ],
  )
