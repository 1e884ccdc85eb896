"""Encodes and cleans a split, and writes its token files."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from t2t_jax.config import DataConfig, VocabularyConfig
from t2t_jax.data import cleaning, corpora
from t2t_jax.data.token_files import TokenWriter
from t2t_jax.data.tokenizer import Tokenizer, Tokenizers

_CHUNK = 50000  # pairs encoded at one time


def write_split(
  data: DataConfig,
  vocabulary: VocabularyConfig,
  split: str,
  tokenizers: Tokenizers,
  directory: Path,
) -> cleaning.Counts:
  """Writes the `TokenStore` of a split into `directory`, which must be new.

  The training split is cleaned, and written in `vocabulary.samplings` random
  segmentations if these are more than 1; counts are those of the best one.
  Other splits lose pairs with an empty side only; over-long ones are kept whole
  and counted.

  Raises:
    UsageError: text that cannot be read.
  """
  training = split == 'train'
  samplings = vocabulary.samplings if training else 1
  counts = cleaning.Counts(samplings=samplings)
  text_filter = cleaning.TextFilter(training and data.remove_duplicates, counts)
  sizes = (tokenizers.source.vocab_size, tokenizers.target.vocab_size)
  with TokenWriter(directory, sizes) as writer:
    chunks = _chunks(corpora.read_split(data, split), _CHUNK)
    for number, chunk in enumerate(chunks):
      chunk = text_filter(chunk)
      source, source_lengths_P = _encode(
        tokenizers.source, [pair[0] for pair in chunk]
      )
      target, target_lengths_P = _encode(
        tokenizers.target, [pair[1] for pair in chunk]
      )
      keep_P = cleaning.keep_lengths(
        source_lengths_P, target_lengths_P, data, counts, drop=training
      )
      kept = np.flatnonzero(keep_P)
      source = [source[pair] for pair in kept]
      target = [target[pair] for pair in kept]
      counts.kept += len(kept)
      counts.source_tokens += int(source_lengths_P[kept].sum())
      counts.target_tokens += int(target_lengths_P[kept].sum())
      encoded = (tokenizers.source, source), (tokenizers.target, target)
      for tokenizer, best in encoded:
        counts.unknown_tokens += sum(
          ids.count(tokenizer.unk_id) for ids in best
        )
      if samplings == 1:
        writer.extend(source, target)
        continue
      lines = [[chunk[pair][side] for pair in kept] for side in (0, 1)]
      for sampling in range(samplings):
        seed = 2 * (number * samplings + sampling) + 1
        drawn = [
          _draw(
            *encoded[side],
            lines[side],
            vocabulary,
            seed + side,
            data.max_tokens,
          )
          for side in (0, 1)
        ]
        writer.extend(*drawn)
  return counts


def _draw(
  tokenizer: Tokenizer,
  best: list[list[int]],
  lines: list[str],
  vocabulary: VocabularyConfig,
  seed: int,
  longest: int,
) -> list[list[int]]:
  """A random segmentation of each line; the best where that is too long."""
  drawn = tokenizer.sample(lines, vocabulary.sampling_rate, seed)
  return [
    [*ids, tokenizer.eos_id] if len(ids) < longest else other
    for ids, other in zip(drawn, best, strict=True)
  ]


def _encode(
  tokenizer: Tokenizer, lines: list[str]
) -> tuple[list[list[int]], np.ndarray]:
  sequences = tokenizer.encode(lines)
  for ids in sequences:
    ids.append(tokenizer.eos_id)
  return sequences, np.fromiter(map(len, sequences), np.int32, len(sequences))


def _chunks(
  pairs: Iterator[tuple[str, str]], size: int
) -> Iterator[list[tuple[str, str]]]:
  while chunk := list(itertools.islice(pairs, size)):
    yield chunk
