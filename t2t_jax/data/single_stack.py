"""Token files of a language model's text, and of words with labels.

They are those of sentence pairs, so all that reads them serves these too:

  language_model  source: EOS alone; target: a line's tokens and EOS. A line
                  of more than data.max_tokens is cut into rows, of which the
                  last alone ends in EOS: nothing is left out.
  tagging, classification
                  source: a line's tokens and EOS; target: its labels, as
                  labels.py places them.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from t2t_jax.config import Config
from t2t_jax.data import cleaning, labels, vocabulary
from t2t_jax.data.given_vocabulary import given_tokenizers
from t2t_jax.data.task_lines import Line, read_lines, train_tokenizers
from t2t_jax.data.token_files import TokenWriter
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.errors import UsageError

_CHUNK = 50000  # lines encoded at one time


class Rows(NamedTuple):
  """What lines become: ids with EOS, as many targets as sources."""

  source: list[list[int]]
  target: list[list[int]]


def write_all(
  config: Config, building: Path, progress: Callable[[str], None]
) -> dict[str, Any]:
  """Writes vocabulary/, train/ and dev/ below `building`.

  Returns:
    {'train': counts, 'dev': counts}: those of `cleaning.Counts`, and 'words',
    of the lines that were kept.

  Raises:
    UsageError: text that cannot be read, labels that do not fit their words,
      or nothing left of a split.
  """
  given = given_tokenizers(config)
  origin = (
    config.training.init_from
    or config.vocabulary.source_model
    or 'the training text'
  )
  progress(f'vocabulary: {config.vocabulary.kind}, from {origin}')
  tokenizers = given or train_tokenizers(config)
  tokenizers.save(building / 'vocabulary')
  report = {}
  for split in ('train', 'dev'):
    counts, words = _write_split(config, split, tokenizers, building / split)
    report[split] = {**dataclasses.asdict(counts), 'words': words}
    line = _describe(counts, words)
    progress(f'{split}: {line}')
    if not counts.kept:
      raise UsageError(
        f'config.data: no line of the {split} text is left; {line}'
      )
  return report


def cut(ids: list[int], longest: int) -> list[list[int]]:
  """Returns `ids` in parts of at most `longest`, one where there are none."""
  starts = range(0, max(len(ids), 1), longest)
  return [ids[start : start + longest] for start in starts]


# --- rows ---------------------------------------------------------------------


def _write_split(
  config: Config, split: str, tokenizers: Tokenizers, directory: Path
) -> tuple[cleaning.Counts, int]:
  """Returns the counts of the lines, and the words of those kept."""
  training = split == 'train'
  samplings = config.vocabulary.samplings if training else 1
  counts = cleaning.Counts(samplings=samplings)
  words = 0
  sizes = (tokenizers.source.vocab_size, tokenizers.target.vocab_size)
  lines = _filled(read_lines(config, split), counts)
  if training and config.data.remove_duplicates:
    lines = _unseen(lines, counts)
  make = _text_rows if config.task == 'language_model' else _label_rows
  with TokenWriter(directory, sizes) as writer:
    for number in itertools.count():
      if not (chunk := list(itertools.islice(lines, _CHUNK))):
        break
      for sampling in range(samplings):
        seed = number * samplings + sampling + 1 if samplings > 1 else None
        rows, kept = make(config, chunk, tokenizers, counts, training, seed)
        writer.extend(*rows)
        if sampling == 0:
          counts.kept += len(kept)
          words += sum(len(vocabulary.split_tokens(text)) for text in kept)
          _count_tokens(rows, tokenizers, counts)
  return counts, words


def _text_rows(
  config: Config,
  chunk: list[Line],
  tokenizers: Tokenizers,
  counts: cleaning.Counts,
  training: bool,
  seed: int | None,
) -> tuple[Rows, list[str]]:
  """A language model's rows, and the lines that they hold: all."""
  del counts, training
  tokenizer, settings = tokenizers.target, config.vocabulary
  texts = [text for text, _ in chunk]
  sequences = (
    tokenizer.encode(texts)
    if seed is None
    else tokenizer.sample(texts, settings.sampling_rate, seed)
  )
  target = [
    row
    for ids in sequences
    for row in cut([*ids, tokenizer.eos_id], config.data.max_tokens)
  ]
  return Rows([[tokenizer.eos_id]] * len(target), target), texts


def _label_rows(
  config: Config,
  chunk: list[Line],
  tokenizers: Tokenizers,
  counts: cleaning.Counts,
  training: bool,
  seed: int | None,
) -> tuple[Rows, list[str]]:
  """Rows of words and labels, and the lines; in training not over-long ones."""
  del seed
  source, target = tokenizers.source, tokenizers.target
  rows, kept = Rows([], []), []
  encoded = zip(
    chunk,
    labels.encode_words(source, [text for text, _ in chunk]),
    target.encode([of_words for _, of_words in chunk]),
    strict=True,
  )
  for (text, _), words, label_ids in encoded:
    ids = [*itertools.chain.from_iterable(words), source.eos_id]
    is_too_long = len(ids) > config.data.max_tokens
    if is_too_long and training:
      counts.too_long += 1
      continue
    counts.over_long_kept += is_too_long
    of_line = config.task == 'classification'
    rows.source.append(ids)
    rows.target.append(
      labels.place_labels(words, label_ids, target.pad_id, of_line=of_line)
    )
    kept.append(text)
  return rows, kept


# --- counts -------------------------------------------------------------------


def _filled(lines: Iterator[Line], counts: cleaning.Counts) -> Iterator[Line]:
  for line in lines:
    counts.read += 1
    if vocabulary.split_tokens(line[0]):
      yield line
    else:
      counts.empty += 1


def _unseen(lines: Iterator[Line], counts: cleaning.Counts) -> Iterator[Line]:
  """Leaves out lines that have come before."""
  seen = set()
  for line in lines:
    key = cleaning.pair_hashes([line]).item()
    if key in seen:
      counts.duplicates += 1
    else:
      seen.add(key)
      yield line


def _count_tokens(
  rows: Rows, tokenizers: Tokenizers, counts: cleaning.Counts
) -> None:
  pad_id = tokenizers.target.pad_id
  counts.source_tokens += sum(map(len, rows.source))
  counts.target_tokens += sum(
    len(row) - row.count(pad_id) for row in rows.target
  )
  counts.unknown_tokens += sum(
    ids.count(tokenizer.unk_id)
    for tokenizer, side in zip(
      (tokenizers.source, tokenizers.target), rows, strict=True
    )
    for ids in side
  )


def _describe(counts: cleaning.Counts, words: int) -> str:
  left_out = ', '.join(
    f'{getattr(counts, name):,} {name.replace("_", " ")}'
    for name in ('empty', 'duplicates', 'too_long')
  )
  samplings = (
    f'; written in {counts.samplings} random segmentations'
    if counts.samplings > 1
    else ''
  )
  return (
    f'{counts.kept:,} of {counts.read:,} lines kept, left out: {left_out}; '
    f'{words:,} words, {counts.target_tokens:,} target tokens, '
    f'{counts.unknown_tokens:,} unknown{samplings}'
  )
