"""The least time that an update can take, from a chip's data sheet.

Three clocks run at once: products, memory, network. An update takes at least
the slowest of them, and no more than the network's on top of the others', if
nothing else holds it up.
"""

import dataclasses
from collections.abc import Iterable, Mapping

import jax.numpy as jnp

from t2t_jax.config import Config, ModelConfig
from t2t_jax.model.flops import update_flops
from t2t_jax.parallel.collectives import Collective
from t2t_jax.parallel.topologies import Topology
from t2t_jax.training.memory import Memory, Shape

_WIRE = {
  # Of a ring of n: how often the array passes each link, times n / (n - 1).
  'all-reduce': 2.0,
  'reduce-scatter': 1.0,
  'all-gather': 1.0,
  'all-to-all': 1.0,
  'collective-permute': 1.0,
}


@dataclasses.dataclass(frozen=True)
class Times:
  """Seconds an update."""

  products: float
  memory: float
  network: float

  @property
  def least(self) -> float:
    """Where the network is hidden behind the rest."""
    return max(self.products, self.memory, self.network)

  @property
  def apart(self) -> float:
    """Where nothing of the network is."""
    return max(self.products, self.memory) + self.network


def estimate_times(
  config: Config,
  topology: Topology,
  sizes: Mapping[str, int],
  shape: Shape,
  rows_of_table: int,
  microbatches: int,
  memory: Memory,
  collectives: Iterable[Collective],
) -> Times:
  """Returns the clocks of an update of global batches of `shape`."""
  chip = topology.chip
  assert chip is not None
  flops = model_flops(config.model, rows_of_table, shape)
  # A state is read and written; what is kept of a microbatch is written and
  # read; parameters are read forward, backward, and for their gradient.
  traffic = 2 * (
    memory.parameters + memory.optimizer + memory.gradients
  ) + microbatches * (2 * memory.activations + 3 * memory.parameters)
  return Times(
    products=flops / topology.size / chip.peak_flops,
    memory=traffic / chip.memory_bandwidth,
    network=sum(_seconds(c, topology, sizes) for c in collectives),
  )


def model_flops(model: ModelConfig, vocab_size: int, shape: Shape) -> float:
  """Returns the products and sums of an update, padding included."""
  rows, source, target = shape
  return float(rows * update_flops(model, vocab_size, source, target))


def expected_collectives(
  config: Config,
  sizes: Mapping[str, int],
  shape: Shape,
  microbatches: int,
  elements: int,
  in_layers: int,
) -> list[Collective]:
  """Returns the large collectives that a mesh asks for, without compiling.

  Args:
    config: of the run.
    sizes: {mesh axis: size}.
    shape: of the global batch.
    microbatches: that it is cut into.
    elements: of the parameters, all together.
    in_layers: of those, the ones that are gathered for use; tables are not.
  """
  model = config.model
  item = jnp.dtype(model.compute_dtype).itemsize
  fsdp, tensor = sizes['fsdp'], sizes['tensor']
  rows = -(-shape[0] // (microbatches * sizes['data'] * fsdp))
  of_a_slice = in_layers * item // tensor
  # Around each sub-layer, forward and backward; a decoder's layer has three.
  activations = (
    item
    * rows
    * model.d_model
    * (
      2 * model.num_encoder_layers * shape[1]
      + 3 * model.num_decoder_layers * shape[2]
    )
  )
  found = [
    ('all-reduce', 'data', 4 * elements // (fsdp * tensor), 1),
    ('all-gather', 'fsdp', of_a_slice, 2 * microbatches),
    ('reduce-scatter', 'fsdp', of_a_slice, microbatches),
    ('all-reduce', 'tensor', activations, 2 * microbatches),
  ]
  return [
    Collective(kind, (axis,), sizes[axis], size, count)
    for kind, axis, size, count in found
    if sizes[axis] > 1
  ]


def _seconds(
  collective: Collective, topology: Topology, sizes: Mapping[str, int]
) -> float:
  n = collective.group_size
  stride, last = 1, collective.axes[-1]
  for axis in reversed(list(sizes)):
    if axis == last:
      break
    stride *= sizes[axis]
  wire = _WIRE[collective.kind] * collective.total_bytes * (n - 1) / n
  return wire / topology.bandwidth(n, stride)
