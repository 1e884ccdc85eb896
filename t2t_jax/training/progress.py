"""How far a run is: what a checkpoint holds beside arrays."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from t2t_jax.config import CheckpointConfig, EvaluationConfig
from t2t_jax.config_metrics import is_better


@dataclasses.dataclass
class Progress:
  """Attributes:
  step: updates done.
  train_seconds: time spent training, evaluations not counted.
  metrics_bytes: length of metrics.jsonl; what is behind it is cut on resume.
  evaluated_step: the newest evaluation.
  best_step, best_value: the best evaluation, by `best_metric`, decoded as
    `best_decoding` says; None: not told.
  evaluations_since_best: for early stopping.
  scheduled_steps: the checkpoints that the cadence wrote, newest last.
  sums: figures of the updates that metrics.jsonl does not hold yet.
  """

  step: int = 0
  train_seconds: float = 0.0
  metrics_bytes: int = 0
  evaluated_step: int = 0
  best_step: int | None = None
  best_value: float | None = None
  evaluations_since_best: int = 0
  scheduled_steps: list[int] = dataclasses.field(default_factory=list)
  best_metric: str | None = None
  best_decoding: dict[str, Any] | None = None
  sums: dict[str, float] = dataclasses.field(default_factory=dict)

  def to_json(self) -> dict[str, Any]:
    return dataclasses.asdict(self)

  @classmethod
  def from_json(cls, values: dict[str, Any]) -> 'Progress':
    return cls(**values)

  def marks(self) -> tuple[int, int, tuple[int, ...]]:
    """What a checkpoint of it must have right; the rest follows from these."""
    return self.step, self.evaluated_step, tuple(self.scheduled_steps)

  def add_evaluation(
    self, value: float, metric: str, decoding: dict[str, Any]
  ) -> bool:
    """Takes in the dev figure of this step; returns whether it is the best.

    Args:
      value: by `metric`.
      decoding: settings that it comes of; a resumed run may have others, and
        what is decoded otherwise does not compare.
    """
    self.evaluated_step = self.step
    if self.best_metric not in (None, metric) or (
      self.best_decoding not in (None, decoding)
    ):
      self.best_value, self.evaluations_since_best = None, 0
    self.best_metric, self.best_decoding = metric, decoding
    best = math.nan if self.best_value is None else self.best_value
    if is_better(metric, value, best) or (
      math.isnan(best) and not math.isnan(value)
    ):
      self.best_step, self.best_value = self.step, value
      self.evaluations_since_best = 0
      return True
    self.evaluations_since_best += 1
    return False

  def add_checkpoint(self, keep: int) -> None:
    """Notes that the cadence writes a checkpoint of this step."""
    if self.step not in self.scheduled_steps:
      self.scheduled_steps.append(self.step)
    self.scheduled_steps = self.scheduled_steps[-keep:]

  def keep_scheduled(self, is_scheduled: Callable[[int], bool]) -> None:
    """Takes out of averages what no cadence wrote: the end of a run that was
    shorter, and goes on now."""
    self.scheduled_steps = list(filter(is_scheduled, self.scheduled_steps))


def is_due(
  cadence: CheckpointConfig | EvaluationConfig,
  step: int,
  steps_per_epoch: float,
) -> bool:
  """Whether something is due after `step` updates, every so many steps or
  epochs."""
  if step == 0:
    return False
  if cadence.every_steps:
    return step % cadence.every_steps == 0
  period = cadence.every_epochs * steps_per_epoch
  return math.floor(step / period) > math.floor((step - 1) / period)
