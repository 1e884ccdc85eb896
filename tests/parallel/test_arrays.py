"""Host arrays on a mesh."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t2t_jax.config import MeshConfig
from t2t_jax.data.batching import Batch
from t2t_jax.parallel import arrays
from t2t_jax.parallel.arrays import (
  place,
  place_batch,
  place_microbatches,
  split_rows,
)
from t2t_jax.parallel.mesh import batch_sharding, create_mesh, replicated

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


@pytest.mark.parametrize(('rows', 'microbatches'), [(8, 2), (7, 2), (1, 3)])
def test_microbatches_lie_as_the_split_says(rows, microbatches):
  mesh = create_mesh(MeshConfig(2, 2, 2), jax.devices()[:8])
  batch = Batch(ids(rows), ids(rows, 2))
  placed = place_microbatches(batch, microbatches, mesh, PAD_ID)
  for side, values in zip(placed, batch, strict=True):
    expected = split_rows(values, microbatches, 4, PAD_ID)
    np.testing.assert_array_equal(side, expected)
    assert side.sharding == batch_sharding(mesh, 1)


def test_a_host_reads_the_rows_of_its_devices(monkeypatch):
  mesh = create_mesh(MeshConfig(2, 2, 2), jax.devices()[:8])
  sharding = batch_sharding(mesh, 1)
  read = []

  class OfOneHost:
    """As if the second half of either copy were this host's."""

    def addressable_devices_indices_map(self, shape):
      found = sharding.devices_indices_map(shape)
      return {device: found[device] for device in mesh.devices[:, 1].flat}

  class Watched(Batch):
    def read(self, rows):
      read.extend(rows)
      return super().read(rows)

  def make(shape, sharding, part):
    indices = sharding.addressable_devices_indices_map(shape).values()
    return [(index, part(index)) for index in indices]

  monkeypatch.setattr(arrays, 'batch_sharding', lambda *_, **__: OfOneHost())
  monkeypatch.setattr(jax, 'make_array_from_callback', make)
  batch = Watched(ids(7), ids(7, 2))
  placed = place_microbatches(batch, 2, mesh, PAD_ID)
  # Rows 1 and 3 of either microbatch of four; the eighth row is padding.
  assert read == [1, 3, 5]
  for parts, values in zip(placed, batch, strict=True):
    expected = split_rows(values, 2, 4, PAD_ID)
    assert len(parts) == 4
    for index, part in parts:
      assert part.shape[1] == 1
      np.testing.assert_array_equal(part, expected[index])


def test_place_puts_a_tree_where_it_belongs():
  mesh = create_mesh(MeshConfig(8, 1, 1), jax.devices()[:8])
  tree = place({'a': np.ones(3), 'b': [np.zeros(2)]}, replicated(mesh))
  for leaf in jax.tree.leaves(tree):
    assert len(leaf.sharding.device_set) == 8
    assert leaf.is_fully_replicated
