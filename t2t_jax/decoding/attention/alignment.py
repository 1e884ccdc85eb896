"""Which target word was written from which source word.

Links come from encoder-decoder attention: a target word is linked to the
source word that it attends to most. EOS is no word: weight on the source's EOS
links nothing.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from t2t_jax.data.subwords import Tokenizer
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.attention.attention_reader import (
  AttentionReader,
  HeadSet,
  Pair,
)
from t2t_jax.decoding.translation import Translation


@dataclasses.dataclass(frozen=True)
class Alignment:
  """Links between the words (or pieces) of a source and its target.

  Attributes:
    source, target: the words, in order.
    links: (source index, target index), from 0, in the target's order.
  """

  source: tuple[str, ...]
  target: tuple[str, ...]
  links: tuple[tuple[int, int], ...]

  @property
  def pharaoh(self) -> str:
    """Returns the links as `0-0 1-2`, as fast_align and Moses write them."""
    return ' '.join(f'{source}-{target}' for source, target in self.links)


class Aligner:
  """Aligns sentence pairs by the attention of a model."""

  def __init__(
    self,
    reader: AttentionReader,
    tokenizers: Tokenizers,
    *,
    head_set: HeadSet | None = None,
    by_word: bool = True,
    threshold: float = 0.0,
  ):
    """Makes an aligner.

    Args:
      reader: of the model.
      tokenizers: the model's.
      head_set: the heads to average; None: all of the last layer but one.
      by_word: links words; False: subword pieces.
      threshold: a word that gives no source word so much weight is not linked.
    """
    self._reader = reader
    self._tokenizers = tokenizers
    self._head_set = head_set or HeadSet()
    self._by_word = by_word
    self._threshold = threshold

  def align(self, pairs: Sequence[Pair]) -> list[Alignment]:
    """Returns an alignment of each pair.

    A pair that does not fit the model (AttentionReader.fits) has no links.
    """
    fitting = [pair for pair in pairs if self._reader.fits(pair)]
    weights = iter(self._reader.read_cross(fitting, self._head_set))
    return [
      self._align(pair, next(weights) if self._reader.fits(pair) else None)
      for pair in pairs
    ]

  def align_translations(
    self, sources: Sequence[str], translations: Sequence[Translation]
  ) -> list[Alignment | None]:
    """Returns an alignment of each line and its best translation.

    None for a line that is translated in parts, which no weights connect.
    """
    pairs = [
      Pair(source_ids, translation.token_ids)
      for source_ids, translation in zip(
        self._tokenizers.source.encode(sources), translations, strict=True
      )
    ]
    return [
      alignment if self._reader.fits(pair) else None
      for pair, alignment in zip(pairs, self.align(pairs), strict=True)
    ]

  def _align(self, pair: Pair, weights_TS: np.ndarray | None) -> Alignment:
    tokenizers = self._tokenizers
    source = units(tokenizers.source, pair.source_ids, self._by_word)
    target = units(tokenizers.target, pair.target_ids, self._by_word)
    links: list[tuple[int, int]] = []
    if weights_TS is not None:
      links = strongest_links(
        merge_pieces(weights_TS, target, source), self._threshold
      )
    return Alignment(
      tuple(unit.text for unit in source),
      tuple(unit.text for unit in target),
      tuple(links),
    )


class Unit(NamedTuple):
  """A word, or a piece: its text and its positions among the ids."""

  text: str
  places: Sequence[int]


def units(
  tokenizer: Tokenizer, ids: Sequence[int], by_word: bool
) -> list[Unit]:
  """Returns the words that `ids` are, or their pieces as the vocabulary has
  them; BOS, EOS and PAD are units of their own."""
  pieces = tokenizer.pieces(ids)
  if not by_word:
    return [Unit(piece, (place,)) for place, piece in enumerate(pieces)]
  words = tokenizer.words(ids)
  texts = tokenizer.decode([[ids[place] for place in word] for word in words])
  special = (tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id)
  return [
    Unit(pieces[word[0]] if ids[word[0]] in special else text.strip(), word)
    for word, text in zip(words, texts, strict=True)
  ]


def merge_pieces(
  weights_TS: np.ndarray,
  target: Sequence[Unit],
  source: Sequence[Unit],
) -> np.ndarray:
  """Returns weights_YX of target words Y on source words X.

  A word is looked at with the sum of what its pieces get, and looks with the
  mean of what its pieces give, so that rows that summed to one still do.

  Args:
    weights_TS: of pieces; may hold more rows and columns, such as EOS.
    target, source: the words; none of them without pieces.
  """
  columns = [weights_TS[:, list(word.places)].sum(axis=1) for word in source]
  weights_TX = np.stack(columns, axis=1) if columns else weights_TS[:, :0]
  rows = [weights_TX[list(word.places)].mean(axis=0) for word in target]
  return np.stack(rows) if rows else weights_TX[:0]


def strongest_links(
  weights_YX: np.ndarray, threshold: float
) -> list[tuple[int, int]]:
  """Returns (source X, target Y) for each Y with a weight of `threshold`."""
  if not weights_YX.size:
    return []
  return [
    (int(source), target)
    for target, source in enumerate(weights_YX.argmax(axis=1))
    if weights_YX[target, source] >= threshold
  ]
