"""Rows that are dealt out, worked on by each device, and collected again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t2t_jax.config import MeshConfig
from t2t_jax.parallel.mesh import create_mesh, use_mesh
from t2t_jax.parallel.own_rows import collect, deal, num_parts, on_own_rows

ROWS = np.arange(24, dtype=np.int32).reshape(12, 2)


@pytest.fixture
def mesh():
  return create_mesh(MeshConfig(2, 1, 2), jax.devices()[:4])


def test_rows_are_dealt_out_one_by_one(mesh):
  dealt = deal({'rows': ROWS}, mesh)['rows']
  for shard in dealt.addressable_shards:
    device = shard.index[0].start
    np.testing.assert_array_equal(shard.data[0], ROWS[device::4])
  np.testing.assert_array_equal(collect(dealt), ROWS)
  np.testing.assert_array_equal(collect(deal(ROWS, None)), ROWS)
  assert num_parts(mesh) == 4
  assert num_parts(None) == 1


def test_each_device_loops_as_often_as_its_own_rows_need(mesh):
  def halved(limit, rows_RC):
    """Until all are at most `limit`; and how often that was."""
    return jax.lax.while_loop(
      lambda state: (state[0] > limit).any(),
      lambda state: (state[0] // 2, state[1] + 1),
      (rows_RC, jnp.int32(0)),
    )

  rows = np.int32([[1], [3], [8], [40], [0], [2], [7], [9]])
  with use_mesh(mesh):
    found, times_P = jax.jit(on_own_rows(halved, mesh))(2, deal(rows, mesh))
  assert collect(found).ravel().tolist() == [1, 1, 2, 2, 0, 1, 1, 0]
  assert times_P.tolist() == [0, 1, 2, 4]
  _, times_P = on_own_rows(halved, None)(2, deal(rows, None))
  assert times_P.tolist() == [4]
