"""Which pairs are left out, and how many for which reason."""

import dataclasses
import hashlib

import numpy as np

from t2t_jax.config import DataConfig


@dataclasses.dataclass
class Counts:
  """Pairs read, left out (by the first reason that applies) and kept."""

  read: int = 0
  empty: int = 0
  duplicates: int = 0
  too_long: int = 0
  length_ratio: int = 0
  kept: int = 0
  source_tokens: int = 0  # of the kept pairs, with EOS
  target_tokens: int = 0
  unknown_tokens: int = 0
  over_long_kept: int = 0  # among the kept, outside of training
  samplings: int = 1  # random segmentations that a kept pair is written in

  def describe(self) -> str:
    """Returns the counts as one line of text."""
    left_out = ', '.join(
      f'{getattr(self, name):,} {name.replace("_", " ")}'
      for name in ('empty', 'duplicates', 'too_long', 'length_ratio')
    )
    over_long = (
      f' ({self.over_long_kept:,} over data.max_tokens)'
      if self.over_long_kept
      else ''
    )
    samplings = (
      f'; written in {self.samplings} random segmentations'
      if self.samplings > 1
      else ''
    )
    return (
      f'{self.kept:,} of {self.read:,} pairs kept{over_long}, left out: '
      f'{left_out}; {self.source_tokens:,} source and '
      f'{self.target_tokens:,} target tokens, {self.unknown_tokens:,} unknown'
      f'{samplings}'
    )


class TextFilter:
  """Leaves out pairs with an empty side and, if asked to, repeated pairs."""

  def __init__(self, remove_duplicates: bool, counts: Counts):
    self._seen: set[bytes] | None = set() if remove_duplicates else None
    self._counts = counts

  def __call__(self, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    self._counts.read += len(pairs)
    filled = [pair for pair in pairs if pair[0].strip() and pair[1].strip()]
    self._counts.empty += len(pairs) - len(filled)
    if self._seen is None:
      return filled
    unseen = [pair for pair in filled if self._is_new(pair)]
    self._counts.duplicates += len(filled) - len(unseen)
    return unseen

  def _is_new(self, pair: tuple[str, str]) -> bool:
    assert self._seen is not None
    before = len(self._seen)
    self._seen.add(digest(pair))
    return len(self._seen) > before


def digest(pair: tuple[str, str]) -> bytes:
  """Returns a short hash of a pair of lines."""
  # A line holds no \n, so the joined text is the pair's alone.
  return hashlib.blake2b('\n'.join(pair).encode(), digest_size=12).digest()


def keep_lengths(
  source_lengths_P: np.ndarray,
  target_lengths_P: np.ndarray,
  data: DataConfig,
  counts: Counts,
  *,
  drop: bool,
) -> np.ndarray:
  """Returns bool (P,): which pairs to keep by their lengths.

  Args:
    source_lengths_P, target_lengths_P: int (P,), tokens with EOS.
    data: the longest side and the highest ratio of the sides.
    counts: grows by the pairs left out, or over-long and kept.
    drop: whether any are left out; as in training.
  """
  longer_P = np.maximum(source_lengths_P, target_lengths_P)
  shorter_P = np.minimum(source_lengths_P, target_lengths_P)
  too_long_P = longer_P > data.max_tokens
  if not drop:
    counts.over_long_kept += int(too_long_P.sum())
    return np.ones_like(too_long_P)
  uneven_P = ~too_long_P & (longer_P > data.max_length_ratio * shorter_P)
  counts.too_long += int(too_long_P.sum())
  counts.length_ratio += int(uneven_P.sum())
  return ~too_long_P & ~uneven_P
