"""The grid of shapes that pairs are scored in."""

import pytest

from t2t_jax.decoding.scoring.pair_grid import PairGrid
from t2t_jax.decoding.shapes import FEW_ROWS


def test_lengths_grow_by_half_and_by_a_third():
  padded = [PairGrid(4096).padded_length(n) for n in range(1, 3000)]
  assert sorted(set(padded)) == [
    16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048,
    3072,
  ]  # fmt: skip
  for length, found in enumerate(padded, 1):
    assert length <= found
    assert length <= 16 or found <= 1.5 * length


def test_learned_positions_end_the_grid():
  grid = PairGrid(4096, longest=40)
  lengths = {grid.padded_length(n) for n in range(1, 41)}
  assert lengths == {16, 24, 32, 40}
  assert PairGrid(4096, longest=5).padded_length(3) == 5


@pytest.mark.parametrize('few', [False, True])
@pytest.mark.parametrize('devices', [1, 3, 8])
@pytest.mark.parametrize('batch_tokens', [1, 500, 4096])
def test_batches_hold_every_pair_once(batch_tokens, devices, few):
  lengths = [3, 100, 9, 8, 41, 9, 1, 12, 13, 900] * 40
  grid = PairGrid(batch_tokens, devices)
  seen = []
  for rows, length, indices in grid.batches(lengths, few):
    assert rows % devices == 0
    of_one = rows // devices
    assert of_one * length <= batch_tokens or of_one == 1
    assert not few or rows < FEW_ROWS + devices
    assert 1 <= len(indices) <= rows
    assert {grid.padded_length(lengths[i]) for i in indices} == {length}
    seen += indices
  assert sorted(seen) == list(range(len(lengths)))
