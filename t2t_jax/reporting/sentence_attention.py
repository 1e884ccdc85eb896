"""All attention weights of a sentence and its target, as they are shown."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.attention.alignment import Unit, merge_pieces, units
from t2t_jax.decoding.attention.attention_maps import AttentionMaps
from t2t_jax.decoding.attention.attention_reader import (
  AttentionReader,
  HeadSet,
  Pair,
)
from t2t_jax.decoding.translator import Translator

# Kind of attention: the field of AttentionMaps, its rows, its columns.
KINDS = {
  'cross': ('cross_LBHTS', 'written', 'source'),
  'encoder': ('encoder_LBHSS', 'source', 'source'),
  'decoder': ('decoder_LBHTT', 'written', 'read'),
}


@dataclasses.dataclass(frozen=True)
class View:
  """What is looked at first.

  Attributes:
    kind: one of KINDS.
    head_set: a layer of that stack, and heads of it.
    by_word: words; False: subword pieces.
  """

  kind: str = 'cross'
  head_set: HeadSet = dataclasses.field(default_factory=HeadSet)
  by_word: bool = True


@dataclasses.dataclass(frozen=True)
class SentenceAttention:
  """The weights of one pair.

  A decoder position reads one token and writes the next: its row of weights
  goes by the token that it writes.

  Attributes:
    texts: the source and the target.
    ids: of 'source' (tokens, EOS), 'read' (BOS, tokens) and 'written'
      (tokens, EOS).
    maps: numpy, B = 1.
  """

  texts: tuple[str, str]
  ids: dict[str, list[int]]
  maps: AttentionMaps
  tokenizers: Tokenizers

  def units(self, name: str, by_word: bool) -> list[Unit]:
    """Returns the words or pieces of one of `ids`."""
    side = 'source' if name == 'source' else 'target'
    return units(getattr(self.tokenizers, side), self.ids[name], by_word)

  def weights(self, kind: str) -> np.ndarray:
    """Returns weights_LHTS of one of KINDS."""
    return getattr(self.maps, KINDS[kind][0])[:, 0]

  def shown(
    self, view: View
  ) -> tuple[list[str], list[str], dict[int, np.ndarray]]:
    """Returns texts of the rows Y and columns X, and weights_YX by head."""
    _, row_name, column_name = KINDS[view.kind]
    rows = self.units(row_name, view.by_word)
    columns = self.units(column_name, view.by_word)
    weights_LHTS = self.weights(view.kind)
    layers, heads = weights_LHTS.shape[:2]
    weights_HTS = weights_LHTS[view.head_set.layer_of(layers)]
    return (
      [unit.text for unit in rows],
      [unit.text for unit in columns],
      {
        head: merge_pieces(weights_HTS[head], rows, columns)
        for head in view.head_set.heads_of(heads)
      },
    )


def make_pairs(
  translator: Translator,
  tokenizers: Tokenizers,
  sources: Sequence[str],
  targets: Sequence[str] | None = None,
) -> list[Pair]:
  """Returns the tokens of each source and its target.

  Args:
    translator: finds the targets that are not given.
    tokenizers: the translator's.
    sources, targets: lines.
  """
  if targets is None:
    found = translator.translate(sources)
    target_ids = [list(translation.token_ids) for translation in found]
  else:
    target_ids = tokenizers.target.encode(targets)
  source_ids = tokenizers.source.encode(sources)
  return list(map(Pair, source_ids, target_ids))


def read_sentences(
  reader: AttentionReader,
  tokenizers: Tokenizers,
  pairs: Sequence[Pair],
  warn: Callable[[str], None],
) -> Iterator[SentenceAttention]:
  """Yields the attention of each pair that has tokens and fits the model.

  `warn` is told, in a line, of each pair that is left out.
  """
  source, target = tokenizers.source, tokenizers.target
  for number, pair in enumerate(pairs, 1):
    if not pair.source_ids:
      warn(f'sentence {number}: left out: it is empty')
    elif not reader.fits(pair):
      warn(f'sentence {number}: left out: {reader.too_long(pair)}')
    else:
      source_ids, target_ids = list(pair.source_ids), list(pair.target_ids)
      yield SentenceAttention(
        (source.decode([source_ids])[0], target.decode([target_ids])[0]),
        {
          'source': [*source_ids, source.eos_id],
          'read': [target.bos_id, *target_ids],
          'written': [*target_ids, target.eos_id],
        },
        reader.read(pair),
        tokenizers,
      )
