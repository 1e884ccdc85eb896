"""What a run card's curves keep of the rows."""

import json
import math

import made_run
import numpy as np
import pytest

from t2t_jax.reporting.card.curves import (
  Chart,
  Line,
  charts,
  page_data,
  points_of,
  thin,
)
from t2t_jax.reporting.run_results import number


def _titles(rows, **others):
  return [chart.title for chart in charts({'run': rows, **others})]


def test_thinning_keeps_every_stretch_s_extremes():
  values = np.random.default_rng(1).normal(size=100_000)
  places = thin(values, 1000)
  assert len(places) <= 1002
  assert (np.diff(places) > 0).all()
  assert (places[0], places[-1]) == (0, 99_999)
  # By brute force: of each of the 500 stretches of 200.
  kept = set(places.tolist())
  for start in range(0, 100_000, 200):
    stretch = values[start : start + 200].tolist()
    assert start + stretch.index(min(stretch)) in kept
    assert start + stretch.index(max(stretch)) in kept


def test_thinning_keeps_a_gap():
  values = np.zeros(10_000)
  values[1234] = math.nan
  values[5000:6000] = math.nan
  kept = set(thin(values, 100).tolist())
  assert 1234 in kept
  assert kept & set(range(5000, 6000))
  assert thin(np.full(1000, math.nan), 10).size >= 2


def test_few_values_are_all_kept():
  assert thin(np.arange(5.0), 5).tolist() == [0, 1, 2, 3, 4]
  assert thin(np.array([]), 5).tolist() == []


def test_what_is_no_number_is_nan():
  for value in ('nan', 'inf', math.inf, None, 'x', [1]):
    assert math.isnan(number(value))
  assert number(3) == 3
  assert number('4.5') == 4.5


def test_there_is_a_chart_for_each_figure():
  assert _titles(made_run.finished_rows()) == [
    'Loss a token',
    'nll a token',
    'Dev BLEU',
    'Learning rate',
    'Gradient norm',
    'Target tokens a second',
    'Padding share',
  ]
  assert _titles([]) == []
  # Figures that no one has thought of yet have a chart too.
  assert (
    _titles(
      [made_run.train_row(1, mfu=0.4, note='x', on=True), {'kind': 'test'}]
    )[-1]
    == 'Train mfu'
  )


def test_lines_hold_the_rows_figures_in_the_order_of_steps():
  rows = [made_run.train_row(step) for step in (1, 3, 2)]
  loss, nll, *_ = charts({'run': [*rows, made_run.dev_row(2, nll='nan')]})
  [line] = loss.lines
  assert line.steps.tolist() == [1, 2, 3]
  np.testing.assert_allclose(line.values, [9, 7, 5 + 4 / 3])
  assert [line.label for line in nll.lines] == ['train', 'dev']
  assert np.isnan(nll.lines[1].values).all()


def test_lines_of_several_runs_say_whose_they_are():
  rows = made_run.finished_rows()
  loss, nll, *_ = charts({'a': rows, 'b': rows[:3]})
  assert [line.label for line in loss.lines] == ['a', 'b']
  assert [line.label for line in nll.lines] == ['a train', 'a dev', 'b train']
  assert [line.run for line in nll.lines] == [0, 0, 1]


def test_the_page_has_numbers_or_null():
  rows = [made_run.train_row(1), made_run.train_row(2, loss='inf')]
  data = page_data(charts({'run': rows})[0], 100)
  assert data['lines'][0]['values'] == [9.0, None]
  json.dumps(data, allow_nan=False)


@pytest.mark.parametrize('runs', [1, 2, 8])
def test_a_page_of_100_000_steps_stays_small(runs):
  steps = np.arange(1, 100_001)
  line = Line('train', 0, 'train', steps, 5 + np.sin(steps) / 10)
  chart = Chart('Loss', [line], True)
  size = len(json.dumps(page_data(chart, points_of(runs))))
  assert 7 * runs * size < 3e6
