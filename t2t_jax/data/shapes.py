"""Fits a few padded batch shapes to a corpus's lengths.

Many candidate shapes are laid over the plane of (source length, target
length); each pair is padded to the cheapest one that holds it. Then the shape
that costs least to do without goes, again and again, until few enough are
left. All of it works on the histogram of lengths, so the cost hardly grows
with the corpus.
"""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

_ROW_MULTIPLE = 8  # rows divide over devices and micro-batches
_MAX_CELLS = 256  # a side of the histogram; longer lengths are coarsened
_CANDIDATES = 48  # lengths a side that shapes are chosen from
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


def round_rows(pairs: int) -> int:
  """Returns the rows that hold so many pairs: the next multiple of 8."""
  return -(-pairs // _ROW_MULTIPLE) * _ROW_MULTIPLE


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
  pairs = len(source_lengths_P)
  longest = int(max(source_lengths_P.max(), target_lengths_P.max()))
  unit = length_multiple * -(-longest // (length_multiple * _MAX_CELLS))
  size = (
    -(-int(source_lengths_P.max()) // unit),
    -(-int(target_lengths_P.max()) // unit),
  )
  # No longer than their longest pair needs, where a cell is many multiples.
  most_source, most_target = (
    min(
      max(batch_tokens, longest),
      -(-int(lengths_P.max()) // length_multiple) * length_multiple,
    )
    for lengths_P in (source_lengths_P, target_lengths_P)
  )

  def cells(part: slice) -> np.ndarray:
    source_P = (source_lengths_P[part].astype(np.int64) - 1) // unit
    return source_P * size[1] + (target_lengths_P[part] - 1) // unit

  def shape(source: int, target: int) -> tuple[int, int, int]:
    source = min(source * unit, most_source)
    target = min(target * unit, most_target)
    return rows_within(batch_tokens, source, target), source, target

  parts = [slice(n, n + _CHUNK) for n in range(0, pairs, _CHUNK)]
  count_N = np.zeros(size[0] * size[1], np.int64)
  for part in parts:
    count_N += np.bincount(cells(part), minlength=len(count_N))

  candidates = _Candidates(count_N.reshape(size))
  while candidates.number > 1:
    among = None
    if candidates.number <= max_shapes:
      among = [
        box.candidate
        for box in candidates.boxes()
        if box.pairs < min_batches * shape(box.source, box.target)[0]
      ]
      if not among:
        break
    candidates.remove_cheapest(among)

  boxes = candidates.boxes()
  shapes = [shape(box.source, box.target) for box in boxes]
  if len(boxes) == 1:
    rows, source, target = shapes[0]
    shapes = [(min(rows, round_rows(pairs)), source, target)]
  shape_N = np.zeros(len(count_N), np.int16)
  for number, box in enumerate(boxes):
    shape_N[candidates.cells_of(box.candidate)] = number
  shape_of_pair_P = np.empty(pairs, np.int16)
  for part in parts:
    shape_of_pair_P[part] = shape_N[cells(part)]
  return Grid(tuple(shapes), shape_of_pair_P)


class _Box(NamedTuple):
  """A candidate with its pairs' number and their longest lengths, in cells."""

  candidate: int
  pairs: int
  source: int
  target: int


class _Candidates:
  """Shapes to choose from, each with the cells of the histogram it holds.

  N are the occupied cells, C the candidates, by increasing cost of a pair.
  """

  def __init__(self, count_ST: np.ndarray):
    self._width = count_ST.shape[1]
    source_N, target_N = np.nonzero(count_ST)
    self._count_N = count_ST[source_N, target_N]
    self._source_N, self._target_N = source_N + 1, target_N + 1
    shapes = [
      (source, target)
      for source in _spread(count_ST.sum(1))
      for target in _spread(count_ST.sum(0))
    ]
    source_C, target_C = np.array(
      sorted(shapes, key=lambda shape: (_cost(*shape), shape))
    ).T
    self._cost_C = _cost(source_C, target_C)
    self._holds_NC = (self._source_N[:, None] <= source_C) & (
      self._target_N[:, None] <= target_C
    )
    # The last one, the far corner of the plane, holds every cell and stays.
    self._left_C = np.ones(len(shapes), bool)
    self._best_N = np.argmax(self._holds_NC, axis=1)
    self._second_N = self._next_best(np.arange(len(source_N)))

  @property
  def number(self) -> int:
    """How many hold any pairs."""
    return int(np.count_nonzero(np.bincount(self._best_N)))

  def boxes(self) -> list[_Box]:
    """Returns those that hold any pairs."""
    found = []
    for candidate in np.flatnonzero(np.bincount(self._best_N)):
      here_N = self._best_N == candidate
      found.append(
        _Box(
          int(candidate),
          int(self._count_N[here_N].sum()),
          int(self._source_N[here_N].max()),
          int(self._target_N[here_N].max()),
        )
      )
    return found

  def cells_of(self, candidate: int) -> np.ndarray:
    """Returns the flat places of its cells in the histogram."""
    here_N = self._best_N == candidate
    return (self._source_N[here_N] - 1) * self._width + (
      self._target_N[here_N] - 1
    )

  def remove_cheapest(self, among: list[int] | None) -> None:
    """Lets go the candidate whose pairs cost least elsewhere.

    Args:
      among: those that have to grow or go; None if any may go. Where only the
        far corner has to grow, one that would give it pairs goes.
    """
    last = len(self._cost_C) - 1
    if among == [last]:
      among = list(self._best_N[self._second_N == last])
    may_go_C = self._left_C.copy()
    may_go_C[last] = False
    if among is not None and may_go_C[among].any():
      may_go_C &= np.isin(np.arange(last + 1), among)
    extra_N = self._cost_C[self._second_N] - self._cost_C[self._best_N]
    loss_C = np.bincount(
      self._best_N, extra_N * self._count_N, minlength=last + 1
    )
    self._remove(int(np.argmin(np.where(may_go_C, loss_C, np.inf))))

  def _remove(self, candidate: int) -> None:
    self._left_C[candidate] = False
    self._holds_NC[:, candidate] = False
    lost_N = self._best_N == candidate
    self._best_N[lost_N] = self._second_N[lost_N]
    changed = np.flatnonzero(lost_N | (self._second_N == candidate))
    self._second_N[changed] = self._next_best(changed)

  def _next_best(self, cells: np.ndarray) -> np.ndarray:
    """Returns the second cheapest of some cells, the first if there is none."""
    holds_NC = self._holds_NC[cells]
    holds_NC[np.arange(len(cells)), self._best_N[cells]] = False
    second_N = np.argmax(holds_NC, axis=1)
    return np.where(holds_NC.any(axis=1), second_N, self._best_N[cells])


def _cost(source: Any, target: Any) -> Any:
  """Returns what a pair costs in a shape: work and room in the batch.

  Padded positions are work; the longer side also takes the token budget.
  Numbers or arrays.
  """
  return source + target + np.maximum(source, target)


def _spread(count_L: np.ndarray) -> list[int]:
  """Returns lengths, in cells, between which equal numbers of tokens lie."""
  tokens_L = np.cumsum(count_L * np.arange(1, len(count_L) + 1))
  marks = tokens_L[-1] * np.arange(1, _CANDIDATES + 1) / _CANDIDATES
  return sorted({int(n) + 1 for n in np.searchsorted(tokens_L, marks)})
