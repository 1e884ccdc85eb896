"""Links of slices and hosts, counted by hand; GB/s of the data sheets."""

import pytest

from t2t_jax.parallel.collectives import Collective
from t2t_jax.parallel.links import bandwidth, crosses_hosts, seconds
from t2t_jax.parallel.topologies import parse


@pytest.mark.parametrize(
  ('name', 'places', 'links'),
  [
    # The end of a line has one link: 2 x 2 chips have two each.
    ('v5e:2x2', range(4), 2),
    ('v5e:8x8', range(64), 2),
    # A whole pod of v5e is closed in both dimensions.
    ('v5e:16x16', range(256), 4),
    # A row of it is a ring, half a row is not.
    ('v5e:16x16', range(16), 2),
    ('v5e:16x16', range(8), 1),
    # A column of rows of four: it shares the links with three others along
    # the rows, and has those along the columns for itself.
    ('v5e:16x16', range(0, 256, 4), 2 / 4 + 2),
    ('v5e:16x16', range(0, 256, 16), 2),
    ('v5p:2x2x1', range(4), 2),
    ('v5p:2x2x4', range(16), 3),
    # One whole cube is a torus.
    ('v5p:4x4x4', range(64), 6),
    ('v5p:4x8x8', range(256), 6),
    ('v5p:4x8x8', range(4), 2),
    ('v5p:4x8x8', range(32), 4),
  ],
)
def test_links_of_a_tpu(name, places, links):
  one = {'v5e': 50e9, 'v5p': 100e9}[name[:3]]
  topology = parse(name)
  assert bandwidth(topology, places) == links * one
  assert not crosses_hosts(topology, places)


@pytest.mark.parametrize(
  ('name', 'places', 'gigabytes'),
  [
    ('h200:2x8', range(8), 450),
    ('h200:2x8', range(8, 12), 450),
    # One GPU of each host has one share of the network.
    ('h200:2x8', (0, 8), 50),
    ('h200:8x8', range(3, 64, 8), 50),
    ('h200:2x8', (0, 4, 8, 12), 100),
    # Whole hosts have eight; 16 GPUs a host no more than their own links.
    ('h200:8x8', range(64), 400),
    ('h200:2x16', range(32), 450),
    ('a100:2x8', range(16), 200),
  ],
)
def test_links_of_gpus(name, places, gigabytes):
  topology = parse(name)
  assert bandwidth(topology, places) == gigabytes * 1e9
  size = topology.host_size
  assert crosses_hosts(topology, places) == (
    places[0] // size != places[-1] // size
  )


GIGA = 10**9


@pytest.mark.parametrize(
  ('name', 'sizes', 'collective', 'expected', 'between'),
  [
    # All of a row of four: each link is passed by 2 (n - 1) / n of the array.
    (
      'v5e:4x4',
      (4, 4, 1),
      Collective('all-reduce', ('fsdp',), 4, GIGA, 2),
      2 * 2 * 0.75 / 50,
      False,
    ),
    (
      'v5e:4x4',
      (4, 4, 1),
      Collective('all-gather', ('data', 'fsdp'), 16, GIGA, 1),
      15 / 16 / 100,
      False,
    ),
    (
      'h200:2x8',
      (2, 8, 1),
      Collective('all-reduce', ('data',), 2, GIGA, 1),
      1 / 50,
      True,
    ),
    (
      'h200:2x8',
      (2, 8, 1),
      Collective('reduce-scatter', ('fsdp',), 8, GIGA, 1),
      7 / 8 / 450,
      False,
    ),
    (
      'h200:2x8',
      (16, 1, 1),
      Collective('all-reduce', ('data',), 16, GIGA, 1),
      2 * 15 / 16 / 400,
      True,
    ),
    # What is permuted is sent once.
    (
      'h200:2x8',
      (16, 1, 1),
      Collective('collective-permute', ('data',), 2, GIGA, 3),
      3 / 450,
      False,
    ),
  ],
)
def test_times_by_hand(name, sizes, collective, expected, between):
  by_axis = dict(zip(('data', 'fsdp', 'tensor'), sizes, strict=True))
  found, crosses = seconds(collective, parse(name), by_axis)
  assert found == pytest.approx(expected)
  assert crosses == between
