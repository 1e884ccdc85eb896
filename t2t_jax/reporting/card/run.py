"""A run as its workdir tells of it, whatever state it is in."""

import dataclasses
import datetime
import statistics
from typing import Any

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config
from t2t_jax.config_metrics import JUDGED_BY
from t2t_jax.errors import UsageError
from t2t_jax.parallel.chips import chip_of
from t2t_jax.planning.roofline import model_flops
from t2t_jax.reporting.run_results import (
  RunResults,
  number,
  read_rows,
  results_of,
)


@dataclasses.dataclass(frozen=True)
class Run:
  """Attributes:
  name: what a reader calls it.
  record: run.json.
  rows: of metrics.jsonl, as far as it is written.
  """

  name: str
  workdir: Workdir
  config: Config
  record: dict[str, Any]
  rows: list[dict[str, Any]]
  results: RunResults

  def of_kind(self, kind: str) -> list[dict[str, Any]]:
    return [row for row in self.rows if row['kind'] == kind]

  @property
  def direction(self) -> str:
    data = self.config.data
    return f'{data.source_language}-{data.target_language}'

  @property
  def translates(self) -> bool:
    model = self.config.model
    return bool(model.num_encoder_layers and model.num_decoder_layers)

  @property
  def state(self) -> str:
    """Returns in words how far it is."""
    steps = self.config.training.steps
    done = f'{self.results.step:,} of {steps:,} updates'
    if self.results.is_finished:
      early = self.results.step < steps
      return f'ended early, {done}' if early else f'finished, {done}'
    return f'not finished: {done}'

  @property
  def told_by(self) -> tuple[str, ...]:
    """The figures that tell how good a finished model is, of any task."""
    return (self.config.evaluation.metric, 'accuracy', 'perplexity')

  @property
  def best_dev(self) -> dict[str, Any] | None:
    """The row of the best evaluation, by the config's best_metric."""
    metric = self.config.evaluation.best_metric
    rows = [
      row
      for row in self.of_kind('dev')
      if metric in row and number(row[metric]) == number(row[metric])
    ]
    sign = 1 if JUDGED_BY[metric].higher_is_better else -1
    return max(rows, key=lambda row: sign * number(row[metric]), default=None)

  def median(self, name: str) -> float | None:
    """Returns the median of a figure of the train rows; the first, in which
    programs are compiled, counts only alone."""
    values = [number(row[name]) for row in self.of_kind('train') if name in row]
    values = [value for value in values[1:] or values if value == value]
    return statistics.median(values) if values else None

  def target_tokens(self) -> float:
    """Returns how many target tokens training has read, padding apart."""
    return self._sum_over_time('target_tokens_per_second')

  def _sum_over_time(self, rate: str) -> float:
    total = before = 0.0
    for row in self.of_kind('train'):
      seconds = number(row['train_seconds'])
      total, before = total + number(row[rate]) * (seconds - before), seconds
    return total

  def flops(self) -> float | None:
    """Returns the products and sums of the training so far, by the paper's
    equations, padding not counted.

    Runs of older versions did not write them down: there they are those of
    pairs of the mean length.
    """
    rows = self.of_kind('train')
    if rows and all('flops_per_second' in row for row in rows):
      return self._sum_over_time('flops_per_second')
    train = self.record.get('data_report', {}).get('train', {})
    if not (self.translates and train.get('kept') and self.of_kind('train')):
      return None
    source = train['source_tokens'] / train['kept']
    target = train['target_tokens'] / train['kept']
    try:
      vocabulary = self.workdir.read_tokenizers().target.vocab_size
    except UsageError:  # damaged, which is no reason to tell nothing
      return None
    pairs = self.target_tokens() / target
    mean: Any = (1, source, target)  # not whole numbers
    return pairs * model_flops(self.config.model, vocabulary, mean)

  def mfu(self) -> float | None:
    """Returns the share of the devices' peak that `flops` took; None where no
    data sheet tells the peak."""
    flops, seconds = self.flops(), self.results.figures.get('train_seconds')
    count, _, kind = self.record.get('devices', '').partition(' x ')
    chip = chip_of(kind)
    if not (flops and seconds and chip):
      return None
    return flops / seconds / (int(count) * chip.peak_flops)

  def last_sign(self) -> str:
    """Returns when it last wrote a row, in UTC; '' if never."""
    try:
      time = self.workdir.metrics.stat().st_mtime
    except OSError:
      return ''
    when = datetime.datetime.fromtimestamp(time, datetime.UTC)
    return when.isoformat(' ', 'seconds')


def read_run(workdir: Workdir, name: str) -> Run:
  """Returns the run in `workdir`, finished, at work or broken off.

  Raises:
    UsageError: there is none, or its files cannot be read.
  """
  config = workdir.read_config()
  record = workdir.read_run()
  rows = list(read_rows(workdir.metrics))
  results = results_of(rows, workdir, config)
  return Run(name, workdir, config, record, rows, results)
