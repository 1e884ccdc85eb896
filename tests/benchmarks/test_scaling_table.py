"""Efficiency and limits of rows made by hand."""

import pytest

from benchmarks.scaling_table import (
  best_of,
  efficiency,
  largest_efficient,
  point_of,
  text,
)

_TIMES = {'products': 4.0, 'memory': 0.0, 'links': 1.0, 'network': 0.0}


def row(chips=8, mesh=(8, 1, 1), batch=1024, name='h200:1x8', **changes):
  """An update of 8 tokens a chip in 4 s of products and 1 s of links."""
  times = _TIMES | {'kernels': None} | changes.pop('times', {})
  return {
    'key': ['base', name, batch, '64x64', True],
    'devices': chips,
    'mesh': list(mesh),
    'shape': [chips, 8, 8],
    'microbatches': 1,
    'memory': {'total': 2**30},
    'compiled_memory': 2**31,
    'fits': True,
    'mfu': 1.0,
    'times': times,
  } | changes


def test_the_fastest_compiled_mesh_is_the_best():
  rows = [
    row(compiled_memory=None, times={'links': 0.0}),
    row(mesh=(4, 2, 1), times={'links': 3.0}),
    row(mesh=(2, 4, 1), times={'links': 2.0}),
    row(mesh=(1, 8, 1), times={'links': 0.5}, fits=False),
    row(batch=0),
  ]
  found = best_of(map(point_of, rows))
  assert [point.mesh for point in found] == [(2, 4, 1), (8, 1, 1)]


def test_efficiency_is_of_the_fewest_chips_of_a_kind():
  points = [
    point_of(r)
    for r in (
      row(16, name='h200:2x8', times={'network': 1.25}),
      row(),
      # Neither of another batch nor of another kind of chip.
      row(4, batch=0),
      row(4, name='v5e:2x2'),
    )
  ]
  # 8 tokens of a chip in 6.25 s, in 5 s on eight; hidden in 4 on both.
  assert efficiency(points[0], points) == pytest.approx(5 / 6.25)
  assert efficiency(points[0], points, lambda t: t.least) == 1
  assert efficiency(points[1], points) == 1


def test_the_same_batch_on_more_chips():
  """Half the tokens of each in more than half the time."""
  first = row(batch=0)
  second = row(16, name='h200:2x8', batch=0, shape=[8, 8, 8])
  second['times'] |= {'products': 2.0, 'network': 2.0, 'links': 0.0}
  points = [point_of(first), point_of(second)]
  assert efficiency(points[1], points) == pytest.approx(5 / (2 * 4))


def test_the_largest_mesh_that_is_efficient():
  points = [
    point_of(row(chips, (chips, 1, 1), name=f'h200:{chips // 8}x8', **changes))
    for chips, changes in (
      (8, {}),
      (16, {'times': {'network': 1.2}}),
      (32, {'times': {'network': 1.3}}),
      (64, {'fits': False}),
    )
  ]
  assert [point.chips for point in largest_efficient(points)] == [16]


@pytest.mark.parametrize(
  ('name', 'changes', 'limit'),
  [
    ('h200:1x8', {}, 'products'),
    ('h200:1x8', {'times': {'kernels': 9.0}}, 'kernels'),
    ('h200:1x8', {'times': {'links': 5.0}}, 'NVLink'),
    ('v5e:2x4', {'times': {'links': 5.0}}, 'ICI'),
    ('h200:1x8', {'times': {'network': 5.0}}, 'network between hosts'),
    ('h200:1x8', {'fits': False}, 'memory room'),
  ],
)
def test_what_limits(name, changes, limit):
  assert point_of(row(name=name, **changes)).limit == limit


def test_the_table():
  rows = [
    row(mfu=0.9),
    row(16, (16, 1, 1), name='h200:2x8', times={'network': 9.0}),
    row(16, (8, 2, 1), name='h200:2x8', times={'network': 2.0, 'kernels': 8.0}),
  ]
  lines = text([point_of(r) for r in rows]).splitlines()
  assert lines[2] == (
    '| base | 8 (h200:1x8) | 64 | 8 x 1 x 1 | 2.0 GiB | 4e+03 | 4e+03 | 1e+03 '
    '| 0 | 4e+03 to 5e+03 | 13 | 72.0% | 100% | 100% | 100% | products |'
  )
  assert lines[3].startswith('| base | 16 (h200:2x8) | 128 | 8 x 2 x 1 | ')
  assert lines[3].endswith(' | 45% | 50% | 71% | products |')
  assert len(lines[4:]) == 4
  assert lines[-1] == '- base, h200, 1,024 tokens a chip: 8 chips (8 x 1 x 1)'
