"""Fits a few padded batch shapes to a corpus's lengths.

The plane of (source length, target length) is cut into boxes, greedily: of
all boxes and all straight cuts the one that saves most, until there are enough
boxes. A box's far corner is the shape that its pairs are padded to. All of it
works on the histogram of lengths, so the cost does not grow with the corpus.
"""

import dataclasses
import functools
from typing import Any

import numpy as np

_ROW_MULTIPLE = 8  # rows divide over devices and micro-batches
_MAX_CELLS = 1024  # a side of the histogram; longer lengths are coarsened
_CHUNK = 1 << 20  # pairs looked at in one go


@dataclasses.dataclass(frozen=True)
class Grid:
  """Shapes, and which pairs they hold.

  Attributes:
    shapes: (rows, source length, target length) of each.
    shape_of_pair_P: int16 (pairs,), the shape that each pair is padded to.
  """

  shapes: tuple[tuple[int, int, int], ...]
  shape_of_pair_P: np.ndarray


def rows_within(batch_tokens: int, source: int, target: int) -> int:
  """Returns how many rows fit into `batch_tokens` positions a side.

  A multiple of 8 where 8 fit; at least 1.
  """
  rows = max(1, batch_tokens // max(source, target))
  return rows // _ROW_MULTIPLE * _ROW_MULTIPLE or rows


def fit(
  source_lengths_P: np.ndarray,
  target_lengths_P: np.ndarray,
  *,
  batch_tokens: int,
  max_shapes: int,
  length_multiple: int,
  min_batches: int,
) -> Grid:
  """Returns at most `max_shapes` shapes that hold every pair.

  Each shape has pairs for `min_batches` batches, except where the corpus is
  too small for two shapes. A corpus of less than one batch gets as many rows
  as pairs, rounded up to a multiple of 8 as far as the budget allows.

  Args:
    source_lengths_P, target_lengths_P: int (pairs,), tokens with EOS.
    batch_tokens: most positions of a batch, a side.
    max_shapes: most shapes.
    length_multiple: lengths of shapes are multiples of it, within the budget.
    min_batches: fewest batches that a shape's pairs fill.
  """
  longest = int(max(source_lengths_P.max(), target_lengths_P.max()))
  unit = length_multiple * -(-longest // (length_multiple * _MAX_CELLS))
  size = (
    -(-int(source_lengths_P.max()) // unit),
    -(-int(target_lengths_P.max()) // unit),
  )

  def cells(part: slice) -> np.ndarray:
    source_P = (source_lengths_P[part].astype(np.int64) - 1) // unit
    return source_P * size[1] + (target_lengths_P[part] - 1) // unit

  pairs = len(source_lengths_P)
  parts = [slice(n, n + _CHUNK) for n in range(0, pairs, _CHUNK)]
  count_ST = np.zeros(size[0] * size[1], np.int64)
  for part in parts:
    count_ST += np.bincount(cells(part), minlength=len(count_ST))
  boxes = _cut_into_boxes(
    count_ST.reshape(size), max_shapes, min_batches, batch_tokens / unit
  )

  shapes = []
  shape_ST = np.zeros(size, np.int16)
  for shape, box in enumerate(boxes):
    shape_ST[
      box.source.start : box.source.stop, box.target.start : box.target.stop
    ] = shape
    source, target = (
      min(stop * unit, max(batch_tokens, longest))
      for stop in (box.source.stop, box.target.stop)
    )
    rows = rows_within(batch_tokens, source, target)
    if len(boxes) == 1:
      rows = min(rows, -(-pairs // _ROW_MULTIPLE) * _ROW_MULTIPLE)
    shapes.append((rows, source, target))
  shape_of_pair_P = np.empty(pairs, np.int16)
  for part in parts:
    shape_of_pair_P[part] = shape_ST.ravel()[cells(part)]
  return Grid(tuple(shapes), shape_of_pair_P)


@dataclasses.dataclass(frozen=True)
class _Cut:
  saved: float
  axis: int
  place: int  # cells before the cut, within the box


@dataclasses.dataclass(frozen=True)
class _Box:
  """A rectangle of the histogram, with pairs on each of its edges."""

  count_ST: np.ndarray
  source: range
  target: range

  @functools.cached_property
  def pairs(self) -> int:
    return int(self.count_ST.sum())


def _cut_into_boxes(
  count_ST: np.ndarray, max_boxes: int, min_batches: int, budget: float
) -> list[_Box]:
  boxes = [_trimmed(count_ST, 0, 0)]
  cuts = [_best_cut(boxes[0], min_batches, budget)]
  while len(boxes) < max_boxes:
    best = max(range(len(boxes)), key=lambda box: cuts[box].saved)
    if cuts[best].saved <= 0:
      break
    halves = _halves(boxes.pop(best), cuts.pop(best))
    boxes.extend(halves)
    cuts.extend(_best_cut(half, min_batches, budget) for half in halves)
  return sorted(boxes, key=lambda box: (box.source.stop, box.target.stop))


def _best_cut(box: _Box, min_batches: int, budget: float) -> _Cut:
  cuts = []
  for axis, count_XY, x_start, y_start in (
    (0, box.count_ST, box.source.start, box.target.start),
    (1, box.count_ST.T, box.target.start, box.source.start),
  ):
    if len(count_XY) == 1:
      continue
    count_X = count_XY.sum(1)
    places_X = np.arange(1, len(count_X) + 1)
    # Far corners of what lies before and behind each cut: the last occupied
    # row so far, and the longest occupied column.
    occupied_XY = count_XY > 0
    far_x_X = x_start + np.where(count_X > 0, places_X, 0)
    far_y_X = y_start + np.where(
      count_X > 0,
      count_XY.shape[1] - np.argmax(occupied_XY[:, ::-1], axis=1),
      0,
    )
    before = (
      np.cumsum(count_X)[:-1],
      np.maximum.accumulate(far_x_X)[:-1],
      np.maximum.accumulate(far_y_X)[:-1],
    )
    behind = (
      box.pairs - before[0],
      x_start + len(count_X),
      np.maximum.accumulate(far_y_X[::-1])[::-1][1:],
    )
    saved_X = _cost(box.pairs, box.source.stop, box.target.stop) - (
      _cost(*before) + _cost(*behind)
    )
    for pairs, x, y in (before, behind):
      saved_X[pairs * np.maximum(x, y) < min_batches * budget] = 0
    place = int(np.argmax(saved_X))
    cuts.append(_Cut(float(saved_X[place]), axis, place + 1))
  return max(cuts, key=lambda cut: cut.saved, default=_Cut(0.0, 0, 0))


def _cost(pairs: Any, source: Any, target: Any) -> Any:
  """Work and room: padded positions, and the share of the token budget.

  The budget is what the longer side takes, so it counts for both sides. (Of
  positions alone the two sides come out less even.) Numbers or arrays.
  """
  return pairs * (source + target + 2 * np.maximum(source, target))


def _halves(box: _Box, cut: _Cut) -> tuple[_Box, _Box]:
  source, target, place = box.source.start, box.target.start, cut.place
  if cut.axis == 0:
    return (
      _trimmed(box.count_ST[:place], source, target),
      _trimmed(box.count_ST[place:], source + place, target),
    )
  return (
    _trimmed(box.count_ST[:, :place], source, target),
    _trimmed(box.count_ST[:, place:], source, target + place),
  )


def _trimmed(count_ST: np.ndarray, source: int, target: int) -> _Box:
  rows = np.flatnonzero(count_ST.any(axis=1))
  columns = np.flatnonzero(count_ST.any(axis=0))
  inner = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
  return _Box(
    count_ST[inner],
    range(source + int(inner[0].start), source + int(inner[0].stop)),
    range(target + int(inner[1].start), target + int(inner[1].stop)),
  )
