"""What times over n come to: exponents, and where one layer crosses another."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.table1 import CROSSINGS, FORMULAS, Sizes

_FORMULAS = {
  'self-attention': 'n^2 d',
  'restricted': 'r n d',
  'recurrent': 'n d^2',
  'convolutional': 'k n d^2',
}


def summarise(
  records: Sequence[Mapping[str, Any]], sizes: Sizes
) -> list[dict[str, Any]]:
  """Returns a row a layer: its exponent, and what `crossing` finds."""
  times = times_of(records)
  rows: list[dict[str, Any]] = []
  for name in FORMULAS:
    row = {
      'layer': name,
      'formula': _FORMULAS[name],
      'exponent': exponent(times[name]),
    }
    if name in CROSSINGS:
      row['crossing_by_formula'] = CROSSINGS[name](sizes)
      row['crossing'] = crossing(times['self-attention'], times[name]) or 'none'
    rows.append(row)
  return rows


def times_of(
  records: Sequence[Mapping[str, Any]],
) -> dict[str, dict[int, float]]:
  """Returns {layer: {n: best seconds}}."""
  times: dict[str, dict[int, float]] = {}
  for record in records:
    times.setdefault(record['layer'], {})[record['n']] = record['best_s']
  return times


def exponent(times: Mapping[int, float]) -> float | None:
  """Returns the slope of log time over log n in the longer half of the
  lengths, by least squares; None of one length."""
  lengths = sorted(times)[len(times) // 2 - (len(times) < 4) :]
  if len(times) < 2:
    return None
  xs = [math.log(n) for n in lengths]
  ys = [math.log(times[n]) for n in lengths]
  x, y = sum(xs) / len(xs), sum(ys) / len(ys)
  over = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
  return over / sum((a - x) ** 2 for a in xs)


def crossing(
  ours: Mapping[int, float], theirs: Mapping[int, float]
) -> int | None:
  """Returns the n from which `ours` takes longer, between two lengths by log
  interpolation; None if it does not do so to the last, or does from the
  first."""
  lengths = sorted(ours)
  gaps = [math.log(ours[n] / theirs[n]) for n in lengths]
  for i in reversed(range(len(lengths) - 1)):
    if gaps[i + 1] <= 0:
      return None
    if gaps[i] <= 0:
      share = gaps[i] / (gaps[i] - gaps[i + 1])
      return round(lengths[i] * (lengths[i + 1] / lengths[i]) ** share)
  return None
