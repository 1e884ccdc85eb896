"""SentencePiece that cuts, and a vocabulary of its own that numbers.

So MarianMT's models have it: a model file a side, and one list of pieces with
ids that both share (or one a side).
"""

import json
from collections.abc import Iterable, Mapping, Sequence

import sentencepiece

from t2t_jax.data.samplings import Sampler
from t2t_jax.data.subwords import Tokenizer, word_starts
from t2t_jax.errors import UsageError


class MappedTokenizer(Tokenizer):
  """Pieces of a SentencePiece model, under the ids of a mapping.

  A piece that the mapping lacks is <unk>. A line that begins with a token of
  the vocabulary such as >>fra<< keeps it, as models of many languages want.
  """

  def __init__(
    self, model: bytes, ids: Mapping[str, int], start: str, name: str
  ):
    """Takes a serialised model and the id of each piece.

    Args:
      model: of SentencePiece.
      ids: {piece: id}, ids from 0 without gaps; with <pad>, </s> and <unk>.
      start: the piece that starts the decoder.
      name: what a UsageError calls it.
    """
    try:
      self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError:
      raise UsageError(
        f'{name}: expected a SentencePiece model, found something else'
      ) from None
    if sorted(ids.values()) != list(range(len(ids))):
      raise UsageError(
        f'{name}: expected the ids 0 to {len(ids) - 1} of {len(ids)} pieces, '
        'each once'
      )
    missing = [p for p in ('<pad>', '</s>', '<unk>', start) if p not in ids]
    if missing:
      raise UsageError(
        f'{name}: expected {missing[0]} in the vocabulary, found none'
      )
    self._model, self._ids, self._start = model, dict(ids), start
    self._pieces = sorted(ids, key=lambda piece: ids[piece])
    self.vocab_size = len(ids)
    self.pad_id, self.bos_id = ids['<pad>'], ids[start]
    self.eos_id, self.unk_id = ids['</s>'], ids['<unk>']

  @classmethod
  def from_files(
    cls, model: bytes, mapping: bytes, name: str
  ) -> 'MappedTokenizer':
    """Returns the tokenizer of what `files` gave."""
    described = json.loads(mapping)
    return cls(model, described['ids'], described['start'], name)

  def known_share(self) -> float:
    """Returns the share of the model's pieces that the vocabulary has."""
    size = self._processor.get_piece_size()
    pieces = self._processor.id_to_piece(list(range(size)))
    return sum(piece in self._ids for piece in pieces) / size

  def encode(self, lines: Sequence[str], threads: int = -1) -> list[list[int]]:
    return self._number(
      lines,
      lambda texts: self._processor.encode(
        texts, out_type=str, num_threads=threads
      ),
    )

  def sample(
    self, lines: Sequence[str], rate: float, seed: int
  ) -> list[list[int]]:
    sampler = Sampler(self._processor, rate)
    return self._number(
      lines,
      lambda texts: [
        self._processor.id_to_piece(ids) for ids in sampler.draw(texts, seed)
      ],
    )

  def decode(self, sequences: Iterable[Sequence[int]]) -> list[str]:
    return [
      self._processor.decode_pieces(self.pieces(self._text_ids(ids)))
      for ids in sequences
    ]

  def pieces(self, ids: Sequence[int]) -> list[str]:
    return [self._pieces[token] for token in ids]

  def starts_word(self, ids: Sequence[int]) -> list[bool]:
    special = (self.pad_id, self.bos_id, self.eos_id)
    return word_starts(self.pieces(ids), [token in special for token in ids])

  def files(self) -> dict[str, bytes]:
    described = {'start': self._start, 'ids': self._ids}
    mapping = json.dumps(described, ensure_ascii=False, indent=0)
    return {'.spm': self._model, '.ids.json': mapping.encode()}

  def _number(self, lines, cut) -> list[list[int]]:
    split = [self._language(line) for line in lines]
    return [
      [*start, *(self._ids.get(piece, self.unk_id) for piece in pieces)]
      for (start, _), pieces in zip(
        split, cut([text for _, text in split]), strict=True
      )
    ]

  def _language(self, line: str) -> tuple[list[int], str]:
    """The token >>xxx<< that a line begins with, if any, and the rest."""
    token, end, text = line.partition('<<')
    if line.startswith('>>') and end and token + end in self._ids:
      return [self._ids[token + end]], text
    return [], line
