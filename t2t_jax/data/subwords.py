"""Text to token ids and back."""

import abc
import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import sentencepiece

from t2t_jax.data import vocabulary
from t2t_jax.data.samplings import SPACE_MARK, Sampler
from t2t_jax.errors import UsageError

# Halves of characters, as of JSON or of file names: no UTF-8 has them.
_SURROGATE = re.compile('[\ud800-\udfff]')


class Tokenizer(abc.ABC):
  """A vocabulary with its special ids.

  `encode` adds neither BOS nor EOS; `decode` leaves out PAD, BOS and EOS
  wherever they stand, and stops at nothing.
  """

  vocab_size: int
  pad_id: int
  bos_id: int
  eos_id: int
  unk_id: int

  @abc.abstractmethod
  def encode(self, lines: Sequence[str], threads: int = -1) -> list[list[int]]:
    """Returns the ids of each line; threads -1: one for each CPU."""

  @abc.abstractmethod
  def sample(
    self, lines: Sequence[str], rate: float, seed: int
  ) -> list[list[int]]:
    """Returns the ids of a random segmentation of each line.

    Args:
      lines: text.
      rate: how random, as config.vocabulary.sampling_rate tells.
      seed: the same gives the same.
    """

  @abc.abstractmethod
  def decode(self, sequences: Iterable[Sequence[int]]) -> list[str]:
    """Returns the text of each sequence of ids."""

  def complete(self, text: str, source: str) -> str:
    """Returns decoded text with what only its source line can tell.

    Args:
      text: of `decode`, on one line.
      source: the line that it was made from.
    """
    return text

  @abc.abstractmethod
  def pieces(self, ids: Sequence[int]) -> list[str]:
    """Returns the vocabulary's entry for each id, special ones included."""

  @abc.abstractmethod
  def starts_word(self, ids: Sequence[int]) -> list[bool]:
    """Returns, for each id, whether a word of the text begins with it."""

  def words(self, ids: Sequence[int]) -> list[list[int]]:
    """Returns the positions in `ids` that make up each word.

    A word is what stands between spaces. Every position belongs to a word:
    EOS, BOS and PAD are words of their own.
    """
    special = (self.pad_id, self.bos_id, self.eos_id)
    words: list[list[int]] = []
    for place, starts in enumerate(self.starts_word(ids)):
      is_special = ids[place] in special
      after_special = place == 0 or ids[place - 1] in special
      if starts or is_special or after_special:
        words.append([])
      words[-1].append(place)
    return words

  @abc.abstractmethod
  def files(self) -> dict[str, bytes]:
    """Returns {suffix: content} of all that `from_files` needs, and more."""

  def _text_ids(self, ids: Sequence[int]) -> list[int]:
    special = (self.pad_id, self.bos_id, self.eos_id)
    return [int(token) for token in ids if token not in special]


class SentencePieceTokenizer(Tokenizer):
  """A SentencePiece model, trained here or elsewhere.

  Special ids are the model's own. A model without padding gets one id more
  behind its last piece; one without BOS starts the decoder with EOS.
  """

  def __init__(self, model: bytes, name: str):
    """Takes a serialised model; `name` is what a UsageError calls it."""
    try:
      processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError:
      raise UsageError(
        f'{name}: expected a SentencePiece model, found something else'
      ) from None
    pieces = processor.get_piece_size()
    if not pieces or processor.eos_id() < 0:
      raise UsageError(
        f'{name}: expected a SentencePiece model with an end-of-sentence id, '
        f'found {pieces} pieces and eos_id {processor.eos_id()}'
      )
    self._sampler = functools.lru_cache(1)(
      functools.partial(Sampler, processor)
    )
    self._model = model
    self.processor = processor
    self._bytes = [processor.piece_to_id(f'<0x{b:02X}>') for b in range(256)]
    self._has_bytes = all(processor.is_byte(token) for token in self._bytes)
    self.eos_id = processor.eos_id()
    self.unk_id = processor.unk_id()
    self.bos_id = self.eos_id if processor.bos_id() < 0 else processor.bos_id()
    self.pad_id = pieces if processor.pad_id() < 0 else processor.pad_id()
    self.vocab_size = max(pieces, self.pad_id + 1)

  def encode(self, lines: Sequence[str], threads: int = -1) -> list[list[int]]:
    lines = list(lines)
    try:
      return self._encode(lines, threads)
    except TypeError:  # which names no line
      return self._encode([_text(line) for line in lines], threads)

  def _encode(self, lines: list[str], threads: int) -> list[list[int]]:
    return self._mend_space_marks(
      lines, self.processor.encode(lines, num_threads=threads)
    )

  def sample(
    self, lines: Sequence[str], rate: float, seed: int
  ) -> list[list[int]]:
    draws = self._sampler(rate).draw(lines, seed)
    for place, line in enumerate(lines):
      if SPACE_MARK in line:  # such a line has one segmentation
        (draws[place],) = self.encode([line])
    return draws

  def decode(self, sequences: Iterable[Sequence[int]]) -> list[str]:
    return self.processor.decode([self._text_ids(ids) for ids in sequences])

  def pieces(self, ids: Sequence[int]) -> list[str]:
    known = self.processor.get_piece_size()
    return [
      self.processor.id_to_piece(int(token))
      if token < known
      else vocabulary.SPECIALS[vocabulary.PAD_ID]
      for token in ids
    ]

  def starts_word(self, ids: Sequence[int]) -> list[bool]:
    special = (self.pad_id, self.bos_id, self.eos_id)
    return word_starts(self.pieces(ids), [token in special for token in ids])

  def files(self) -> dict[str, bytes]:
    scored = [
      f'{piece}\t{self.processor.get_score(token):g}\n'
      for token, piece in enumerate(self.pieces(range(self.vocab_size)))
      if token < self.processor.get_piece_size()
    ]
    return {'.model': self._model, '.vocab': ''.join(scored).encode()}

  def _mend_space_marks(
    self, lines: list[str], sequences: list[list[int]]
  ) -> list[list[int]]:
    if self._has_bytes:
      for place, line in enumerate(lines):
        if SPACE_MARK in line:
          sequences[place] = self._encode_space_marks(line)
    return sequences

  def _encode_space_marks(self, line: str) -> list[int]:
    """Encodes a line that holds the space mark itself, as bytes.

    SentencePiece would read it as a space. A character that is neither in the
    line nor in the vocabulary holds its place, and becomes bytes; these are
    then exchanged for the mark's own.
    """
    stand_in = next(
      mark
      for mark in map(
        chr, itertools.chain(range(0xFDD0, 0xFDF0), range(0xE000, 0xF8FF))
      )
      if mark not in line and self.processor.piece_to_id(mark) == self.unk_id
    )
    ids = self.processor.encode(line.replace(SPACE_MARK, stand_in))
    old = [self._bytes[byte] for byte in stand_in.encode()]
    new = [self._bytes[byte] for byte in SPACE_MARK.encode()]
    for place in range(len(ids) - len(old) + 1):
      if ids[place : place + len(old)] == old:
        ids[place : place + len(old)] = new
    return ids


