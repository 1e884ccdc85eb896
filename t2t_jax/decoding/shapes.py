"""The closed grid of array shapes that translation runs in.

Every shape is compiled once. The shape in which a line's search begins follows
from its own length. How many rows it ends in depends on when the lines of its
batch end: but for rounding that changes nothing.
"""

import dataclasses
import itertools
from collections.abc import Hashable, Sequence

# Requests of so few lines (a person at a prompt) run in batches of so few rows.
FEW_ROWS = 8


def first_lengths(source_length: int, max_length: int) -> tuple[int, ...]:
  """Returns the lengths that a search's cache takes before `max_length`.

  Most targets are about as long as their source: a cache of that length
  first makes a batch up to three times as fast (4 layers, d_model 128, beam
  4, 16 source tokens), at the price of compiling the step twice. Where targets
  may be far longer (a parser's, by 300 symbols) it doubles on the way.
  """
  usual = source_length + source_length // 4 + 4
  doubled = (usual << n for n in itertools.count())
  return tuple(
    itertools.takewhile(lambda length: 1.5 * length <= max_length, doubled)
  )


def rows_of(full: int, devices: int, few: bool) -> int:
  """Returns the rows of a batch.

  Args:
    full: as many as each device has room for; one at least is taken.
    devices: that it is split over; it divides the rows.
    few: for a request of few lines, which all devices share.
  """
  full = max(1, full)
  each = min(full, -(-FEW_ROWS // devices)) if few else full
  return each * devices


@dataclasses.dataclass(frozen=True)
class ShapeGrid:
  """Padded source lengths, and the rows of a batch for each.

  Attributes:
    longest: most source tokens of a row, with EOS.
    batch_tokens: rows x source length x beams of a device are at most this,
      if one row is.
    beam_size: beams, or samples, of a sentence.
    devices: that batches are dealt out to; it divides their rows.
    at_once: batches that are searched at one time: lines of fewer go into as
      many times as small ones.
  """

  longest: int
  batch_tokens: int
  beam_size: int
  devices: int
  at_once: int = 1

  def source_lengths(self) -> tuple[int, ...]:
    """16, 32, 64, ... up to `longest`.

    Coarse, for the source's length costs little: the encoder runs once, and
    each shape takes seconds to compile.
    """
    powers = itertools.takewhile(
      lambda length: length < self.longest, (16 << n for n in itertools.count())
    )
    return (*powers, self.longest)

  def padded_length(self, length: int) -> int:
    """Returns the source length that a row of `length` tokens is padded to."""
    return next(n for n in self.source_lengths() if n >= length)

  def rows(self, source_length: int, few: bool, shares: int = 1) -> int:
    """Returns the rows of a batch of padded `source_length`, which has one of
    `shares` of the tokens."""
    tokens = self.batch_tokens // shares
    full = tokens // (source_length * self.beam_size)
    return rows_of(full, self.devices, few)

  def last_rows(self, rows: int) -> int:
    """Returns the rows in which the search of a batch of `rows` ends: a
    quarter, or all where that is too small to be compiled for.

    Each further size would be compiled apart, for less: on Multi30k a quarter
    saves 20 % of the rows of all steps, a half before it 4 % more.
    """
    quarter = -(-rows // (4 * self.devices))
    return quarter * self.devices if quarter >= FEW_ROWS else rows

  def shapes(self) -> tuple[tuple[int, int], ...]:
    """Returns every (rows, source length) that can occur."""
    return tuple(
      sorted(
        {
          (self.rows(length, few, shares), length)
          for length in self.source_lengths()
          for few in (False, True)
          for shares in (1, self.at_once)
        }
      )
    )

  def batches(
    self,
    lengths: Sequence[int],
    few: bool,
    kinds: Sequence[Hashable] | None = None,
  ) -> list[tuple[int, int, list[int]]]:
    """Returns (rows, source length, indices into `lengths`), longest first.

    Rows of like length go together, for a batch takes as many steps as its
    longest row; a batch may hold fewer indices than rows. Rows of different
    `kinds` stay apart.
    """
    groups: dict[tuple[int, Hashable], list[int]] = {}
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
      kind = kinds[index] if kinds else None
      key = self.padded_length(lengths[index]), kind
      groups.setdefault(key, []).append(index)
    batches = self._cut(groups, few, shares=1)
    if len(batches) < self.at_once:
      batches = self._cut(groups, few, shares=self.at_once)
    return batches

  def _cut(
    self,
    groups: dict[tuple[int, Hashable], list[int]],
    few: bool,
    shares: int,
  ) -> list[tuple[int, int, list[int]]]:
    batches = []
    for (source_length, _), group in groups.items():
      rows = self.rows(source_length, few, shares)
      small = self.rows(source_length, few, self.at_once)
      for start in range(0, len(group), rows):
        now = group[start : start + rows]
        batches.append(
          (small if len(now) <= small else rows, source_length, now)
        )
    return batches
