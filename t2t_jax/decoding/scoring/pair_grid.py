"""The closed grid of array shapes that pairs are scored in."""

import dataclasses
from collections.abc import Sequence

from t2t_jax.decoding.shapes import rows_of

_SHORTEST = 16


@dataclasses.dataclass(frozen=True)
class PairGrid:
  """Rows and the one padded length of both sides of a batch.

  Both sides of a pair are about as long, so a square shape wastes little, and
  there are few of them to compile: a dozen up to 1,024 tokens. The grid has no
  end, as a pair cannot be scored in parts. A pair's shape follows from its own
  length alone, whatever comes with it.

  Attributes:
    batch_tokens: rows x length of a device are at most this, if one row is.
    devices: that batches are split over; it divides their rows.
    longest: positions that the model has for either side; None: no limit.
  """

  batch_tokens: int
  devices: int = 1
  longest: int | None = None

  def padded_length(self, length: int) -> int:
    """Returns 16, 24, 32, 48, 64, 96, ...: the first that holds `length`."""
    padded = _SHORTEST
    while padded < length:
      # A half more, then a third more: the next power of two.
      padded += padded // 2 if padded & (padded - 1) == 0 else padded // 3
    return padded if self.longest is None else min(padded, self.longest)

  def rows(self, length: int, few: bool) -> int:
    """Returns the rows of a batch of padded `length`."""
    return rows_of(self.batch_tokens // length, self.devices, few)

  def batches(
    self, lengths: Sequence[int], few: bool
  ) -> list[tuple[int, int, list[int]]]:
    """Returns (rows, length, indices into `lengths`), longest first.

    Args:
      lengths: of each pair's longer side, with EOS.
      few: takes small batches, for a request of few pairs.
    """
    groups: dict[int, list[int]] = {}
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
      groups.setdefault(self.padded_length(lengths[index]), []).append(index)
    return [
      (rows, length, group[start : start + rows])
      for length, group in groups.items()
      for rows in [self.rows(length, few)]
      for start in range(0, len(group), rows)
    ]
