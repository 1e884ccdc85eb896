"""How fast the devices of a group can send to each other.

TPU: each dimension of a slice gives a chip a link to either neighbour. Where
the dimension is closed to a ring a group uses both; where it is a line, its
ends have one, and the whole group waits for them. GPUs: a switch in a host;
between hosts each GPU has its own share of the network, and a group that has
several GPUs in a host uses the shares of all of them, as NCCL's rings do.
"""

import collections
from collections.abc import Mapping, Sequence

import numpy as np

from t2t_jax.parallel.collectives import Collective
from t2t_jax.parallel.topologies import Topology

_WIRE = {
  # Of a ring of n: how often the array passes each link, times n / (n - 1).
  'all-reduce': 2.0,
  'reduce-scatter': 1.0,
  'all-gather': 1.0,
  'all-to-all': 1.0,
}


def seconds(
  collective: Collective, topology: Topology, sizes: Mapping[str, int]
) -> tuple[float, bool]:
  """Returns the least time of a collective, all its runs, and whether it is
  the network's between hosts.

  Args:
    collective: of a program.
    topology: the devices.
    sizes: {mesh axis: size}, in order.
  """
  n = collective.group_size
  wire = float(collective.total_bytes)
  if collective.kind in _WIRE:
    wire *= _WIRE[collective.kind] * (n - 1) / n
  places = _first_group(collective, sizes)
  return wire / bandwidth(topology, places), crosses_hosts(topology, places)


def crosses_hosts(topology: Topology, places: Sequence[int]) -> bool:
  """Whether a group needs the network between hosts; never in a TPU slice.

  Args:
    topology: the devices.
    places: the numbers of the group's devices.
  """
  return len({place // topology.host_size for place in places}) > 1


def bandwidth(topology: Topology, places: Sequence[int]) -> float:
  """Returns the bytes a second, one way, that each device of a group has for
  a collective over it.

  Args:
    topology: the devices.
    places: the numbers of the group's devices.
  """
  chip = topology.chip
  assert chip is not None
  if chip.is_tpu:
    links = (
      _links(topology.grid, places) if topology.grid else 2 * chip.links_of
    )
    return chip.link_bandwidth * links / (2 * chip.links_of)
  if not crosses_hosts(topology, places):
    return chip.link_bandwidth
  hosts = collections.Counter(place // topology.host_size for place in places)
  return min(chip.link_bandwidth, min(hosts.values()) * chip.host_bandwidth)


def _first_group(collective: Collective, sizes: Mapping[str, int]) -> list[int]:
  places = np.arange(np.prod(list(sizes.values()))).reshape(*sizes.values())
  group = places[
    tuple(slice(None) if axis in collective.axes else 0 for axis in sizes)
  ]
  # A part of an axis is taken for neighbours.
  return group.ravel()[: collective.group_size].tolist()


def _links(grid: Sequence[int], places: Sequence[int]) -> float:
  """How many links' worth of bandwidth a chip has; along a dimension where a
  group takes every second chip, two groups share the links."""
  links = 0.0
  for dimension, size in enumerate(grid):
    along = sorted({place % size for place in places})
    if len(along) > 1:
      step = (along[-1] - along[0]) // (len(along) - 1)
      whole = len(along) * step == size and _is_closed(grid, dimension)
      links += (2 if whole else 1) / step
    places = [place // size for place in places]
  return links


def _is_closed(grid: Sequence[int], dimension: int) -> bool:
  """A v4 or v5p slice of whole cubes of 4 x 4 x 4 is a torus; of v5e and v6e
  only the 16 chips of a pod's whole side are a ring."""
  if len(grid) == 3:
    return all(size % 4 == 0 for size in grid)
  return grid[dimension] == 16
