"""Rows of a language model's text, and of words with labels.

They are those of sentence pairs, so all that reads token files serves these:

  language_model  source: EOS alone; target: a line's tokens and EOS. A line
                  of more than data.max_tokens is cut into rows, of which the
                  last alone ends in EOS: nothing is left out.
  tagging, classification
                  source: a line's tokens and EOS; target: its labels, as
                  labels.py places them.

The arrays of a chunk are those that `chunks` tells of.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from t2t_jax.data import cleaning, labels
from t2t_jax.data.chunks import Arrays, Flat, Settings, count_token, select
from t2t_jax.data.token_files import id_type
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.data.vocabulary import split_tokens
from t2t_jax.data.word_encoder import WordEncoder, flatten

_Lines = Sequence[tuple[str, str]]


def cut(ids: list[int], longest: int) -> list[list[int]]:
  """Returns `ids` in parts of at most `longest`, one where there are none."""
  starts = range(0, max(len(ids), 1), longest)
  return [ids[start : start + longest] for start in starts]


class TextEncoder:
  """Cleans and encodes chunks of a language model's lines."""

  def __init__(self, tokenizers: Tokenizers, settings: Settings):
    self._settings = settings
    self._tokenizer = tokenizers.target
    self._encode = WordEncoder(tokenizers.target)

  def __call__(self, lines: _Lines, number: int) -> Arrays:
    """Returns the arrays of chunk `number`."""
    settings, tokenizer = self._settings, self._tokenizer
    language = settings.data.target_language
    arrays, kept = _clean(lines, settings, language)
    texts = [text for text, _ in kept]
    best = self._encode(texts)
    arrays['unknown'] = count_token(best, tokenizer.unk_id)
    arrays['target_best'] = best[1].astype(np.int32)
    arrays['source_best'] = self._rows_of(best[1])
    for sampling in range(settings.samplings):
      flat = best
      if settings.samplings > 1:
        seed = number * settings.samplings + sampling + 1
        rate = settings.vocabulary.sampling_rate
        drawn = tokenizer.sample(texts, rate, seed)
        flat = flatten([[*ids, tokenizer.eos_id] for ids in drawn])
      arrays |= self._cut(flat, sampling)
    return arrays

  def _rows_of(self, lengths: np.ndarray) -> np.ndarray:
    """Returns how many rows lines of such lengths, EOS included, are cut to."""
    return -(-lengths // self._settings.data.max_tokens)

  def _cut(self, flat: Flat, sampling: int) -> Arrays:
    """The same tokens as rows, of which all but a line's last are full."""
    tokens, lengths = flat
    rows_K = self._rows_of(lengths)
    longest = self._settings.data.max_tokens
    row_lengths = np.full(rows_K.sum(), longest, np.int32)
    row_lengths[np.cumsum(rows_K) - 1] = lengths - (rows_K - 1) * longest
    ids = id_type(self._tokenizer.vocab_size)
    return {
      f'rows_{sampling}': rows_K,
      f'source_tokens_{sampling}': np.full(
        len(row_lengths), self._tokenizer.eos_id, ids
      ),
      f'source_lengths_{sampling}': np.ones(len(row_lengths), np.int32),
      f'target_tokens_{sampling}': tokens.astype(ids),
      f'target_lengths_{sampling}': row_lengths,
    }


class LabelEncoder:
  """Cleans and encodes chunks of words and labels; in training over-long lines
  are left out."""

  def __init__(self, tokenizers: Tokenizers, settings: Settings):
    self._settings = settings
    self._tokenizers = tokenizers

  def __call__(self, lines: _Lines, number: int) -> Arrays:
    """Returns the arrays of a chunk, whatever its number."""
    del number  # labels belong to one segmentation
    settings, tokenizers = self._settings, self._tokenizers
    source, target = tokenizers.source, tokenizers.target
    language = settings.data.source_language
    arrays, kept = _clean(lines, settings, language)
    texts = [text for text, _ in kept]
    words = labels.encode_words(source, texts, threads=1)
    label_ids = target.encode([of_words for _, of_words in kept])
    of_line = settings.task == 'classification'
    sides = (
      flatten([[*itertools.chain(*ids), source.eos_id] for ids in words]),
      flatten(
        [
          labels.place_labels(*both, target.pad_id, of_line=of_line)
          for both in zip(words, label_ids, strict=True)
        ]
      ),
    )
    if settings.training:
      lengths_P = sides[0][1]
      reason_P = cleaning.length_reasons(lengths_P, lengths_P, settings.data)
      reason_N = arrays['reasons']
      reason_N[reason_N == cleaning.KEPT] = reason_P
      kept_P = np.flatnonzero(reason_P == cleaning.KEPT)
      arrays['words'] = arrays['words'][kept_P]
      sides = select(sides[0], kept_P), select(sides[1], kept_P)
    arrays['source_best'] = sides[0][1]
    arrays['target_best'] = sides[1][1] - count_token(sides[1], target.pad_id)
    arrays['unknown'] = count_token(sides[0], source.unk_id)
    arrays['unknown'] += count_token(sides[1], target.unk_id)
    for name, tokenizer, (tokens, lengths) in zip(
      ('source', 'target'), (source, target), sides, strict=True
    ):
      ids = id_type(tokenizer.vocab_size)
      arrays[f'{name}_tokens_0'] = tokens.astype(ids)
      arrays[f'{name}_lengths_0'] = lengths.astype(np.int32)
    return arrays


def _clean(
  lines: _Lines, settings: Settings, language: str
) -> tuple[Arrays, list[tuple[str, str]]]:
  """Returns reasons, hashes and words of a chunk, and the lines to encode."""
  words_N = np.array([len(split_tokens(text)) for text, _ in lines], np.int32)
  texts = [text for text, _ in lines]
  reason_N = cleaning.line_reasons(
    texts, words_N, settings.data, language, training=settings.training
  )
  is_kept = reason_N == cleaning.KEPT
  arrays = {'reasons': reason_N, 'words': words_N[is_kept]}
  if settings.hashed:
    arrays['hashes'] = cleaning.pair_hashes(lines)
  return arrays, list(itertools.compress(lines, is_kept.tolist()))
