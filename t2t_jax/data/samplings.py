"""Random segmentations of text (subword regularisation).

The same in every process: SentencePiece's own draws are not (0.2.3 salts its
seed in each process). A word is drawn alone, which is exact where no piece
reaches over the start of a word, and has 64 draws of its own, among which each
of its occurrences takes one: so common words cost nothing after a while.
"""

import bisect
import hashlib
import itertools
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

SPACE_MARK = '\u2581'  # what SentencePiece writes for a space
_DRAWS = 64  # of a word; also the best segmentations that unigram draws from
_MOST_ENTRIES = 500_000  # draws kept: some 100 MB


class Sampler:
  """Draws segmentations by one model at one rate."""

  def __init__(self, processor: Any, rate: float):
    self._processor, self._rate = processor, rate
    self._is_bpe = is_bpe(processor)
    self._by_words = splits_words(processor)
    pieces = _normal_pieces(processor)
    self._ids = {processor.id_to_piece(token): token for token in pieces}
    # The lower the earlier: BPE's merges.
    self._rank = {
      piece: -processor.get_score(token) for piece, token in self._ids.items()
    }
    self._drawn: dict[tuple[str, int], list[int]] = {}
    self._best: dict[str, tuple[list[list[int]], list[float]] | None] = {}

  def draw(self, lines: Sequence[str], seed: int) -> list[list[int]]:
    """Returns the ids of a random segmentation of each line."""
    if len(self._drawn) + len(self._best) > _MOST_ENTRIES:
      self._drawn.clear()
      self._best.clear()
    texts = self._processor.normalize(list(lines))
    units = [self._units(*both) for both in zip(lines, texts, strict=True)]
    sizes = np.cumsum([0, *map(len, units)])
    numbers = np.random.Philox(key=seed).random_raw(int(sizes[-1])) % _DRAWS
    return [
      list(itertools.chain.from_iterable(map(self._draw, words, drawn)))
      for words, drawn in zip(
        units,
        map(np.ndarray.tolist, np.split(numbers, sizes[1:-1])),
        strict=True,
      )
    ]

  def _units(self, line: str, text: str) -> list[str]:
    """Cuts a line into what is drawn at one time: words, or the line."""
    if self._by_words and SPACE_MARK * 2 not in text:
      words = text[1:].split(SPACE_MARK) if text else []
      if self._is_bpe:
        return [SPACE_MARK + word for word in words]
      if all(self._candidates(word) for word in words):
        return words
    return [text if self._is_bpe else line]

  def _draw(self, unit: str, number: int) -> list[int]:
    """Returns draw `number` of a unit, which depends on nothing else."""
    found = self._drawn.get((unit, number))
    if found is None:
      choose = self._merge if self._is_bpe else self._choose
      found = choose(unit, _uniform(f'{number} {unit}'))
      self._drawn[unit, number] = found
    return found

  def _merge(self, text: str, uniform: Iterator[float]) -> list[int]:
    """Byte-pair encoding in which a merge is passed over at `rate`.

    Provilkov et al. 2020, algorithm 1: at each step anew, for each place.
    """
    symbols = list(text)
    while True:
      best, place = math.inf, -1
      for start in range(len(symbols) - 1):
        rank = self._rank.get(symbols[start] + symbols[start + 1], math.inf)
        if rank < best and next(uniform) >= self._rate:
          best, place = rank, start
      if place < 0:
        return self._to_ids(symbols)
      symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]

  def _to_ids(self, symbols: list[str]) -> list[int]:
    unknown = self._processor.unk_id()
    ids: list[int] = []
    for symbol in symbols:
      token = self._ids.get(symbol, unknown)
      if token != unknown:
        ids.append(token)
        continue
      spelt = [
        self._processor.piece_to_id(f'<0x{byte:02X}>')
        for byte in symbol.encode()
      ]
      if unknown not in spelt:
        ids += spelt
      elif ids[-1:] != [unknown]:  # SentencePiece joins what is unknown
        ids.append(unknown)
    return ids

  def _choose(self, text: str, uniform: Iterator[float]) -> list[int]:
    """Draws among the best with probability^rate (Kudo 2018, 3.2)."""
    found = self._candidates(text, always=True)
    assert found is not None
    candidates, cumulative = found
    place = bisect.bisect(cumulative, next(uniform) * cumulative[-1])
    return candidates[min(place, len(candidates) - 1)]

  def _candidates(
    self, text: str, always: bool = False
  ) -> tuple[list[list[int]], list[float]] | None:
    """Returns the best segmentations and their cumulative weights.

    None where a word alone is not what it is in its line, but for `always`.
    """
    if text not in self._best or (always and self._best[text] is None):
      self._best[text] = None
      is_itself = self._processor.normalize(text) == SPACE_MARK + text
      if always or is_itself:
        best = self._processor.nbest_encode_as_ids(text, _DRAWS) or [[]]
        scores = [sum(map(self._processor.get_score, ids)) for ids in best]
        weights = [math.exp(self._rate * (s - max(scores))) for s in scores]
        self._best[text] = best, list(itertools.accumulate(weights))
    return self._best[text]


def _uniform(key: str) -> Iterator[float]:
  """Yields numbers in [0, 1) that follow from `key`; far quicker to start than
  a generator of the standard library."""
  for block in itertools.count():
    digest = hashlib.blake2b(f'{block} {key}'.encode()).digest()
    for number in struct.unpack('<16I', digest):
      yield number / 2**32


def is_bpe(processor: Any) -> bool:
  """Whether a model is byte-pair encoding, as trained here."""
  # Merges are ranked 0, 1, ...; unigram's scores are log-probabilities.
  ranks = sorted(-processor.get_score(n) for n in _normal_pieces(processor))
  return ranks == list(range(len(ranks)))


def splits_words(processor: Any) -> bool:
  """Whether no piece reaches over the start of a word, which has a mark."""
  return (
    processor.piece_to_id(SPACE_MARK) != processor.unk_id()
    and processor.normalize(['a']) == [f'{SPACE_MARK}a']
    and not any(
      SPACE_MARK in processor.id_to_piece(token).lstrip(SPACE_MARK)
      for token in range(processor.get_piece_size())
    )
  )


def _normal_pieces(processor: Any) -> list[int]:
  special = processor.is_control, processor.is_unknown, processor.is_byte
  return [
    token
    for token in range(processor.get_piece_size())
    if not any(kind(token) for kind in special)
  ]
