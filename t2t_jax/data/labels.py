"""Words and their labels as rows of a batch.

A row's source is the pieces of its words, then EOS. Its target is as long and
holds the labels, PAD where there is none: a word's label stands at the word's
first piece, a line's label at EOS, which sees the whole line. PAD does not
count in the loss.
"""

import itertools
from collections.abc import Mapping, Sequence

from t2t_jax.data.subwords import SegmentedTokenizer, Tokenizer
from t2t_jax.data.vocabulary import SPECIALS, rank_tokens, split_tokens
from t2t_jax.errors import UsageError


def encode_words(
  tokenizer: Tokenizer, lines: Sequence[str], threads: int = -1
) -> list[list[list[int]]]:
  """Returns the ids of each word of each line, at least one a word.

  A word is what stands between spaces or tabs. It is encoded by itself, so
  that every word has a first piece whatever normalisation makes of it.
  """
  words = [split_tokens(line) for line in lines]
  distinct = list(dict.fromkeys(itertools.chain.from_iterable(words)))
  ids = dict(zip(distinct, tokenizer.encode(distinct, threads), strict=True))
  return [
    [ids[word] or [tokenizer.unk_id] for word in line_words]
    for line_words in words
  ]


def place_labels(
  words: Sequence[Sequence[int]],
  labels: Sequence[int],
  pad_id: int,
  *,
  of_line: bool,
) -> list[int]:
  """Returns a row's target: labels where they stand, PAD elsewhere.

  Args:
    words: the ids of each word.
    labels: one of each word, or one alone.
    pad_id: of both vocabularies.
    of_line: whether the label is the line's.
  """
  if of_line:
    return [*itertools.repeat(pad_id, sum(map(len, words))), *labels]
  row: list[int] = []
  for word, label in zip(words, labels, strict=True):
    row += [label, *itertools.repeat(pad_id, len(word) - 1)]
  return [*row, pad_id]


def check_labels(words: str, labels: str, place: str, *, of_line: bool) -> None:
  """Raises UsageError where a line has not as many labels as it must.

  Args:
    words, labels: the lines.
    place: where they stand, for the message.
    of_line: whether one label belongs to the line, not one to each word.
  """
  expected, found = len(split_tokens(words)), len(split_tokens(labels))
  if of_line and expected:
    if found != 1:
      raise UsageError(f'{place}: expected one label, found {found}')
  elif found != expected:
    raise UsageError(
      f'{place}: expected a label for each of the {expected} words, found '
      f'{found}'
    )


def label_vocabulary(
  counts: Mapping[str, int], size: int
) -> SegmentedTokenizer:
  """Returns the vocabulary of all labels that were counted.

  Raises:
    UsageError: they do not fit into `size` entries.
  """
  needed = len(counts) + len(SPECIALS)
  if size < needed:
    raise UsageError(
      f'config.vocabulary.target_size: expected at least {needed}, for the '
      f'{len(counts)} labels of the training text and {len(SPECIALS)} special '
      f'entries, found {size}'
    )
  return SegmentedTokenizer(rank_tokens(counts, size))
