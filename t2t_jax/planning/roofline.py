"""The least time that an update can take, from a chip's data sheet.

Four clocks: the kernels, which are products and traffic with memory; the links
inside a host or slice; the network between hosts. An update takes at least the
slowest of them, where all transfers are hidden behind the kernels, and the sum
of them where none is. What really happens lies between, if kernels and links
reach what they are taken to.
"""

import dataclasses
from collections.abc import Iterable, Mapping

import jax.numpy as jnp

from t2t_jax.config import Config, ModelConfig
from t2t_jax.model.flops import update_flops
from t2t_jax.parallel import links
from t2t_jax.parallel.collectives import Collective
from t2t_jax.parallel.topologies import Topology
from t2t_jax.training.memory import Memory, Shape


@dataclasses.dataclass(frozen=True)
class Times:
  """Seconds an update.

  Attributes:
    products: of the model's equations, at the peak, rows of padding included.
    memory: state and activations, by formula, at the memory's bandwidth.
    links: collectives inside a host or slice.
    network: collectives between hosts.
    kernels: those of the compiled program (kernel_time.py), products and
      traffic together; None: not known.
  """

  products: float
  memory: float
  links: float
  network: float
  kernels: float | None = None

  @property
  def computing(self) -> float:
    return max(self.products, self.kernels or self.memory)

  @property
  def sending(self) -> float:
    return self.links + self.network

  @property
  def least(self) -> float:
    """Where all that is sent is hidden behind the kernels."""
    return max(self.computing, self.links, self.network)

  @property
  def apart(self) -> float:
    """Where nothing is: one after the other, by formula products and memory
    too, which orders meshes as their compiled kernels do."""
    computing = self.computing if self.kernels else self.products + self.memory
    return computing + self.sending

  @property
  def limit(self) -> str:
    """What takes most of `apart`: products, kernels (what they take beyond
    their products: memory, vector units), links or network."""
    beyond = self.computing - self.products if self.kernels else self.memory
    parts = {
      'products': self.products,
      'kernels': beyond,
      'links': self.links,
      'network': self.network,
    }
    return max(parts, key=lambda name: parts[name])


def estimate_times(
  config: Config,
  topology: Topology,
  sizes: Mapping[str, int],
  shape: Shape,
  rows_of_table: int,
  microbatches: int,
  memory: Memory,
  collectives: Iterable[Collective],
  kernels: float | None = None,
) -> Times:
  """Returns the clocks of an update of global batches of `shape`."""
  chip = topology.chip
  assert chip is not None
  parts = microbatches * sizes['data'] * sizes['fsdp']
  padded = -(-shape[0] // parts) * parts, *shape[1:]
  flops = model_flops(config.model, rows_of_table, padded)
  # A state is read and written; what is kept of a microbatch is written and
  # read; parameters are read forward, backward, and for their gradient.
  traffic = 2 * (
    memory.parameters + memory.optimizer + memory.gradients
  ) + microbatches * (2 * memory.activations + 3 * memory.parameters)
  sent = {False: 0.0, True: 0.0}
  for collective in collectives:
    seconds, between_hosts = links.seconds(collective, topology, sizes)
    sent[between_hosts] += seconds
  return Times(
    products=flops / topology.size / chip.peak_flops,
    memory=traffic / chip.memory_bandwidth,
    links=sent[False],
    network=sent[True],
    kernels=kernels,
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
  of_a_slice = in_layers // tensor
  # Of a device's rows, one vector a position.
  vectors = rows * model.d_model
  source, target = vectors * shape[1], vectors * shape[2]
  # Around each sub-layer, forward and backward; a decoder's layer has three.
  sublayers = item * (
    2 * model.num_encoder_layers * source
    + 3 * model.num_decoder_layers * target
  )
  # The table is split by rows, so each device looks up all positions of its
  # group, and their vectors, float32, are added up; the softmax gathers what
  # the decoder made, and adds up its gradient.
  looked_up, decoded = 4 * (source + target), item * target
  found = [
    ('all-reduce', 'data', 4 * elements // (fsdp * tensor), 1),
    # Gathered in the type that computes, reduced in float32.
    ('all-gather', 'fsdp', item * of_a_slice, 2 * microbatches),
    ('reduce-scatter', 'fsdp', 4 * of_a_slice, microbatches),
    ('reduce-scatter', 'fsdp', fsdp * looked_up, microbatches),
    ('all-gather', 'fsdp', fsdp * looked_up, microbatches),
    ('all-gather', 'fsdp', fsdp * decoded, microbatches),
    ('all-reduce', 'fsdp', fsdp * decoded, microbatches),
    ('all-reduce', 'tensor', sublayers, 2 * microbatches),
    ('all-reduce', 'tensor', fsdp * (looked_up + decoded), microbatches),
  ]
  return [
    Collective(kind, (axis,), sizes[axis], size, count)
    for kind, axis, size, count in found
    if sizes[axis] > 1
  ]
