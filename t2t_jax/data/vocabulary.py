"""Vocabularies trained on the training text (paper, 5.1: byte-pair encoding).

SentencePiece runs in memory; the special ids are fixed here. The same text
and settings give the same vocabulary, byte for byte.
"""

import collections
import io
import random
import re
from collections.abc import Iterable, Iterator, Mapping

import sentencepiece

from t2t_jax.config import VocabularyConfig
from t2t_jax.errors import UsageError

SPECIALS = ('<pad>', '<s>', '</s>', '<unk>')  # ids 0 to 3
PAD_ID, BOS_ID, EOS_ID, UNK_ID = range(4)

_THREADS = 4  # fixed: unigram's sums depend on it
_SAMPLE_SEED = 1
_LONGEST = 1 << 16  # bytes of a line that SentencePiece takes


def sample_pairs(
  pairs: Iterable[tuple[str, str]], limit: int
) -> tuple[list[str], list[str]]:
  """Returns at most `limit` pairs drawn evenly, the same ones every time.

  The sources and the targets, a list each. Pairs with an empty side are passed
  over.
  """
  chooser = random.Random(_SAMPLE_SEED)
  sources: list[str] = []
  targets: list[str] = []
  seen = 0
  for source, target in pairs:
    if not (source.strip() and target.strip()):
      continue
    seen += 1
    if len(sources) < limit:
      sources.append(source)
      targets.append(target)
      continue
    place = int(chooser.random() * seen)
    if place < limit:
      sources[place], targets[place] = source, target
  return sources, targets


def train_sentencepiece(
  lines: list[str], config: VocabularyConfig, size: int, key: str
) -> bytes:
  """Returns a SentencePiece model of `size` pieces.

  Args:
    lines: the sentences to train on; the list is emptied.
    config: kind, byte fallback, coverage and normalization.
    size: number of pieces, special ones included.
    key: the config field that `size` comes from, for the message.

  Raises:
    UsageError: the text does not give a vocabulary of this size.
  """
  model = io.BytesIO()
  try:
    sentencepiece.SentencePieceTrainer.train(
      sentence_iterator=_taken(lines),
      model_writer=model,
      model_type=config.kind,
      vocab_size=size,
      byte_fallback=config.byte_fallback,
      character_coverage=config.character_coverage,
      normalization_rule_name=config.normalization,
      # identity promises an exact round trip, double spaces included.
      remove_extra_whitespaces=config.normalization != 'identity',
      add_dummy_prefix=True,
      max_sentence_length=_LONGEST,  # it passes over longer lines
      pad_id=PAD_ID,
      bos_id=BOS_ID,
      eos_id=EOS_ID,
      unk_id=UNK_ID,
      pad_piece=SPECIALS[PAD_ID],
      bos_piece=SPECIALS[BOS_ID],
      eos_piece=SPECIALS[EOS_ID],
      unk_piece=SPECIALS[UNK_ID],
      num_threads=_THREADS,
      minloglevel=2,  # errors are raised; no progress on standard error
    )
  except RuntimeError as error:
    raise UsageError(_explain(str(error), size, key)) from error
  return model.getvalue()


def _taken(lines: list[str]) -> Iterator[str]:
  """Yields the lines and lets them go: SentencePiece keeps its own copies.

  Of those that are too long for it, parts: some lines are whole texts.
  """
  lines.reverse()
  part = _LONGEST // 4  # characters of at most 4 bytes
  while lines:
    line = lines.pop()
    if len(line) > part and len(line.encode()) > _LONGEST:
      yield from (line[n : n + part] for n in range(0, len(line), part))
    else:
      yield line


def count_tokens(lines: Iterable[str], size: int) -> list[tuple[str, int]]:
  """Returns the most frequent whitespace tokens with their counts.

  Ties are ordered by text; `size` includes the special tokens, which are
  never among those returned.
  """
  counts = collections.Counter(
    token for line in lines for token in split_tokens(line)
  )
  return rank_tokens(counts, size)


def rank_tokens(counts: Mapping[str, int], size: int) -> list[tuple[str, int]]:
  """Returns what `count_tokens` does, of tokens that are counted already."""
  ranked = sorted(
    (item for item in counts.items() if item[0] not in SPECIALS),
    key=lambda item: (-item[1], item[0]),
  )
  return ranked[: size - len(SPECIALS)]


def split_tokens(line: str) -> list[str]:
  """Returns a segmented line's tokens: what stands between spaces and tabs."""
  return [token for token in line.replace('\t', ' ').split(' ') if token]


def _explain(message: str, size: int, key: str) -> str:
  too_high = re.search(r'value <= (\d+)', message)
  if too_high:
    return (
      f'config.{key}: the training text gives at most {too_high[1]} pieces, '
      f'found {size}; set it to {too_high[1]} or less'
    )
  too_low = re.search(r'smaller than required_chars. \d+ vs (\d+)', message)
  if too_low:
    return (
      f'config.{key}: expected at least {too_low[1]} (special pieces, bytes '
      f'and the characters of the training text), found {size}; raise it or '
      'lower vocabulary.character_coverage'
    )
  if 'sentences_.empty' in message or 'all_chars_count' in message:
    return f'config.{key}: no training text to make a vocabulary from'
  return f'config.{key}: SentencePiece cannot train on this text ({message})'
