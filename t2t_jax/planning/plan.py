"""One mesh looked at: memory, collectives, time, with or without compiling."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.sharding import AxisType, Mesh

from t2t_jax.parallel.collectives import Collective, read_collectives
from t2t_jax.parallel.mesh import AXES, Sizes, fitting_sizes
from t2t_jax.parallel.topologies import Topology
from t2t_jax.planning.kernel_time import kernel_seconds
from t2t_jax.planning.roofline import (
  Times,
  estimate_times,
  expected_collectives,
  model_flops,
)
from t2t_jax.planning.subject import Subject
from t2t_jax.training.compiled_step import compile_to_fit, memory_of
from t2t_jax.training.memory import (
  Memory,
  Shape,
  abstract_state,
  estimate,
  split_elements,
)
from t2t_jax.training.microbatches import largest_shape, within_memory

_ONE = dict.fromkeys(AXES, 1)


@dataclasses.dataclass(frozen=True)
class Plan:
  """What an update needs on a mesh.

  Attributes:
    sizes: (data, fsdp, tensor).
    shape: of the global batch: the one that needs most memory.
    microbatches: that it is cut into.
    parameters: of the model, all together.
    memory: bytes on each device, by formula.
    limit: bytes that each device has.
    collectives: large ones; those of the compiled program, if there is one.
    times: by the chip's data sheet; None where the chip stands in no table.
    mfu: share of the peak in useful products, in the least time.
    compiled_memory: bytes on each device, by the compiler; None: not compiled.
    kernel_seconds: of the compiled program's kernels; None: not known.
  """

  sizes: Sizes
  shape: Shape
  microbatches: int
  parameters: int
  memory: Memory
  limit: int
  collectives: list[Collective]
  times: Times | None
  mfu: float | None
  compiled_memory: int | None = None
  kernel_seconds: float | None = None

  @property
  def fits(self) -> bool:
    return (self.compiled_memory or self.memory.total) <= self.limit

  @property
  def target_tokens(self) -> int:
    """Positions of the target side in an update, padding included."""
    return self.shape[0] * self.shape[2]


def plan(
  subject: Subject,
  topology: Topology,
  sizes: Sizes,
  limit: int,
  state: Any = None,
) -> Plan:
  """Returns the plan of a mesh by formula.

  Args:
    subject: what is planned for.
    topology: the devices.
    sizes: (data, fsdp, tensor).
    limit: bytes of a device.
    state: as `abstract_state` returns it; made if None.
  """
  config, by_axis = subject.config, dict(zip(AXES, sizes, strict=True))
  state = state or abstract_state(config, subject.model)
  parts = within_memory(config, state, by_axis, subject.shapes, limit)
  shape = largest_shape(config, state, by_axis, subject.shapes, parts)
  parameters = _elements(state.params)
  in_layers = sum(
    _elements(state.params[name])
    for name in ('encoder', 'decoder')
    if name in state.params
  )
  found = Plan(
    sizes=sizes,
    shape=shape,
    microbatches=parts,
    parameters=parameters,
    memory=estimate(config, state, by_axis, shape, parts),
    limit=limit,
    collectives=expected_collectives(
      config, by_axis, shape, parts, parameters, in_layers
    ),
    times=None,
    mfu=None,
  )
  return _timed(found, subject, topology)


def compiled(
  before: Plan, subject: Subject, topology: Topology, devices: Sequence[Any]
) -> tuple[Plan, str]:
  """Returns the plan by the compiler, and the program's HLO text.

  The microbatches are doubled until the compiler, too, says that they fit.
  """
  mesh = Mesh(
    np.array(devices).reshape(before.sizes),
    AXES,
    axis_types=(AxisType.Auto,) * 3,
  )
  program, parts = compile_to_fit(
    subject.config,
    subject.model,
    subject.bos_id,
    mesh,
    before.shape,
    before.microbatches,
    before.limit,
  )
  text, chip = program.as_text(), topology.chip
  after = dataclasses.replace(
    before,
    microbatches=parts,
    collectives=read_collectives(text, mesh.shape),
    compiled_memory=memory_of(program),
    kernel_seconds=kernel_seconds(text, chip) if chip else None,
  )
  return _timed(after, subject, topology), text


def best_first(subject: Subject, topology: Topology, limit: int) -> list[Plan]:
  """Returns a plan by formula of every mesh that fits, the fastest first.

  Those that do not fit into memory come last.
  """
  state = abstract_state(subject.config, subject.model)
  plans = [
    plan(subject, topology, sizes, limit, state)
    for sizes in fitting_sizes(topology.size, subject.config.model)
  ]
  return sorted(
    plans,
    key=lambda p: (
      not p.fits,
      p.times.apart if p.times else 0.0,
      p.memory.total,
    ),
  )


def _elements(tree: Any) -> int:
  return sum(n for n, _ in split_elements(tree, _ONE))


def _timed(found: Plan, subject: Subject, topology: Topology) -> Plan:
  if topology.chip is None:
    return found
  config, by_axis = subject.config, dict(zip(AXES, found.sizes, strict=True))
  rows_of_table = subject.model.target_vocab_size
  times = estimate_times(
    config,
    topology,
    by_axis,
    found.shape,
    rows_of_table,
    found.microbatches,
    found.memory,
    found.collectives,
    found.kernel_seconds,
  )
  flops = model_flops(config.model, rows_of_table, found.shape)
  peak = topology.chip.peak_flops * topology.size
  return dataclasses.replace(found, times=times, mfu=flops / peak / times.least)
