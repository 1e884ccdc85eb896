"""What the rows of benchmarks/scaling.py say of how a config scales.

The efficiency of so many chips is the target tokens a second of each, beside
those of the fewest chips of that kind with the same config and batch. Kernels
and what is sent are taken one after the other; beside it stand the efficiency
where all that is sent is hidden behind kernels, and where nothing is and the
kernels are products at the chip's peak: no faster kernels bring it lower.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from t2t_jax.planning.report import size_text
from t2t_jax.planning.roofline import Times

EFFICIENT = 0.8  # at least so much of the fewest chips' rate a chip


@dataclasses.dataclass(frozen=True)
class Point:
  """A config on so many chips.

  Attributes:
    config: its name.
    batch: tokens an update and chip; 0: the config's, over all chips.
    topology: such as v5e:4x4.
    chips: how many.
    mesh: (data, fsdp, tensor).
    microbatches: that the batch is cut into.
    tokens: positions of the target side in an update.
    times: of an update.
    memory: bytes of a chip.
    is_compiled: whether memory, collectives and kernels are a program's.
    fits: whether a chip has so much memory.
    mfu: share of the peak in useful products, nothing hidden.
  """

  config: str
  batch: int
  topology: str
  chips: int
  mesh: tuple[int, ...]
  microbatches: int
  tokens: int
  times: Times
  memory: int
  is_compiled: bool
  fits: bool
  mfu: float

  @property
  def kind(self) -> str:
    return self.topology.partition(':')[0]

  @property
  def series(self) -> tuple[str, str, int]:
    """Those that are compared."""
    return self.kind, self.config, self.batch

  @property
  def limit(self) -> str:
    """What an update waits for most."""
    if not self.fits:
      return 'memory room'
    inside = 'ICI' if self.kind.startswith('v') else 'NVLink'
    names = {'links': inside, 'network': 'network between hosts'}
    return names.get(self.times.limit, self.times.limit)


def point_of(row: Mapping[str, Any]) -> Point:
  """Returns what a row of benchmarks/scaling.py says."""
  config, topology, batch, *_ = row['key']
  times = Times(**row['times'])
  return Point(
    config=config,
    batch=batch,
    topology=topology,
    chips=row['devices'],
    mesh=tuple(row['mesh']),
    microbatches=row['microbatches'],
    tokens=row['shape'][0] * row['shape'][2],
    times=times,
    memory=row['compiled_memory'] or row['memory']['total'],
    is_compiled=row['compiled_memory'] is not None,
    fits=row['fits'],
    mfu=row['mfu'] * times.least / times.apart,
  )


def best_of(points: Iterable[Point]) -> list[Point]:
  """Returns the best mesh of each topology, config and batch, in the order in
  which these come; compiled ones before those by formula."""
  found: dict[Any, Point] = {}
  for point in points:
    key = *point.series, point.topology
    if key not in found or _rank(point) < _rank(found[key]):
      found[key] = point
  return list(found.values())


def _rank(point: Point) -> tuple[bool, bool, float]:
  return not point.is_compiled, not point.fits, point.times.apart


def _apart(times: Times) -> float:
  return times.apart


def _hidden(times: Times) -> float:
  return times.least


def _at_the_peak(times: Times) -> float:
  return times.products + times.sending


def efficiency(
  point: Point,
  points: Iterable[Point],
  seconds: Callable[[Times], float] = _apart,
) -> float:
  """Returns the rate of a chip, of 1.0 of the fewest chips' of its series."""
  first = min(
    (other for other in points if other.series == point.series),
    key=lambda other: other.chips,
  )
  rate, before = (
    each.tokens / each.chips / seconds(each.times) for each in (point, first)
  )
  return rate / before


def largest_efficient(points: Sequence[Point]) -> list[Point]:
  """Returns of each series the point with most chips that fits and is
  EFFICIENT."""
  found: dict[Any, Point] = {}
  for point in sorted(points, key=lambda point: point.chips):
    if point.fits and efficiency(point, points) >= EFFICIENT:
      found[point.series] = point
  return [
    found[series]
    for series in dict.fromkeys(p.series for p in points)
    if series in found
  ]


_HEAD = (
  *('config', 'chips', 'tokens an update', 'mesh', 'memory a chip'),
  *('products ms', 'kernels ms', 'links ms', 'network ms', 'update ms'),
  *('target tokens/s', 'MFU', 'efficiency', 'hidden', 'at the peak'),
  'limited by',
)


def text(points: Sequence[Point]) -> str:
  """Returns the table as Markdown, and which meshes are efficient."""
  points = best_of(points)
  lines = [_HEAD, ('---',) * len(_HEAD)]
  lines += [tuple(_cells(point, points)) for point in points]
  table = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
  efficient = '\n'.join(
    f'- {point.config}, {point.kind}, {_batch(point)}: {point.chips} chips '
    f'({_times(point.mesh)})'
    for point in largest_efficient(points)
  )
  return (
    f'{table}\n\nMost chips that are {EFFICIENT:.0%} efficient, if nothing '
    f'that is sent is hidden:\n\n{efficient}'
  )


def _cells(point: Point, points: Sequence[Point]) -> Iterator[str]:
  times = point.times
  yield point.config
  yield f'{point.chips} ({point.topology})'
  yield f'{point.tokens:,}'
  parts = point.microbatches
  yield _times(point.mesh) + (f', {parts} microbatches' if parts > 1 else '')
  yield (
    size_text(point.memory)
    + ('' if point.is_compiled else ' estimated')
    + ('' if point.fits else ', does not fit')
  )
  yield _ms(times.products)
  yield _ms(times.computing)
  yield _ms(times.links)
  yield _ms(times.network)
  yield f'{_ms(times.least)} to {_ms(times.apart)}'
  yield f'{point.tokens / times.apart:,.0f}'
  yield f'{point.mfu:.1%}'
  for seconds in (_apart, _hidden, _at_the_peak):
    yield f'{efficiency(point, points, seconds):.0%}'
  yield point.limit


def _batch(point: Point) -> str:
  if point.batch:
    return f'{point.batch:,} tokens a chip'
  return f'{point.tokens:,} tokens an update'


def _times(mesh: Iterable[int]) -> str:
  return ' x '.join(map(str, mesh))


def _ms(seconds: float) -> str:
  return f'{1e3 * seconds:.3g}'
