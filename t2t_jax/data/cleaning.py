"""Which pairs, or lines, are left out, and how many for which reason."""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from t2t_jax.config import DataConfig
from t2t_jax.data import scripts

# In the order in which they are looked at: a pair counts for the first.
REASONS = (
  'empty',
  'duplicates',
  'identical',
  'script',
  'too_long',
  'length_ratio',
)
KEPT = 0  # the number of a pair that is kept; n: left out by REASONS[n - 1]
_NUMBER = {reason: number for number, reason in enumerate(REASONS, 1)}


@dataclasses.dataclass
class Counts:
  """Pairs read, left out (by the first reason that applies) and kept."""

  read: int = 0
  empty: int = 0
  duplicates: int = 0
  identical: int = 0  # both sides the same
  script: int = 0  # a side mostly in another script than its language's
  too_long: int = 0
  length_ratio: int = 0
  kept: int = 0
  source_tokens: int = 0  # of the kept pairs, with EOS
  target_tokens: int = 0
  unknown_tokens: int = 0
  over_long_kept: int = 0  # among the kept: outside of training, or cut
  samplings: int = 1  # random segmentations that a kept pair is written in
  written: int = 0  # pairs in the token files: kept, times weight and samplings
  words: int = 0  # of the kept lines, where a text has one side

  def add_reasons(self, reason_N: np.ndarray) -> None:
    """Counts pairs by the numbers that tell why they are left out."""
    counted = np.bincount(reason_N, minlength=len(REASONS) + 1)
    self.read += len(reason_N)
    self.kept += int(counted[KEPT])
    for reason, number in _NUMBER.items():
      setattr(self, reason, getattr(self, reason) + int(counted[number]))

  def to_dict(self) -> dict[str, int]:
    """Returns the counts, ready for JSON; words where there are some."""
    counts = dataclasses.asdict(self)
    if not self.words:
      del counts['words']
    return counts

  def describe(self, unit: str) -> str:
    """Returns the counts of pairs or lines, which `unit` says, as one line."""
    left_out = ', '.join(
      f'{getattr(self, name):,} {name.replace("_", " ")}'
      for name in REASONS
      if getattr(self, name)
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
    weighted = (
      f'; {self.written:,} in an epoch'
      if self.written != self.kept * self.samplings
      else ''
    )
    size = (
      f'{self.words:,} words, '
      if self.words
      else f'{self.source_tokens:,} source and '
    )
    return (
      f'{self.kept:,} of {self.read:,} {unit} kept{over_long}, left out: '
      f'{left_out or "none"}; {size}{self.target_tokens:,} target tokens, '
      f'{self.unknown_tokens:,} unknown{samplings}{weighted}'
    )


def total(parts: Iterable[Counts]) -> Counts:
  """Returns the counts of all corpora together."""
  summed = Counts()
  for part in parts:
    for field in dataclasses.fields(Counts):
      if field.name == 'samplings':
        summed.samplings = part.samplings
      else:
        value = getattr(summed, field.name) + getattr(part, field.name)
        setattr(summed, field.name, value)
  return summed


def text_reasons(
  pairs: Sequence[tuple[str, str]], data: DataConfig, *, training: bool
) -> np.ndarray:
  """Returns uint8 (pairs,): KEPT, or why the text is left out."""
  reason_N = np.full(len(pairs), KEPT, np.uint8)

  def leave_out(out_N: np.ndarray, reason: str) -> None:
    reason_N[out_N & (reason_N == KEPT)] = _NUMBER[reason]

  is_empty = [not (pair[0].strip() and pair[1].strip()) for pair in pairs]
  leave_out(np.array(is_empty, bool), 'empty')
  if training and data.remove_identical:
    is_same = [source.strip() == target.strip() for source, target in pairs]
    leave_out(np.array(is_same, bool), 'identical')
  if training and data.min_script_share:
    languages = data.source_language, data.target_language
    for side, language in enumerate(languages):
      share_N = scripts.shares([pair[side] for pair in pairs], language)
      leave_out(share_N < data.min_script_share, 'script')
  return reason_N


def line_reasons(
  lines: Sequence[str],
  words_N: np.ndarray,
  data: DataConfig,
  language: str,
  *,
  training: bool,
) -> np.ndarray:
  """Returns uint8 (lines,): KEPT, or why a text of one side is left out.

  Args:
    lines: the text.
    words_N: int (lines,), words of each.
    data: the least share of the script.
    language: of the text.
    training: whether the script matters.
  """
  reason_N = np.full(len(lines), KEPT, np.uint8)
  if training and data.min_script_share:
    share_N = scripts.shares(lines, language)
    reason_N[share_N < data.min_script_share] = _NUMBER['script']
  reason_N[words_N == 0] = _NUMBER['empty']
  return reason_N


def length_reasons(
  source_lengths_P: np.ndarray, target_lengths_P: np.ndarray, data: DataConfig
) -> np.ndarray:
  """Returns uint8 (pairs,): KEPT, or why the lengths leave a pair out.

  Args:
    source_lengths_P, target_lengths_P: int (pairs,), tokens with EOS.
    data: the longest side and the highest ratio of the sides.
  """
  longer_P = np.maximum(source_lengths_P, target_lengths_P)
  shorter_P = np.minimum(source_lengths_P, target_lengths_P)
  reason_P = np.full(len(longer_P), KEPT, np.uint8)
  uneven_P = longer_P > data.max_length_ratio * shorter_P
  reason_P[uneven_P] = _NUMBER['length_ratio']
  reason_P[longer_P > data.max_tokens] = _NUMBER['too_long']
  return reason_P


def pair_hashes(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
  """Returns uint64 (pairs,): a number that equal pairs share."""
  # A line holds no \n, so the joined text is the pair's alone.
  digests = [
    hashlib.blake2b('\n'.join(pair).encode(), digest_size=8).digest()
    for pair in pairs
  ]
  return np.frombuffer(b''.join(digests), np.uint64)


class Repetitions:
  """Finds the pairs that came before, by 64-bit hashes of all pairs.

  8 bytes a pair. Of n different pairs, about n^2 / 2^65 share a hash with
  another by chance: of 36 million 0.00004, so in one preparation of 28,000 a
  pair is taken for another's repetition.
  """

  def __init__(self, hashes: np.ndarray):
    """Takes the hashes of all pairs, in any order; sorts them in place."""
    hashes.sort()
    repeated = hashes[1:][hashes[1:] == hashes[:-1]]
    self._repeated = np.unique(repeated)
    self._seen = np.zeros(len(self._repeated), bool)

  def mark(self, hash_N: np.ndarray) -> np.ndarray:
    """Returns bool (N,): which of the next pairs came before."""
    before_N = np.zeros(len(hash_N), bool)
    if not len(self._repeated):
      return before_N
    place_N = np.searchsorted(self._repeated, hash_N)
    place_N = np.minimum(place_N, len(self._repeated) - 1)
    pairs_R = np.flatnonzero(self._repeated[place_N] == hash_N)
    places, first = np.unique(place_N[pairs_R], return_index=True)
    before_N[pairs_R] = True
    before_N[pairs_R[first]] = self._seen[places]
    self._seen[places] = True
    return before_N


def mark_repetitions(reason_N: np.ndarray, before_N: np.ndarray) -> np.ndarray:
  """Returns the reasons where some pairs came before.

  Empty ones are empty before they are duplicates; else a duplicate is that
  before anything else.
  """
  is_duplicate_N = before_N & (reason_N != _NUMBER['empty'])
  return np.where(is_duplicate_N, _NUMBER['duplicates'], reason_N)