def word_starts(
  pieces: Sequence[str], is_special: Sequence[bool]
) -> list[bool]:
  """Returns, for each of SentencePiece's pieces, whether a word begins there.

  Identity normalization keeps all spaces: the first of several begins the word
  that they stand before; those at the end belong to the last word.
  """
  is_space = [not piece.strip(SPACE_MARK) for piece in pieces]
  starts, text_follows = [], False
  for place in reversed(range(len(pieces))):
    if not is_space[place]:
      text_follows = not is_special[place]
    begun = place > 0 and is_space[place - 1]
    marked = pieces[place].startswith(SPACE_MARK)
    starts.append(marked and text_follows and not begun)
  return starts[::-1]


class SegmentedTokenizer(Tokenizer):
  """Text that holds its tokens already, between spaces.

  A token that ends in `@@` is joined to the next one on decoding, as in
  subword-nmt. Tokens that are not in the vocabulary become <unk>.
  """

  pad_id = vocabulary.PAD_ID
  bos_id = vocabulary.BOS_ID
  eos_id = vocabulary.EOS_ID
  unk_id = vocabulary.UNK_ID
  suffix = '.vocab'  # of its file

  def __init__(self, counted: Sequence[tuple[str, int]]):
    """Takes the tokens with their counts, the most frequent first."""
    self._counted = list(counted)
    self._pieces = [*vocabulary.SPECIALS, *(token for token, _ in counted)]
    self._ids = {
      piece: token
      for token, piece in enumerate(self._pieces)
      if token >= len(vocabulary.SPECIALS)
    }
    self.vocab_size = len(self._pieces)

  @classmethod
  def from_bytes(cls, content: bytes) -> Self:
    """Returns the tokenizer of its file."""
    rows = [row.split('\t') for row in content.decode().split('\n')[:-1]]
    skipped = len(vocabulary.SPECIALS)
    return cls([(token, int(count)) for token, count in rows[skipped:]])

  def encode(self, lines: Sequence[str], threads: int = -1) -> list[list[int]]:
    return [
      [
        self._ids.get(token, self.unk_id)
        for token in vocabulary.split_tokens(line)
      ]
      for line in lines
    ]

  def sample(
    self, lines: Sequence[str], rate: float, seed: int
  ) -> list[list[int]]:
    return self.encode(lines)  # the text has one segmentation

  def decode(self, sequences: Iterable[Sequence[int]]) -> list[str]:
    joined = (
      ' '.join(self._pieces[token] for token in self._text_ids(ids))
      for ids in sequences
    )
    return [text.replace('@@ ', '').removesuffix('@@') for text in joined]

  def pieces(self, ids: Sequence[int]) -> list[str]:
    return [self._pieces[token] for token in ids]

  def starts_word(self, ids: Sequence[int]) -> list[bool]:
    pieces = ['', *self.pieces(ids)]
    return [not before.endswith('@@') for before in pieces[:-1]]

  def files(self) -> dict[str, bytes]:
    rows = [(special, 0) for special in vocabulary.SPECIALS] + self._counted
    lines = ''.join(f'{token}\t{count}\n' for token, count in rows)
    return {self.suffix: lines.encode()}


def read_model(path: str, key: str) -> SentencePieceTokenizer:
  """Returns the tokenizer of a SentencePiece model file.

  Raises:
    UsageError: no such file, or not a model; names `config.key`.
  """
  file = Path(path).expanduser()
  if not file.is_file():
    raise UsageError(f'config.{key}: there is no file {file}')
  return SentencePieceTokenizer(file.read_bytes(), str(file))


def _text(line: str) -> str:
  """Returns `line` with U+FFFD for what is no text, as in a file's lines."""
  if not isinstance(line, str):
    raise UsageError(
      f'expected a line of text, found {line!r} ({type(line).__name__})'
    )
  return _SURROGATE.sub('\ufffd', line)
