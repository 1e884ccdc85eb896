"""What a run has come to, read from its workdir without jax."""

import dataclasses
import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config
from t2t_jax.data.corpora import test_set_names
from t2t_jax.errors import UsageError
from t2t_jax.parallel.chips import peak_flops

# What is written of a finished labeller, and of a language model.
_OF_SINGLE_STACKS = ('accuracy', 'perplexity')


@dataclasses.dataclass(frozen=True)
class RunResults:
  """Attributes:
  step: updates done, as the newest row of metrics.jsonl tells.
  figures: {'parameters', 'updates', 'train_seconds', 'dev_nll',
    'dev_perplexity', 'METRIC_dev', 'METRIC_TESTSET'...: number}, those that
    are there. nll (natural, a token) and perplexity are those of the
    evaluation with the lowest nll; METRIC (the config's, accuracy of labels,
    perplexity of a language model) is the finished model's, decoded as its
    config says.
  is_finished: it has done all that the config asks for.
  """

  step: int
  figures: dict[str, float]
  is_finished: bool


def read_results(path: Path, config: Config) -> RunResults | None:
  """Returns the results of the run of `config` in `path`, None without one."""
  workdir = Workdir(path)
  if not workdir.holds_a_run():
    return None
  return results_of(list(read_rows(workdir.metrics)), workdir, config)


def results_of(
  rows: Sequence[dict[str, Any]], workdir: Workdir, config: Config
) -> RunResults:
  """Returns the results of the run that `workdir` holds, from its rows."""
  step = max((row['step'] for row in rows), default=0)
  tests = {row['test_set']: row for row in rows if row['kind'] == 'test'}
  names = ('dev', *test_set_names(config.data))
  figures = {'updates': float(step), **_parameters(workdir)}
  train = [row for row in rows if row['kind'] == 'train']
  if train:
    figures['train_seconds'] = train[-1]['train_seconds']
  dev = [row for row in rows if row['kind'] == 'dev' and 'nll' in row]
  if dev:
    best = min(dev, key=lambda row: _nan_last(number(row['nll'])))
    figures |= {
      f'dev_{name}': math.nan if best[name] is None else float(best[name])
      for name in ('nll', 'perplexity')
      if name in best
    }
  for name in names:
    for metric in (config.evaluation.metric, *_OF_SINGLE_STACKS):
      if metric in tests.get(name, {}):
        figures[f'{metric}_{name}'] = number(tests[name][metric])
  is_finished = (
    all(name in tests for name in names)
    and (step >= config.training.steps or config.evaluation.patience > 0)
    and _read_config(workdir) == config
  )
  return RunResults(step, figures, is_finished)


@dataclasses.dataclass(frozen=True)
class Measured:
  """What a run has cost so far.

  Attributes:
    name: its directory's.
    bleu: {dev or test set: BLEU of the finished model}.
    parameters: of the model, rows of padding among them; None: not recorded.
    devices: that trained it, at last.
    device_kind: what jax calls them.
    updates: done.
    train_seconds: without evaluations.
    flops: of the products of real tokens; None where they were not recorded.
  """

  name: str
  bleu: dict[str, float]
  parameters: int | None
  devices: int
  device_kind: str
  updates: int
  train_seconds: float
  flops: float | None

  @property
  def mfu(self) -> float | None:
    """Share of the devices' peak; None where that or `flops` is not known."""
    peak = peak_flops([self.device_kind] * self.devices)
    if not (peak and self.flops and self.train_seconds):
      return None
    return self.flops / self.train_seconds / peak


def read_measured(path: Path) -> Measured:
  """Returns what the run in `path` has cost.

  Raises:
    UsageError: there is no run, or one that was not trained here.
  """
  workdir = Workdir(path)
  config, run = workdir.read_config(), workdir.read_run()
  if 'devices' not in run:
    raise UsageError(
      f'--workdir={path}: expected a run that was trained here, found a model '
      f'imported from {run.get("imported_from", "elsewhere")}'
    )
  results = read_results(path, config)
  figures = results.figures if results else {}
  flops: float | None = 0.0
  seconds = 0.0
  for row in read_rows(workdir.metrics):
    if row['kind'] == 'train':
      took, seconds = row['train_seconds'] - seconds, row['train_seconds']
      rate = row.get('flops_per_second')
      flops = None if flops is None or rate is None else flops + rate * took
  devices, _, kind = run['devices'].partition(' x ')
  return Measured(
    name=workdir.path.name,
    bleu={k[5:]: v for k, v in figures.items() if k.startswith('bleu_')},
    parameters=run.get('parameters'),
    devices=int(devices),
    device_kind=kind,
    updates=results.step if results else 0,
    train_seconds=seconds,
    flops=flops,
  )


def mean_and_sd(values: list[float]) -> tuple[float, float | None]:
  """Returns the mean and the sample's standard deviation, None of one."""
  mean = statistics.fmean(values)
  if len(values) < 2:
    return mean, None
  return mean, statistics.stdev(values) if math.isfinite(mean) else math.nan


def read_rows(metrics: Path) -> Iterator[dict[str, Any]]:
  """Yields the rows of metrics.jsonl; a line that is being written is left.

  Raises:
    UsageError: a line that is no row; names it.
  """
  if metrics.exists():
    lines = metrics.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
      if line.endswith(b'\n'):
        try:
          row = json.loads(line)
        except ValueError as error:
          raise UsageError(
            f'{metrics}, line {number}: expected a JSON object: {error}'
          ) from None
        if not _is_row(row):
          raise UsageError(
            f'{metrics}, line {number}: expected a row with kind, step and '
            f'what belongs to its kind, found {str(row)[:60]!r}'
          )
        yield row


def _is_row(row: Any) -> bool:
  return (
    isinstance(row, dict)
    and type(row.get('step')) is int
    and isinstance(row.get('kind'), str)
    and {'train': 'train_seconds', 'test': 'test_set'}.get(row['kind'], 'kind')
    in row
  )


def number(value: Any) -> float:
  """Returns a row's figure; NaN for what is none ('nan', 'inf', null)."""
  try:
    found = float(value)
  except (TypeError, ValueError):
    return math.nan
  return found if math.isfinite(found) else math.nan


def _parameters(workdir: Workdir) -> dict[str, float]:
  # Runs of older versions did not write it down.
  count = workdir.read_run().get('parameters')
  return {} if count is None else {'parameters': count}


def _read_config(workdir: Workdir) -> Config | None:
  try:
    return workdir.read_config()
  except UsageError:  # of another version: training will say what is wrong
    return None


def _nan_last(value: float) -> float:
  return math.inf if math.isnan(value) else value
