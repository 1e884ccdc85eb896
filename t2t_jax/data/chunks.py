"""A chunk of a split's pairs, encoded: made by any process, kept in a file.

A chunk depends on nothing but its pairs, its number and the settings, so the
files are the same whoever makes them and in what order.

The arrays of a chunk of N pairs (or lines, of one stack), K of which are kept:
  reasons (N,): as `cleaning` numbers them; none is a duplicate yet
  hashes (N,): of each pair, where duplicates are to be found
  {side}_best (K,): tokens of the best segmentations
  unknown (K,): unknown tokens of both sides
  words (K,): of lines alone
  {side}_tokens_{s}, {side}_lengths_{s}: ids of segmentation s
  rows_{s} (K,): sentences that each line became, where it may be several
"""

import dataclasses
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from t2t_jax.config import DataConfig, VocabularyConfig
from t2t_jax.data import cleaning
from t2t_jax.data.token_files import id_type
from t2t_jax.data.tokenizer import Tokenizer, Tokenizers
from t2t_jax.data.word_encoder import WordEncoder

Arrays = dict[str, np.ndarray]
Flat = tuple[np.ndarray, np.ndarray]  # all ids in a row; their lengths
SIDES = ('source', 'target')


@dataclasses.dataclass(frozen=True)
class Settings:
  """What decides how a chunk is encoded, besides the vocabulary itself."""

  task: str
  data: DataConfig
  vocabulary: VocabularyConfig
  training: bool

  @property
  def unit(self) -> str:
    """What the text consists of."""
    return 'pairs' if self.task == 'translation' else 'lines'

  @property
  def samplings(self) -> int:
    """Segmentations that each pair is written in."""
    return self.vocabulary.samplings if self.training else 1

  @property
  def hashed(self) -> bool:
    return self.training and self.data.remove_duplicates


class Encoder:
  """Cleans and encodes chunks of sentence pairs."""

  def __init__(self, tokenizers: Tokenizers, settings: Settings):
    self._settings = settings
    source = WordEncoder(tokenizers.source)
    # One vocabulary has one table of words.
    target = source if tokenizers.joint else WordEncoder(tokenizers.target)
    self._encoders = source, target
    self._tokenizers = tokenizers.source, tokenizers.target

  def __call__(self, pairs: Sequence[tuple[str, str]], number: int) -> Arrays:
    """Returns the arrays of chunk `number`."""
    settings, data = self._settings, self._settings.data
    reason_N = cleaning.text_reasons(pairs, data, training=settings.training)
    arrays: Arrays = {}
    if settings.hashed:
      arrays['hashes'] = cleaning.pair_hashes(pairs)
    pair_P = np.flatnonzero(reason_N == cleaning.KEPT)
    best = [
      encode([pairs[pair][side] for pair in pair_P.tolist()])
      for side, encode in enumerate(self._encoders)
    ]
    if settings.training:
      reason_P = cleaning.length_reasons(best[0][1], best[1][1], data)
      reason_N[pair_P] = reason_P
      kept_P = reason_P == cleaning.KEPT
      best = [select(flat, np.flatnonzero(kept_P)) for flat in best]
      pair_P = pair_P[kept_P]
    arrays['reasons'] = reason_N
    arrays['unknown'] = np.sum(
      [
        count_token(flat, tokenizer.unk_id)
        for flat, tokenizer in zip(best, self._tokenizers, strict=True)
      ],
      axis=0,
    )
    for side, name in enumerate(SIDES):
      tokenizer = self._tokenizers[side]
      arrays[f'{name}_best'] = best[side][1].astype(np.int32)
      lines = [pairs[pair][side] for pair in pair_P.tolist()]
      for sampling in range(settings.samplings):
        tokens, lengths = best[side]
        if settings.samplings > 1:
          seed = 2 * (number * settings.samplings + sampling) + 1 + side
          tokens, lengths = self._draw(tokenizer, best[side], lines, seed)
        ids = tokens.astype(id_type(tokenizer.vocab_size))
        arrays[f'{name}_tokens_{sampling}'] = ids
        arrays[f'{name}_lengths_{sampling}'] = lengths.astype(np.int32)
    return arrays

  def _draw(
    self, tokenizer: Tokenizer, best: Flat, lines: list[str], seed: int
  ) -> Flat:
    """A random segmentation of each line; the best where that is too long."""
    settings = self._settings
    rate = settings.vocabulary.sampling_rate
    drawn = tokenizer.sample(lines, rate, seed)
    others = np.split(best[0], np.cumsum(best[1])[:-1])
    sequences = [
      np.array([*ids, tokenizer.eos_id])
      if len(ids) < settings.data.max_tokens
      else other
      for ids, other in zip(drawn, others, strict=False)
    ]
    tokens = np.concatenate(sequences) if sequences else best[0]
    return tokens, np.fromiter(map(len, sequences), np.int64, len(sequences))


def select(flat: Flat, chosen: np.ndarray) -> Flat:
  """Returns the sentences of numbers `chosen`, in that order."""
  tokens, lengths = flat
  if len(chosen) == len(lengths) and (np.diff(chosen) == 1).all():
    return flat
  starts = (np.cumsum(lengths, dtype=np.int64) - lengths)[chosen]
  lengths = lengths[chosen]
  ends = np.cumsum(lengths, dtype=np.int64)
  shift = np.repeat(starts - (ends - lengths), lengths)
  return tokens[np.arange(len(shift)) + shift], lengths


def save(path: Path, arrays: Arrays) -> None:
  """Writes a chunk's file, whole or not at all."""
  building = path.with_name(f'{path.stem}.{os.getpid()}.tmp')
  with building.open('wb') as file:
    np.savez(file, **arrays)  # type: ignore[arg-type]
  os.replace(building, path)


def is_whole(path: Path) -> bool:
  """Whether a chunk's file is there with all that it should hold."""
  return zipfile.is_zipfile(path)


def load(path: Path, *names: str) -> Arrays:
  """Returns a chunk's arrays, or some of them."""
  with np.load(path) as arrays:
    return {name: arrays[name] for name in names or arrays.files}


def count_token(flat: Flat, token: int) -> np.ndarray:
  """Returns int64 (sentences,): how often a token is in each."""
  tokens, lengths = flat
  found = np.concatenate([[0], np.cumsum(tokens == token)])
  return np.diff(found[np.cumsum(lengths)], prepend=0)
