"""What a run writes down about itself: metrics.jsonl and TensorBoard."""

import json
import math
import os
from typing import Any

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.parallel import hosts
from t2t_jax.training.progress import Progress


class MetricsWriter:
  """Appends rows to metrics.jsonl, and their numbers to TensorBoard.

  A row is {'kind': 'train' | 'dev' | 'test', 'step': ..., ...}. Lines beyond
  `length` bytes were written after the checkpoint that is resumed, of `step`,
  and are cut: each step stands there once. TensorBoard hides such steps.
  """

  def __init__(
    self, workdir: Workdir, length: int, tensorboard: bool, step: int = 0
  ):
    self._first_step = step + 1
    self._file = open(workdir.metrics, 'ab')  # noqa: SIM115
    # Never longer: a file that was deleted would begin with zero bytes.
    self._file.truncate(min(length, self._file.seek(0, os.SEEK_END)))
    self._directory = workdir.tensorboard if tensorboard else None
    self._tensorboard: Any = None

  def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
    """Adds a row; of its values TensorBoard gets those that are numbers."""
    row = {'kind': kind, 'step': step}
    row |= {name: _rounded(value) for name, value in values.items()}
    self._file.write(json.dumps(row).encode() + b'\n')
    self._file.flush()
    if self._directory is None:
      return
    if self._tensorboard is None:
      # Imported here, when an update is under way: it costs a second, and
      # three where torch is installed, which it imports.
      from tensorboardX import SummaryWriter

      self._tensorboard = SummaryWriter(
        str(self._directory), purge_step=self._first_step
      )
    for name, value in values.items():
      if isinstance(value, (int, float)):
        self._tensorboard.add_scalar(f'{kind}/{name}', value, step)

  def length(self) -> int:
    """The bytes of metrics.jsonl, safely on disk."""
    os.fsync(self._file.fileno())
    return self._file.seek(0, os.SEEK_END)

  def close(self) -> None:
    self._file.close()
    if self._tensorboard is not None:
      self._tensorboard.close()


class NoMetrics(MetricsWriter):
  """Writes nothing: of several processes, the first one does."""

  def __init__(self) -> None:
    pass

  def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
    pass

  def length(self) -> int:
    return 0

  def close(self) -> None:
    pass


def open_metrics(
  workdir: Workdir, progress: Progress, tensorboard: bool
) -> MetricsWriter:
  """Returns what this process writes the run's figures with."""
  if not hosts.is_first():
    return NoMetrics()
  return MetricsWriter(
    workdir, progress.metrics_bytes, tensorboard, progress.step
  )


def perplexity(nll_per_token: float) -> float:
  """exp(nll); infinite where that is beyond a float."""
  return math.exp(nll_per_token) if nll_per_token < 700 else math.inf


def duration(seconds: float) -> str:
  """Returns `seconds` as 12s, 3m05s or 2h07m."""
  total = round(seconds)
  if total < 60:
    return f'{total}s'
  if total < 3600:
    return f'{total // 60}m{total % 60:02d}s'
  return f'{total // 3600}h{total % 3600 // 60:02d}m'


def _rounded(value: Any) -> Any:
  if isinstance(value, float):
    # JSON has no NaN or Infinity; readers of metrics.jsonl must not choke.
    return float(f'{value:.6g}') if math.isfinite(value) else str(value)
  return value
