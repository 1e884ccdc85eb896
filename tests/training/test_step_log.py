"""Figures of updates: summed, averaged by tokens, and never silently NaN."""

import json
import math
import re
import time
import types

import numpy as np
import pytest
from tiny_run import make_config

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.data.batching import Drawn
from t2t_jax.model.flops import update_flops
from t2t_jax.training.loss import LossSums
from t2t_jax.training.metrics import MetricsWriter
from t2t_jax.training.progress import Progress
from t2t_jax.training.step_log import StepLog
from t2t_jax.training.stopping import TrainingError
from t2t_jax.training.train_step import StepMetrics

ENTRIES = 24
_STORE = types.SimpleNamespace(
  source_lengths=np.array([2, 3], np.int32),
  target_lengths=np.array([1, 3], np.int32),
)
BATCH = Drawn(_STORE, np.array([0, 1]), (2, 4, 3), 0)


class Log:
  """A StepLog with what it wrote and said."""

  def __init__(self, tmp_path, peak_flops=None, progress=None, length=0):
    config = make_config(tmp_path, logging__every_steps=2, training__steps=10)
    self.model = config.model
    self.workdir = Workdir(tmp_path)
    self.said = []
    self.progress = progress or Progress()
    self.writer = MetricsWriter(self.workdir, length, tensorboard=False)
    self.log = StepLog(
      config,
      self.progress,
      self.writer,
      self.said.append,
      ENTRIES,
      peak_flops,
    )

  def update(self, loss, tokens=4.0, norm=1.0):
    self.progress.step += 1
    figures = StepMetrics(
      LossSums(*map(np.float32, (loss, loss / 2, tokens))),
      np.float32(norm),
      np.float32(0.01),
    )
    self.log.add(self.progress, self.progress.step / 4, BATCH, figures)

  def rows(self):
    return list(map(json.loads, self.workdir.metrics.read_text().splitlines()))


@pytest.fixture
def log(tmp_path):
  log = Log(tmp_path)
  yield log
  log.writer.close()


def test_means_are_by_tokens(log):
  log.log.start()
  for loss, tokens, norm in ((3, 1, 1), (8, 4, 2), (4, 8, 4), (0, 0, 0)):
    log.update(loss, tokens, norm)
  log.log.finish(log.progress)
  # Step 1 has a row of its own; then every second step.
  assert [row['step'] for row in log.rows()] == [1, 2, 4]
  assert [row['loss'] for row in log.rows()] == [3, 2, 0.5]
  assert [row['nll'] for row in log.rows()] == [1.5, 1, 0.25]
  assert [row['gradient_norm'] for row in log.rows()] == [1, 2, 2]
  assert [row['epoch'] for row in log.rows()] == [0.25, 0.5, 1]
  row = log.rows()[-1]
  assert row['perplexity'] == pytest.approx(math.exp(0.25), rel=1e-5)
  # 9 of 14 positions of the batch hold tokens.
  assert row['padding_share'] == pytest.approx(5 / 14, rel=1e-5)
  assert row['learning_rate'] == pytest.approx(0.01)


def test_who_resumes_goes_on_with_the_sums(log, tmp_path):
  log.log.start()
  for loss in (3, 8, 4):
    log.update(loss)
  log.log.finish(log.progress)
  # As a checkpoint keeps it.
  kept = Progress.from_json(json.loads(json.dumps(log.progress.to_json())))
  seconds = kept.train_seconds
  other = Log(tmp_path, progress=kept, length=log.writer.length())
  other.log.start()
  other.update(6)
  other.log.finish(other.progress)
  other.writer.close()
  assert [row['step'] for row in other.rows()] == [1, 2, 4]
  row = other.rows()[-1]
  assert row['loss'] == (4 + 6) / (4 + 4)
  took = row['train_seconds'] - other.rows()[1]['train_seconds']
  assert row['train_seconds'] > seconds
  assert row['target_tokens_per_second'] == pytest.approx(8 / took, rel=0.01)


def test_the_line(log):
  log.log.start()
  log.update(12.0)
  log.log.finish(log.progress)
  [line] = log.said
  for part in (
    'step 1/10',
    'epoch 0.25',
    'loss 3.0000',
    'padding 35.7%  ETA',
  ):
    assert part in line
  # Whose peak is not known: a CPU.
  assert 'mfu' not in log.rows()[0]


def test_mfu_is_of_the_products_of_real_tokens(tmp_path):
  log = Log(tmp_path, peak_flops=1e10)
  log.log.start()
  log.update(12.0)
  log.log.finish(log.progress)
  log.writer.close()
  [row] = log.rows()
  # The two pairs of the batch without their padding.
  flops = update_flops(log.model, ENTRIES, 2, 1)
  flops += update_flops(log.model, ENTRIES, 3, 3)
  seconds = row['train_seconds']
  assert row['flops_per_second'] == pytest.approx(flops / seconds, rel=1e-4)
  assert row['mfu'] == pytest.approx(flops / seconds / 1e10, rel=1e-4)
  told = re.search(r'MFU ([\d.]+)%  ETA', log.said[0])
  assert float(told[1]) / 100 == pytest.approx(row['mfu'], abs=0.00051)


def test_an_update_is_read_after_the_next_has_begun(log):
  log.log.start()
  log.update(1.0)
  assert log.rows() == []
  log.update(1.0)
  assert [row['step'] for row in log.rows()] == [1]
  log.log.finish(log.progress)
  assert [row['step'] for row in log.rows()] == [1, 2]


def test_the_clock_stands_between_finish_and_start(log):
  log.log.start()
  log.update(1.0)
  log.log.finish(log.progress)
  seconds = log.progress.train_seconds
  time.sleep(0.01)
  # As when a run is told to stop in an evaluation.
  log.log.finish(log.progress)
  assert log.progress.train_seconds == seconds > 0


def test_stopping_before_the_clock_ever_ran(log):
  # As when a run is told to stop while it makes up for an evaluation.
  log.log.finish(log.progress)
  assert log.progress.train_seconds == 0


@pytest.mark.parametrize(
  ('loss', 'norm', 'found'),
  [
    (math.nan, 1.0, 'the loss is nan, the gradient norm 1.0'),
    (8.0, math.inf, 'the loss is 8.0, the gradient norm inf'),
  ],
)
def test_not_a_number_stops_with_step_and_batch(log, loss, norm, found):
  log.log.start()
  for _ in range(2):
    log.update(4.0)
  log.update(loss, norm=norm)
  with pytest.raises(TrainingError) as error:
    log.log.finish(log.progress)
  assert str(error.value) == (
    f'step 3: {found}, on the batch of update 2 (shape (2, 4) and (2, 3)). '
    'The newest checkpoint is from before; in another workdir a lower '
    'optimizer.peak_learning_rate or optimizer.clip_norm=1 may help'
  )
