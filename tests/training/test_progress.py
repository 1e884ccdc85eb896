"""What a checkpoint remembers of a run, and when something is due."""

import dataclasses
import json
import math

import pytest
from tiny_run import make_config

from t2t_jax.training.progress import Progress, is_due


def cadence(tmp_path, steps, epochs):
  return make_config(
    tmp_path, checkpoint__every_steps=steps, checkpoint__every_epochs=epochs
  ).checkpoint


def test_due_every_so_many_steps(tmp_path):
  every_five = cadence(tmp_path, 5, 0.0)
  due = [step for step in range(21) if is_due(every_five, step, 7.3)]
  assert due == [5, 10, 15, 20]


@pytest.mark.parametrize('epochs', [0.5, 1.0, 2.0])
def test_due_at_the_first_step_after_so_many_epochs(tmp_path, epochs):
  period, every = 7.25 * epochs, cadence(tmp_path, 0, epochs)
  due = [step for step in range(100) if is_due(every, step, 7.25)]
  assert due == [math.ceil(k * period) for k in range(1, int(99 / period) + 1)]


def test_due_once_a_step_where_epochs_are_shorter(tmp_path):
  every_epoch = cadence(tmp_path, 0, 1.0)
  assert [is_due(every_epoch, step, 0.3) for step in range(4)] == [
    False,
    True,
    True,
    True,
  ]


@pytest.mark.parametrize(
  ('metric', 'values', 'best'),
  [
    ('nll', [3.0, 2.0, 2.0, 2.5, 1.0], [True, True, False, False, True]),
    ('bleu', [3.0, 2.0, 3.0, 4.0], [True, False, False, True]),
    ('exact_match', [3.0, 2.0, 4.0], [True, False, True]),
    ('bracket_f1', [3.0, 2.0, 4.0], [True, False, True]),
    ('error_rate', [3.0, 4.0, 2.0, 2.0], [True, False, True, False]),
    ('nll', [math.nan, 5.0, math.nan, 4.0], [False, True, False, True]),
  ],
)
def test_best_evaluation(metric, values, best):
  progress = Progress()
  for number, (value, expected) in enumerate(zip(values, best, strict=True)):
    progress.step = 10 * number
    before = progress.evaluations_since_best
    assert progress.add_evaluation(value, metric, {}) == expected
    assert progress.evaluated_step == 10 * number
    assert progress.evaluations_since_best == (0 if expected else before + 1)
    if expected:
      assert (progress.best_step, progress.best_value) == (10 * number, value)


def test_another_metric_begins_anew():
  progress = Progress(step=10)
  progress.add_evaluation(1.5, 'nll', {})
  progress.step = 20
  assert progress.add_evaluation(0.7, 'bleu', {})
  assert (progress.best_step, progress.best_value) == (20, 0.7)


def test_other_rules_of_decoding_begin_anew():
  progress = Progress(step=10)
  progress.add_evaluation(30.0, 'bleu', {'min_length': 0})
  progress.step = 20
  assert not progress.add_evaluation(29.0, 'bleu', {'min_length': 0})
  progress.step = 30
  assert progress.add_evaluation(28.0, 'bleu', {'min_length': 5})
  assert (progress.best_step, progress.best_value) == (30, 28.0)


def test_progress_of_before_the_metric_was_kept_goes_on():
  progress = Progress(step=20, best_step=10, best_value=30.0)
  assert not progress.add_evaluation(29.0, 'bleu', {})
  assert progress.best_step == 10


def test_scheduled_checkpoints_are_the_newest_and_each_once():
  progress = Progress()
  for step in (5, 10, 10, 15, 20):
    progress.step = step
    progress.add_checkpoint(keep=3)
  assert progress.scheduled_steps == [10, 15, 20]


def test_round_trip_through_json():
  progress = Progress(7, 1.25, 300, 5, 5, 2.5, 1, [3, 6], 'bleu', {'a': 1.5})
  values = json.loads(json.dumps(progress.to_json()))
  assert Progress.from_json(values) == progress
  names = [field.name for field in dataclasses.fields(Progress)]
  assert list(values) == names


def test_the_end_of_a_run_that_was_shorter_is_left_out():
  progress = Progress(12, scheduled_steps=[5, 10, 12])
  progress.keep_scheduled(lambda step: step % 5 == 0)
  assert progress.scheduled_steps == [5, 10]
