"""What a training run costs: parameters, operations, hours on named chips.

Operations are those of the products of the model's equations (model/flops.py):
what the hardware computes, padding included, and what real tokens need of it.
XLA's own count of the program stands beside them.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

from t2t_jax.config import Config
from t2t_jax.data.batching import TrainBatches
from t2t_jax.data.token_files import TokenStore
from t2t_jax.model.flops import forward_flops
from t2t_jax.parallel.mesh import AXES, Sizes
from t2t_jax.parallel.platforms import on_platform
from t2t_jax.parallel.topologies import Topology
from t2t_jax.planning.parameters import parameters_by_part
from t2t_jax.planning.plan import best_first
from t2t_jax.planning.roofline import model_flops
from t2t_jax.planning.subject import Subject, from_lengths, from_text
from t2t_jax.training.compiled_step import lower_step
from t2t_jax.training.memory import Shape

_PAIRS = 1 << 20  # whose lengths are looked at together


@dataclasses.dataclass(frozen=True)
class UpdateCost:
  """The products of an update, on average over an epoch.

  Attributes:
    padded: {part of the model: operations of the forward pass}.
    real: the same of real tokens alone.
  """

  padded: dict[str, float]
  real: dict[str, float]

  @property
  def total(self) -> float:
    """Operations of an update: the backward pass takes twice the forward's."""
    return 3 * sum(self.padded.values())

  @property
  def real_share(self) -> float:
    return 3 * sum(self.real.values()) / self.total


@dataclasses.dataclass(frozen=True)
class Projection:
  """A whole run on chips that need not be there.

  Attributes:
    topology: the chips.
    sizes: the mesh that is best by formula.
    fits: into the chips' memory, by formula.
    least_hours: by the data sheet: products, memory and network.
    mfu_hours: at an assumed share of the chips' peak, or the least where that
      is more.
  """

  topology: Topology
  sizes: Sizes
  fits: bool
  least_hours: float
  mfu_hours: float


@dataclasses.dataclass(frozen=True)
class Cost:
  """Of one config.

  Attributes:
    name: as the user gave it.
    config: of the run.
    parameters: {part of the model: number}.
    update: of an average update.
    counted: (shape, operations of its update by formula, and as XLA counts
      them), None where that was not asked for.
    projections: on each of the chips asked for.
    mfu: that they assume.
  """

  name: str
  config: Config
  parameters: dict[str, int]
  update: UpdateCost
  counted: tuple[Shape, float, float] | None
  projections: tuple[Projection, ...]
  mfu: float

  @property
  def run_flops(self) -> float:
    """Operations of all updates, padding included."""
    return self.config.training.steps * self.update.total


@dataclasses.dataclass(frozen=True)
class Question:
  """What to tell of a config.

  Attributes:
    lengths: SxT in place of the text's; '': the text's.
    asks_compiler: whether XLA counts too.
    topologies: chips to project to.
    mfu: the share of their peak that is assumed.
  """

  lengths: str
  asks_compiler: bool
  topologies: tuple[Topology, ...]
  mfu: float


def cost_of(
  name: str, config: Config, question: Question, say: Callable[[str], None]
) -> Cost:
  """Returns what training `config` costs; prepares its text if need be.

  Raises:
    UsageError: a mistake in the config, the text or the lengths.
  """
  if question.lengths:
    subject = from_lengths(config, question.lengths)
    update = cost_of_lengths(subject)
  else:
    subject, prepared, batches = from_text(config, say)
    update = cost_of_text(subject, batches, prepared.train)
  counted = None
  if question.asks_compiler:
    shape = max(subject.shapes, key=lambda shape: formula(subject, shape))
    say(f'{name}: XLA counts an update of {shape}')
    counted = shape, formula(subject, shape), compiler_flops(subject, shape)
  run_flops = config.training.steps * update.total
  return Cost(
    name,
    config,
    parameters_by_part(config, subject.model),
    update,
    counted,
    tuple(
      project(subject, topology, run_flops, question.mfu)
      for topology in question.topologies
    ),
    question.mfu,
  )


def cost_of_lengths(subject: Subject) -> UpdateCost:
  """Returns the cost of updates of the subject's only shape, all real."""
  (shape,) = subject.shapes
  found = _of_rows(subject, *shape)
  return UpdateCost(found, found)


def cost_of_text(
  subject: Subject, batches: TrainBatches, train: TokenStore
) -> UpdateCost:
  """Returns the cost of the average update of the training pairs."""
  steps = batches.steps_per_epoch
  padded = _sum(
    {k: v * count / steps for k, v in _of_rows(subject, *shape).items()}
    for shape, count in zip(
      batches.shapes, batches.batches_per_epoch, strict=True
    )
  )
  real = _sum(
    {
      k: float(np.sum(v)) / steps
      for k, v in _of_rows(
        subject,
        1,
        train.source_lengths[start : start + _PAIRS].astype(np.float64),
        train.target_lengths[start : start + _PAIRS].astype(np.float64),
      ).items()
    }
    for start in range(0, len(train), _PAIRS)
  )
  return UpdateCost(padded, real)


def _of_rows(
  subject: Subject, rows: int, source: Any, target: Any
) -> dict[str, Any]:
  found = forward_flops(
    subject.config.model, subject.model.target_vocab_size, source, target
  )
  return {part: rows * flops for part, flops in found.items()}


def _sum(dicts: Iterable[dict[str, float]]) -> dict[str, float]:
  total: dict[str, float] = {}
  for each in dicts:
    total = {k: total.get(k, 0.0) + v for k, v in each.items()}
  return total


# --- the compiler -------------------------------------------------------------


def formula(subject: Subject, shape: Shape) -> float:
  """Returns the products of an update of `shape`."""
  return model_flops(
    subject.config.model, subject.model.target_vocab_size, shape
  )


def compiler_flops(subject: Subject, shape: Shape) -> float:
  """Returns the operations of an update of `shape`, as XLA counts them in the
  program before it is optimised.

  In one piece: XLA counts the body of a loop once, however often it turns.
  """
  config = subject.config
  whole = dataclasses.replace(
    config,
    model=dataclasses.replace(config.model, remat='none', scan_layers=False),
    training=dataclasses.replace(config.training, loss_chunk=2**30),
  )
  model = dataclasses.replace(subject.model, config=whole.model, parent=None)
  mesh = Mesh(
    np.array(jax.devices()[:1]).reshape(1, 1, 1),
    AXES,
    axis_types=(AxisType.Auto,) * 3,
  )
  lowered = lower_step(whole, model, subject.bos_id, mesh, shape, 1)
  return float(lowered.cost_analysis()['flops'])


# --- hours --------------------------------------------------------------------


def project(
  subject: Subject, topology: Topology, run_flops: float, mfu: float
) -> Projection:
  """Returns the hours of a run of so many operations on `topology`.

  Args:
    subject: of the run.
    topology: chips that stand in the table of data sheets.
    run_flops: operations of all updates, padding included.
    mfu: the share of the peak that is assumed.
  """
  chip = topology.chip
  assert chip is not None
  config = on_platform(subject.config, topology.platform)
  subject = dataclasses.replace(subject, config=config)
  best = best_first(subject, topology, chip.memory)[0]
  assert best.times is not None
  updates = run_flops / formula(subject, best.shape)
  least = updates * best.times.least / 3600
  at_peak = run_flops / (chip.peak_flops * topology.size) / 3600
  return Projection(
    topology, best.sizes, best.fits, least, max(least, at_peak / mfu)
  )
