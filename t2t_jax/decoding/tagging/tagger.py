"""Lines in, lines of labels out: one for each, in order."""

import functools
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Unpack

import jax
import numpy as np
from jax.sharding import Mesh

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import DecodingConfig
from t2t_jax.data.labels import encode_words
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.options import DecodingOptions
from t2t_jax.decoding.search.weights import decoding_weights
from t2t_jax.decoding.shapes import FEW_ROWS, ShapeGrid
from t2t_jax.decoding.tagging.best_labels import best_labels
from t2t_jax.errors import UsageError
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.mesh import batch_sharding, batch_shards, use_mesh

# The pieces of each word of a part of a line.
_Words = list[list[int]]


class Tagger:
  """Labels words, or lines, with a model's parameters, on a closed grid of
  shapes.

  A line without words has no labels. A line of more tokens than the grid holds
  is labelled in parts; a label of the line as a whole is found from its first
  tokens alone. A line's labels do not depend on the lines that come with it.
  """

  def __init__(
    self,
    model: Transformer,
    params: Any,
    tokenizers: Tokenizers,
    decoding: DecodingConfig,
    *,
    of_lines: bool,
    mesh: Mesh | None = None,
    max_source_tokens: int | None = None,
  ):
    """Makes a tagger; compiles nothing yet.

    Args:
      model: an encoder alone, the module that `params` belong to.
      params: its parameters, on the devices where they are to be used.
      tokenizers: those that the model was trained with.
      decoding: of which batch_tokens and weights_dtype are read.
      of_lines: whether a label is a line's, not a word's.
      mesh: the devices to split batches over; None: one device.
      max_source_tokens: longest part, with EOS; default, and at most,
        model.max_positions.
    """
    self._params = decoding_weights(params, model.config, decoding)
    self._tokenizers, self._of_lines, self._mesh = tokenizers, of_lines, mesh
    positions = model.config.max_positions
    self._grid = ShapeGrid(
      longest=min(positions, max_source_tokens or positions),
      batch_tokens=decoding.batch_tokens,
      beam_size=1,
      devices=batch_shards(mesh) if mesh else 1,
    )
    self._best_labels = jax.jit(functools.partial(best_labels, model))

  @classmethod
  def from_workdir(
    cls,
    workdir: str | os.PathLike[str],
    **decoding: Unpack[DecodingOptions],
  ) -> 'Tagger':
    """Returns a tagger with the parameters that a run has left.

    Args:
      workdir: of a run of task tagging or classification, finished or not.
      decoding: fields of the config's `decoding` to set anew.

    Raises:
      UsageError: no such run or checkpoint, or a model for something else.
    """
    # Imported here, for it imports this module.
    from t2t_jax.decoding.restored import restore_tagger

    return restore_tagger(Workdir(workdir), **decoding)[0]

  def tag(self, lines: Iterable[str]) -> list[str]:
    """Returns the labels of each line, spaces between.

    Raises:
      UsageError: `lines` is one string.
    """
    if isinstance(lines, str):
      raise UsageError(
        f'tag: expected a list of lines, found one string {lines!r}'
      )
    lines = list(lines)
    return self._tag(lines, few=len(lines) <= FEW_ROWS)

  def tag_groups(
    self, groups: Iterable[Sequence[str]], few: bool | None = None
  ) -> Iterator[list[str]]:
    """Yields what `tag` returns for each group of lines.

    Args:
      groups: lines to put into batches together.
      few: whether all run in the small batches of a few lines; None: those
        groups that have few lines.
    """
    for lines in groups:
      is_few = len(lines) <= FEW_ROWS if few is None else few
      yield self._tag(list(lines), is_few)

  def _tag(self, lines: list[str], few: bool) -> list[str]:
    words_of_lines = encode_words(self._tokenizers.source, lines)
    longest = self._grid.longest - 1
    split = _beginning if self._of_lines else _parts
    parts_of_lines = [
      split(words, longest) if words else [] for words in words_of_lines
    ]
    parts = list(itertools.chain.from_iterable(parts_of_lines))
    labels = iter(self._label_all(parts, few))
    return [
      ' '.join(itertools.chain(*itertools.islice(labels, len(parts))))
      for parts in parts_of_lines
    ]

  def _label_all(self, parts: list[_Words], few: bool) -> list[list[str]]:
    """Returns the labels of each part."""
    lengths = [sum(map(len, words)) + 1 for words in parts]
    found: dict[int, list[str]] = {}
    for rows, length, indices in self._grid.batches(lengths, few):
      batch = [parts[index] for index in indices]
      labels_BS = np.asarray(self._on_device(self._padded(batch, rows, length)))
      for index, labels_S in zip(indices, labels_BS, strict=False):
        ids = labels_S[self._places(parts[index])].tolist()
        found[index] = self._tokenizers.target.pieces(ids)
    return [found[index] for index in range(len(parts))]

  def _places(self, words: _Words) -> list[int]:
    """The positions that labels stand at: first pieces, or EOS."""
    *starts, end = itertools.accumulate(map(len, words), initial=0)
    return [end] if self._of_lines else starts

  def _padded(self, batch: list[_Words], rows: int, length: int) -> np.ndarray:
    source = self._tokenizers.source
    ids_BS = np.full((rows, length), source.pad_id, np.int32)
    # Filling rows are not all PAD: some attention kernels need a token.
    ids_BS[:, 0] = source.eos_id
    for row, words in enumerate(batch):
      ids = [*itertools.chain.from_iterable(words), source.eos_id]
      ids_BS[row, : len(ids)] = ids
    return ids_BS

  def _on_device(self, ids_BS: np.ndarray) -> Any:
    if self._mesh is None:
      return self._best_labels(self._params, ids_BS)
    with use_mesh(self._mesh):
      ids_BS = jax.device_put(ids_BS, batch_sharding(self._mesh))
      return self._best_labels(self._params, ids_BS)


def _parts(words: _Words, longest: int) -> list[_Words]:
  """Halves a line between words until its parts hold `longest` tokens; a
  longer word keeps its first ones."""
  if sum(map(len, words)) <= longest:
    return [words]
  if len(words) == 1:
    return [[words[0][:longest]]]
  middle = len(words) // 2
  return [*_parts(words[:middle], longest), *_parts(words[middle:], longest)]


def _beginning(words: _Words, longest: int) -> list[_Words]:
  """The first `longest` tokens of a line."""
  ids = list(itertools.chain.from_iterable(words))
  return [[ids[:longest]]]
