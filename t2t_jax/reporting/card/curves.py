"""The figures of metrics.jsonl as curves, thinned for a page."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from t2t_jax.reporting.run_results import number

Rows = Sequence[dict[str, Any]]

# Title, the curves in it as (kind of row, figure), and whether its ups and
# downs are read off best on a logarithmic scale.
_CHARTS = (
  ('Loss a token', (('train', 'loss'),), True),
  ('nll a token', (('train', 'nll'), ('dev', 'nll')), True),
  ('Dev BLEU', (('dev', 'bleu'),), False),
  ('Learning rate', (('train', 'learning_rate'),), False),
  ('Gradient norm', (('train', 'gradient_norm'),), True),
  ('Target tokens a second', (('train', 'target_tokens_per_second'),), False),
  ('Padding share', (('train', 'padding_share'),), False),
)
# Not worth a chart: perplexity is exp(nll), the others only go up.
_NO_CURVE = frozenset(
  ['step', 'epoch', 'perplexity', 'train_seconds', 'tokens', 'seconds']
)
_KINDS = ('train', 'dev')
# Of a curve of one run on the page; several runs share twice as many.
POINTS = 4000


@dataclasses.dataclass(frozen=True)
class Line:
  """A curve.

  Attributes:
    label: as it is read off.
    run: whose it is, from 0.
    kind: of its rows.
    steps: int (N,), rising.
    values: float (N,), NaN where there is none.
  """

  label: str
  run: int
  kind: str
  steps: np.ndarray
  values: np.ndarray


@dataclasses.dataclass(frozen=True)
class Chart:
  """Curves over the same scale; `is_log`: may be looked at by logarithm."""

  title: str
  lines: Sequence[Line]
  is_log: bool


def charts(runs: Mapping[str, Rows]) -> list[Chart]:
  """Returns the charts of the runs' rows: those with curves in them.

  Args:
    runs: rows by the name of the run.
  """
  made = []
  for title, names, is_log in [*_CHARTS, *_others(runs)]:
    lines = [
      line
      for number, (run, rows) in enumerate(runs.items())
      for kind, name in names
      if (line := _line(rows, number, kind, name, run, len(runs), len(names)))
    ]
    if lines:
      made.append(Chart(title, lines, is_log))
  return made


def thin(values: np.ndarray, points: int) -> np.ndarray:
  """Returns places of at most about `points` values that look like all.

  Of each of equal stretches the least and the greatest stay, so that no peak
  is lost, and a NaN, which is a gap; so do the first and last value.
  """
  count = len(values)
  if count <= points:
    return np.arange(count)
  kept = [np.array([0, count - 1])]
  starts = np.linspace(0, count, max(1, points // 2) + 1).astype(int)
  for start, end in itertools.pairwise(starts):
    stretch = values[start:end]
    is_gap = np.isnan(stretch)
    places = [np.flatnonzero(is_gap)[:1]]
    if not is_gap.all():
      places.append(np.array([np.nanargmin(stretch), np.nanargmax(stretch)]))
    kept.extend(start + place for place in places)
  return np.unique(np.concatenate(kept))


def page_data(chart: Chart, points: int) -> dict[str, Any]:
  """Returns what the page's script draws a chart from, for JSON."""
  return {
    'title': chart.title,
    'log': chart.is_log,
    'lines': [_line_data(line, points) for line in chart.lines],
  }


def points_of(runs: int) -> int:
  """Returns how many points a curve has on a page of so many runs."""
  return POINTS if runs == 1 else max(500, 2 * POINTS // runs)


def _line_data(line: Line, points: int) -> dict[str, Any]:
  places = thin(line.values, points)
  return {
    'label': line.label,
    'run': line.run,
    'kind': line.kind,
    'steps': line.steps[places].tolist(),
    'values': [
      None if math.isnan(value) else float(f'{value:.5g}')
      for value in line.values[places].tolist()
    ],
  }


def _line(
  rows: Rows,
  number_of_run: int,
  kind: str,
  name: str,
  run: str,
  runs: int,
  names: int,
) -> Line | None:
  found = [row for row in rows if row['kind'] == kind and name in row]
  if not found:
    return None
  steps = np.array([int(row['step']) for row in found])
  order = np.argsort(steps, kind='stable')
  values = np.array([number(row[name]) for row in found])
  # The page says whose and of what it is where there are several.
  of = [run] if runs > 1 else []
  of += [kind] if names > 1 or not of else []
  return Line(' '.join(of), number_of_run, kind, steps[order], values[order])


def _others(
  runs: Mapping[str, Rows],
) -> Iterator[tuple[str, tuple[tuple[str, str], ...], bool]]:
  """Yields charts of figures that no chart of ours names."""
  known = {pair for _, pairs, _ in _CHARTS for pair in pairs}
  found = dict.fromkeys(
    (row['kind'], name)
    for rows in runs.values()
    for row in rows
    if row['kind'] in _KINDS
    for name, value in row.items()
    if type(value) in (int, float) and name not in _NO_CURVE
  )
  for kind, name in found:
    if (kind, name) not in known:
      yield (
        f'{kind.capitalize()} {name.replace("_", " ")}',
        ((kind, name),),
        False,
      )
