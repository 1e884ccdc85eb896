"""The figures of the updates, from the device to a line and a row."""

import math
import time
from collections.abc import Callable

from t2t_jax.config import Config
from t2t_jax.data.batching import Drawn
from t2t_jax.model.flops import update_flops
from t2t_jax.training.metrics import MetricsWriter, duration, perplexity
from t2t_jax.training.progress import Progress
from t2t_jax.training.stopping import TrainingError
from t2t_jax.training.train_step import StepMetrics

# Of the updates since the newest row; `seconds` without evaluations, `cells`
# positions of batches, `real` those that hold tokens.
_NOTHING: dict[str, float] = {
  **dict.fromkeys(('loss', 'nll', 'tokens', 'norm', 'flops', 'seconds'), 0.0),
  **dict.fromkeys(('updates', 'cells', 'real'), 0),
}


class StepLog:
  """Sums the updates' figures and tells them every so many steps.

  The figures of an update are read after the next one was started, so that
  the device never waits for the host.
  """

  def __init__(
    self,
    config: Config,
    progress: Progress,
    metrics: MetricsWriter,
    say: Callable[[str], None],
    vocab_size: int,
    peak_flops: float | None,
  ):
    """Goes on with the sums that `progress` holds.

    Args:
      config: of the run.
      progress: as the run was left.
      metrics: takes the rows.
      say: takes the lines.
      vocab_size: of the target side.
      peak_flops: operations a second of all devices, None where not known.
    """
    self._config, self._metrics, self._say = config, metrics, say
    self._vocab_size, self._peak_flops = vocab_size, peak_flops
    self._pending: tuple[int, float, Drawn, StepMetrics] | None = None
    self._sums = _NOTHING | progress.sums
    self._clock: float | None = None

  def start(self) -> None:
    """Starts the clock; between `finish` and `start` it stands."""
    self._clock = time.perf_counter()

  def add(
    self, progress: Progress, epoch: float, batch: Drawn, metrics: StepMetrics
  ) -> None:
    """Takes the figures of update `progress.step`; reads those before it.

    Raises:
      TrainingError: they are not numbers.
    """
    before, self._pending = (
      self._pending,
      (progress.step, epoch, batch, metrics),
    )
    if before:
      self._read(progress, *before)

  def finish(self, progress: Progress) -> None:
    """Waits for the newest update and reads it; stops the clock.

    What is not written yet goes into `progress`, for whoever resumes it.
    """
    if self._pending:
      self._read(progress, *self._pending)
      self._pending = None
    self._tick(progress)
    self._clock = None
    progress.sums = dict(self._sums)

  def _tick(self, progress: Progress) -> None:
    now = time.perf_counter()
    if self._clock is not None:
      progress.train_seconds += now - self._clock
      self._sums['seconds'] += now - self._clock
      self._clock = now

  def _read(
    self,
    progress: Progress,
    step: int,
    epoch: float,
    batch: Drawn,
    metrics: StepMetrics,
  ) -> None:
    loss, norm = float(metrics.sums.loss), float(metrics.gradient_norm)
    rows, source_length, target_length = batch.shape
    if not (math.isfinite(loss) and math.isfinite(norm)):
      raise TrainingError(
        f'step {step}: the loss is {loss}, the gradient norm {norm}, on the '
        f'batch of update {step - 1} (shape {rows, source_length} and '
        f'{rows, target_length}). The newest checkpoint is from before; '
        'in another workdir a lower optimizer.peak_learning_rate or '
        'optimizer.clip_norm=1 may help'
      )
    flops = update_flops(self._config.model, self._vocab_size, *batch.lengths)
    for name, value in {
      'loss': loss,
      'nll': float(metrics.sums.nll),
      'tokens': float(metrics.sums.tokens),
      'norm': norm,
      'flops': float(flops.sum()),
      'updates': 1,
      'cells': rows * (source_length + target_length),
      'real': sum(int(side.sum()) for side in batch.lengths),
    }.items():
      self._sums[name] += value
    if step % self._config.logging.every_steps == 0 or step == 1:
      self._tick(progress)
      self._write(progress, step, epoch, float(metrics.learning_rate))

  def _write(
    self, progress: Progress, step: int, epoch: float, learning_rate: float
  ) -> None:
    sums, self._sums = self._sums, dict(_NOTHING)
    seconds = max(sums['seconds'], 1e-9)
    values = {
      'epoch': epoch,
      'loss': sums['loss'] / sums['tokens'],
      'nll': sums['nll'] / sums['tokens'],
      'perplexity': perplexity(sums['nll'] / sums['tokens']),
      'learning_rate': learning_rate,
      'gradient_norm': sums['norm'] / sums['updates'],
      'target_tokens_per_second': sums['tokens'] / seconds,
      'padding_share': 1 - sums['real'] / sums['cells'],
      # Of the products of real tokens: padding and `remat` are no use.
      'flops_per_second': sums['flops'] / seconds,
      'train_seconds': progress.train_seconds,
    }
    mfu = ''
    if self._peak_flops:
      values['mfu'] = values['flops_per_second'] / self._peak_flops
      mfu = f'MFU {values["mfu"]:.1%}  '
    self._metrics.write('train', step, values)
    steps = self._config.training.steps
    left = (steps - step) * seconds / sums['updates']
    self._say(
      f'step {step}/{steps}  epoch {epoch:.2f}  loss {values["loss"]:.4f}  '
      f'nll {values["nll"]:.4f}  lr {learning_rate:.2e}  '
      f'grad {values["gradient_norm"]:.2f}  '
      f'{values["target_tokens_per_second"]:,.0f} target tokens/s  '
      f'padding {values["padding_share"]:.1%}  {mfu}ETA {duration(left)}'
    )
