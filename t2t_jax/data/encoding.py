"""Encodes and cleans a split in parallel, and writes its token files.

Chunks of the text are encoded into files, in any order; a preparation that is
broken off and started again finds them there. When all are there they are put
together in the text's order: only then is known which pairs came before.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from t2t_jax.config import Config
from t2t_jax.data import chunks, cleaning, task_lines, workers
from t2t_jax.data.pace import Pace
from t2t_jax.data.token_files import TokenWriter
from t2t_jax.data.tokenizer import Tokenizers

CHUNK = 10000  # pairs or lines encoded at one time; samples depend on it
_CHARACTERS = 1 << 24  # of a chunk at most, or one line: some lines are texts


@dataclasses.dataclass
class _Corpus:
  """A part of the training text, as far as it has been encoded."""

  name: str
  weight: float
  files: list[Path]
  counts: cleaning.Counts


def write_split(
  config: Config,
  split: str,
  tokenizers: Tokenizers,
  work: Path,
  directory: Path,
  *,
  expected: int | None = None,
  progress: Callable[[str], None] = print,
) -> dict[str, cleaning.Counts]:
  """Writes the `TokenStore` of a split into `directory`, which must be new.

  The training split is cleaned, and written in `vocabulary.samplings` random
  segmentations if these are more than 1 (token counts are those of the best
  one), each pair as often as its corpus's weight says. Other splits lose pairs
  with an empty side only; over-long ones are kept whole and counted. The same
  holds for the lines that `single_stack` makes rows of.

  Args:
    config: of the text.
    split: 'train' or 'dev'.
    tokenizers: those saved in `work`/vocabulary.
    work: chunks are kept in it, and found there.
    directory: of the token files.
    expected: pairs or lines of the split, if known; for the progress.
    progress: gets a line every ten seconds.

  Returns:
    {corpus: counts}.

  Raises:
    UsageError: text that cannot be read, or a worker that died.
  """
  settings = chunks.Settings(
    config.task, config.data, config.vocabulary, split == 'train'
  )
  (work / split).mkdir(parents=True, exist_ok=True)
  parts: list[_Corpus] = []
  pace = Pace(split, expected, progress, unit=settings.unit)
  for job in workers.encode_all(
    _jobs(settings, split, work / split, parts), work / 'vocabulary', settings
  ):
    pace.add(job.size, found=job.found)
  sizes = (tokenizers.source.vocab_size, tokenizers.target.vocab_size)
  with TokenWriter(directory, sizes) as writer:
    repetitions = _repetitions(parts) if settings.hashed else None
    name = f'{split}, token files'
    pace = Pace(name, expected, progress, unit=settings.unit)
    for part in parts:
      for file in part.files:
        pace.add(_append(writer, file, part, settings, repetitions))
  return {part.name: part.counts for part in parts}


def _jobs(
  settings: chunks.Settings, split: str, work: Path, parts: list[_Corpus]
) -> Iterator[workers.Job]:
  """Yields the chunks of a split, each of one corpus; fills `parts`."""
  weights = settings.data.train_weights if settings.training else ()
  numbers = itertools.count()
  names: dict[str, int] = {}
  for place, (name, pairs) in enumerate(
    task_lines.read_corpora(settings.task, settings.data, split)
  ):
    names[name] = names.get(name, 0) + 1
    part = _Corpus(
      name if names[name] == 1 else f'{name}-{names[name]}',
      weights[place] if weights else 1.0,
      [],
      cleaning.Counts(samplings=settings.samplings),
    )
    parts.append(part)
    while chunk := _take(pairs):
      number = next(numbers)
      part.files.append(work / f'{number:06}.npz')
      yield workers.Job(number, part.files[-1], len(chunk), chunk)


def _take(pairs: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
  chunk: list[tuple[str, str]] = []
  characters = 0
  for pair in itertools.islice(pairs, CHUNK):
    chunk.append(pair)
    characters += len(pair[0]) + len(pair[1])
    if characters >= _CHARACTERS:
      break
  return chunk


def _repetitions(parts: list[_Corpus]) -> cleaning.Repetitions:
  hashes = [
    chunks.load(file, 'hashes')['hashes']
    for part in parts
    for file in part.files
  ]
  return cleaning.Repetitions(np.concatenate([np.zeros(0, np.uint64), *hashes]))


def _append(
  writer: TokenWriter,
  file: Path,
  part: _Corpus,
  settings: chunks.Settings,
  repetitions: cleaning.Repetitions | None,
) -> int:
  """Writes a chunk's pairs without those that came before, and counts.

  Returns:
    the pairs of the chunk, kept or not.
  """
  arrays = chunks.load(file)
  reason_N = arrays['reasons']
  encoded = np.flatnonzero(reason_N == cleaning.KEPT)
  if repetitions:
    before_N = repetitions.mark(arrays['hashes'])
    reason_N = cleaning.mark_repetitions(reason_N, before_N)
  kept = np.flatnonzero(reason_N[encoded] == cleaning.KEPT)
  counts = part.counts
  counts.add_reasons(reason_N)
  lengths = [arrays[f'{side}_best'][kept] for side in chunks.SIDES]
  counts.source_tokens += int(lengths[0].sum())
  counts.target_tokens += int(lengths[1].sum())
  counts.unknown_tokens += int(arrays['unknown'][kept].sum())
  if 'words' in arrays:
    counts.words += int(arrays['words'][kept].sum())
  if not settings.training or settings.task == 'language_model':
    longer = np.maximum(*lengths)
    counts.over_long_kept += int((longer > settings.data.max_tokens).sum())
  written = np.repeat(kept, _times(len(kept), part.weight, int(file.stem)))
  for sampling in range(settings.samplings):
    sides = [
      (
        arrays[f'{side}_tokens_{sampling}'],
        arrays[f'{side}_lengths_{sampling}'],
      )
      for side in chunks.SIDES
    ]
    rows = written
    if f'rows_{sampling}' in arrays:
      rows = _rows(arrays[f'rows_{sampling}'], written)
    writer.extend_flat(*(chunks.select(side, rows) for side in sides))
    counts.written += len(written)
  return len(reason_N)


def _rows(rows_K: np.ndarray, chosen: np.ndarray) -> np.ndarray:
  """Returns the numbers of the rows that the chosen lines became."""
  return chunks.select((np.arange(rows_K.sum()), rows_K), chosen)[0]


def _times(pairs: int, weight: float, number: int) -> np.ndarray:
  """Returns int (pairs,): how often each pair of chunk `number` is written.

  Whole parts of the weight are for all; a share of the pairs, drawn by the
  chunk's number, gets one more for the fraction.
  """
  whole = int(weight)
  drawn = np.random.Philox(key=number).random_raw(pairs)
  return whole + (drawn < np.uint64((weight - whole) * 2.0**64))
