"""Host arrays on a mesh."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t2t_jax.config import MeshConfig
from t2t_jax.parallel.arrays import place, place_batch, split_rows
from t2t_jax.parallel.mesh import create_mesh, replicated

PAD_ID = 9


def ids(rows, length=3):
  return np.arange(rows * length, dtype=np.int32).reshape(rows, length) % 7


@pytest.mark.parametrize(
  ('rows', 'microbatches', 'shards', 'each'),
  [(8, 1, 1, 8), (8, 4, 2, 2), (8, 3, 1, 3), (5, 2, 8, 8), (1, 4, 1, 1)],
)
def test_split_rows(rows, microbatches, shards, each):
  split = split_rows(ids(rows), microbatches, shards, PAD_ID)
  assert split.shape == (microbatches, each, 3)
  assert split.dtype == np.int32
  assert each % shards == 0
  together = split.reshape(-1, 3)
  np.testing.assert_array_equal(together[:rows], ids(rows))
  assert (together[rows:] == PAD_ID).all()


def test_place_batch_gives_each_device_its_rows():
  mesh = create_mesh(MeshConfig(2, 2, 2), jax.devices()[:8])
  values = split_rows(ids(8), 2, 4, PAD_ID)
  placed = place_batch(values, mesh, batch_axis=1)
  np.testing.assert_array_equal(placed, values)
  assert placed.dtype == jnp.int32
  rows = {}
  for shard in placed.addressable_shards:
    np.testing.assert_array_equal(shard.data, values[shard.index])
    assert shard.data.shape == (2, 1, 3)
    rows.setdefault(shard.index[1].start, []).append(shard.device)
  # Each row on the two devices of the tensor axis.
  assert {row: len(devices) for row, devices in rows.items()} == dict.fromkeys(
    range(4), 2
  )


def test_place_puts_a_tree_where_it_belongs():
  mesh = create_mesh(MeshConfig(8, 1, 1), jax.devices()[:8])
  tree = place({'a': np.ones(3), 'b': [np.zeros(2)]}, replicated(mesh))
  for leaf in jax.tree.leaves(tree):
    assert len(leaf.sharding.device_set) == 8
    assert leaf.is_fully_replicated
