"""What is asked of a translator, as the token arrays that a search takes."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.lines.line_text import split_lines
from t2t_jax.decoding.search.batch_search import SearchBatch
from t2t_jax.decoding.search.phrases import make_phrases
from t2t_jax.errors import UsageError

# Row ids: line * this + part; those of a longer line run into the next.
_MOST_PARTS = 64


@dataclasses.dataclass(frozen=True)
class Request:
  """A line to translate, and what its translation must hold.

  Attributes:
    text: the source line.
    prefix: what the translation begins with.
    phrases: what it contains, each at least once, in any order (beam search
      only); as tokens, so that a word may be continued behind a phrase.
  """

  text: str
  prefix: str = ''
  phrases: tuple[str, ...] = ()

  def __post_init__(self) -> None:
    if isinstance(self.phrases, str):
      raise UsageError(
        f"phrases: expected several, found one string '{self.phrases}'"
      )


@dataclasses.dataclass(frozen=True)
class Part:
  """Source tokens that are translated at one time: mostly a whole line.

  Attributes:
    source_ids: without EOS.
    row_id: what its random numbers come from.
    prefix_ids: target tokens that it begins with.
    phrases: target tokens of each phrase.
  """

  source_ids: tuple[int, ...]
  row_id: int
  prefix_ids: tuple[int, ...] = ()
  phrases: tuple[tuple[int, ...], ...] = ()

  @property
  def line_number(self) -> int:
    """Of its line, from 1."""
    return self.row_id // _MOST_PARTS + 1

  @property
  def forced_length(self) -> int:
    """Target tokens that are given, at most."""
    return len(self.prefix_ids) + sum(map(len, self.phrases))

  def kind(self) -> tuple[int, int, int]:
    """Padded sizes of prefix, number of phrases, and phrases, each compiled
    apart; 0 where there are none."""
    return (
      _padded(len(self.prefix_ids), 8),
      _padded(len(self.phrases), 1),
      _padded(max(map(len, self.phrases), default=0), 4),
    )


def _padded(size: int, smallest: int) -> int:
  """The next power of two times `smallest`; 0 stays 0."""
  if not size:
    return 0
  return next(smallest << n for n in itertools.count() if smallest << n >= size)


def split_requests(
  requests: Sequence[str | Request],
  tokenizers: Tokenizers,
  longest: int,
  first_line: int = 0,
  are_prompts: bool = False,
) -> list[list[Part]]:
  """Returns the parts that each line is translated in.

  Prefix and phrases belong to the first part of a line in several. A line that
  holds and asks for nothing has no parts.

  Args:
    requests: lines, or lines with more.
    tokenizers: source and target.
    longest: most source tokens of a part, without EOS.
    first_line: number of the first line in all of the input.
    are_prompts: lines are what a language model's texts begin with, not
      sources; an empty one has a part too.

  Raises:
    UsageError: a prompt is given as text and as prefix.
  """
  full = [r if isinstance(r, Request) else Request(r) for r in requests]
  if are_prompts:
    full = list(map(_as_prompt, full))
  encode = tokenizers.target.encode
  prefixes = encode([r.prefix for r in full])
  phrases = iter(encode([phrase for r in full for phrase in r.phrases]))
  sources = split_lines(
    [r.text for r in full], tokenizers.source.encode, longest
  )
  return [
    _parts(
      number,
      parts,
      tuple(prefix),
      [tuple(ids) for ids in itertools.islice(phrases, len(request.phrases))],
      are_prompts,
    )
    for number, (request, parts, prefix) in enumerate(
      zip(full, sources, prefixes, strict=True), first_line
    )
  ]


def _as_prompt(request: Request) -> Request:
  if request.text and request.prefix:
    raise UsageError(
      "Request: a language model's prompt is its text or its prefix, found "
      f'both: {request.text[:40]!r} and {request.prefix[:40]!r}'
    )
  prompt = request.text or request.prefix
  return dataclasses.replace(request, text='', prefix=prompt)


def _parts(
  number: int,
  sources: list[list[int]],
  prefix_ids: tuple[int, ...],
  phrases: list[tuple[int, ...]],
  keep_empty: bool,
) -> list[Part]:
  phrases = [phrase for phrase in dict.fromkeys(phrases) if phrase]
  if not sources and (prefix_ids or phrases or keep_empty):
    sources = [[]]
  parts = [
    Part(tuple(ids), (number * _MOST_PARTS + i) % 2**31)
    for i, ids in enumerate(sources)
  ]
  if parts:
    parts[0] = dataclasses.replace(
      parts[0], prefix_ids=prefix_ids, phrases=tuple(phrases)
    )
  return parts


def make_batch(
  parts: Sequence[Part],
  rows: int,
  source_length: int,
  tokenizers: Tokenizers,
  max_decode_length_offset: int,
) -> SearchBatch:
  """Returns numpy arrays of parts of one kind, with rows to fill the batch."""
  source, target = tokenizers.source, tokenizers.target
  source_ids_BS = np.full((rows, source_length), source.pad_id, np.int32)
  # Filling rows are not all PAD: some attention kernels need a token.
  source_ids_BS[:, 0] = source.eos_id
  max_lengths_B, row_ids_B = np.zeros((2, rows), np.int32)
  prefix_length, count, phrase_length = parts[0].kind()
  prefix_ids_BP = np.full((rows, prefix_length), target.pad_id, np.int32)
  for row, part in enumerate(parts):
    length = len(part.source_ids)
    source_ids_BS[row, : length + 1] = [*part.source_ids, source.eos_id]
    prefix_ids_BP[row, : len(part.prefix_ids)] = part.prefix_ids
    row_ids_B[row] = part.row_id
    max_lengths_B[row] = (
      max(length, part.forced_length) + max_decode_length_offset
    )
  filling = [()] * (rows - len(parts))
  return SearchBatch(
    source_ids_BS,
    max_lengths_B,
    row_ids_B,
    prefix_ids_BP if prefix_length else None,
    make_phrases(
      [*(part.phrases for part in parts), *filling], count, phrase_length
    )
    if count
    else None,
  )


def check_requests(
  lines: Sequence[Sequence[Part]], longest: int | None, sampling: bool
) -> None:
  """Raises UsageError for a line that cannot be translated as it asks.

  Args:
    lines: the parts of each line.
    longest: most target tokens with EOS that the model has positions for;
      None: any.
    sampling: in place of beam search.
  """
  for parts in lines:
    for part in parts:
      if sampling and part.phrases:
        raise UsageError(
          f'line {part.line_number}: phrases that must appear need '
          "decoding.method = 'beam', found 'sampling'"
        )
      if longest is not None and part.forced_length >= longest:
        raise UsageError(
          f'line {part.line_number}: its prefix and phrases have '
          f'{part.forced_length} tokens; expected fewer than '
          f'model.max_positions = {longest}'
        )
