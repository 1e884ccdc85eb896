"""Attention weights of sentence pairs, without padding."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.attention.attention_maps import (
  AttentionMaps,
  attention_maps,
)
from t2t_jax.decoding.shapes import FEW_ROWS, ShapeGrid
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.mesh import batch_sharding, replicated, use_mesh


class Pair(NamedTuple):
  """Token ids of a source and its target, both without EOS."""

  source_ids: Sequence[int]
  target_ids: Sequence[int]


@dataclasses.dataclass(frozen=True)
class HeadSet:
  """Heads of one layer, both counted from 0.

  Attributes:
    layer: of the decoder; None: the last but one (the only one of one). The
      mean over its heads tends to align best (Garg et al. 2019, arXiv
      1909.02074, section 4.1).
    heads: None: all.
  """

  layer: int | None = None
  heads: tuple[int, ...] | None = None

  def layer_of(self, num_layers: int) -> int:
    """Returns the layer in a stack of `num_layers`."""
    return max(0, num_layers - 2) if self.layer is None else self.layer

  def heads_of(self, num_heads: int) -> tuple[int, ...]:
    return tuple(range(num_heads)) if self.heads is None else self.heads


class AttentionReader:
  """Reads attention weights, in the padded shapes of a translator's grid."""

  def __init__(
    self,
    model: Transformer,
    params: Any,
    tokenizers: Tokenizers,
    grid: ShapeGrid,
    *,
    max_target_tokens: int,
    mesh: Mesh | None = None,
  ):
    """Makes a reader; compiles nothing yet.

    Args:
      model, params, tokenizers, mesh: as a Translator takes them.
      grid: the translator's; decides the rows of a batch.
      max_target_tokens: longest target, with EOS, that is read.
    """
    if model.config.positions == 'learned':
      max_target_tokens = min(max_target_tokens, model.config.max_positions)
    self._longest_target = max_target_tokens
    self._model = model
    self._params = params
    self._tokenizers = tokenizers
    self._grid = grid
    self._mesh = mesh
    on_all = replicated(mesh) if mesh else None
    self._maps = jax.jit(
      functools.partial(attention_maps, model), out_shardings=on_all
    )
    self._cross = jax.jit(
      functools.partial(_mean_cross, model),
      static_argnames=('layer', 'heads'),
      out_shardings=on_all,
    )

  def fits(self, pair: Pair) -> bool:
    """Whether the model reads this pair whole.

    A longer source is translated in parts, which no weights connect.
    """
    return not self.too_long(pair)

  def too_long(self, pair: Pair) -> str:
    """Returns what is too long about a pair that does not fit, else ''."""
    for side, ids, longest in (
      ('source', pair.source_ids, self._grid.longest),
      ('target', pair.target_ids, self._longest_target),
    ):
      if len(ids) >= longest:
        return f'{side} of {len(ids)} tokens, expected at most {longest - 1}'
    return ''

  def read(self, pair: Pair) -> AttentionMaps:
    """Returns every weight of one pair that fits, numpy, with B = 1.

    S counts the source's tokens with EOS, T the target's with EOS.
    """
    maps = self._run(self._maps, [pair], self._grid.devices)
    source, target = len(pair.source_ids) + 1, len(pair.target_ids) + 1
    return AttentionMaps(
      maps.encoder_LBHSS[:, :1, :, :source, :source],
      maps.decoder_LBHTT[:, :1, :, :target, :target],
      maps.cross_LBHTS[:, :1, :, :target, :source],
    )

  def read_cross(
    self, pairs: Sequence[Pair], head_set: HeadSet
  ) -> list[np.ndarray]:
    """Returns weights_TS of each pair that fits: the mean over `head_set`."""
    config = self._model.config
    run = functools.partial(
      self._cross,
      layer=head_set.layer_of(config.num_decoder_layers),
      heads=head_set.heads_of(config.num_heads),
    )
    found: dict[int, np.ndarray] = {}
    for indices, rows in self._batches(pairs):
      batch = [pairs[i] for i in indices]
      weights_BTS = self._run(run, batch, rows)
      for index, pair, weights_TS in zip(
        indices, batch, weights_BTS, strict=False
      ):
        found[index] = weights_TS[
          : len(pair.target_ids) + 1, : len(pair.source_ids) + 1
        ]
    return [found[index] for index in range(len(pairs))]

  def _batches(self, pairs: Sequence[Pair]) -> Iterator[tuple[list[int], int]]:
    """Yields indices into `pairs` of one padded shape, and the batch's rows."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, pair in enumerate(pairs):
      groups.setdefault(self._shape([pair]), []).append(index)
    few = len(pairs) <= FEW_ROWS
    for shape, group in sorted(groups.items()):
      rows = self._grid.rows(max(shape), few)
      for start in range(0, len(group), rows):
        yield group[start : start + rows], rows

  def _shape(self, pairs: Sequence[Pair]) -> tuple[int, int]:
    """Returns the padded (T, S) that holds each of `pairs`."""
    target = max(len(pair.target_ids) for pair in pairs) + 1
    padded = 16
    while padded < target:
      padded *= 2
    source = max(len(pair.source_ids) for pair in pairs) + 1
    return min(padded, self._longest_target), self._grid.padded_length(source)

  def _run(self, run: Any, pairs: Sequence[Pair], rows: int) -> Any:
    """Returns what `run` gives for `pairs` and filling rows, as numpy."""
    source, target = self._tokenizers.source, self._tokenizers.target
    target_length, source_length = self._shape(pairs)
    source_ids_BS = np.full((rows, source_length), source.pad_id, np.int32)
    # Filling rows are not all PAD, as the translator's are not.
    source_ids_BS[:, 0] = source.eos_id
    inputs_BT = np.full((rows, target_length), target.pad_id, np.int32)
    inputs_BT[:, 0] = target.bos_id
    for row, pair in enumerate(pairs):
      ids = [*pair.source_ids, source.eos_id]
      source_ids_BS[row, : len(ids)] = ids
      inputs_BT[row, 1 : len(pair.target_ids) + 1] = pair.target_ids
    if self._mesh is None:
      return jax.device_get(run(self._params, source_ids_BS, inputs_BT))
    batch = jax.device_put(
      (source_ids_BS, inputs_BT), batch_sharding(self._mesh)
    )
    with use_mesh(self._mesh):
      return jax.device_get(run(self._params, *batch))


def _mean_cross(
  model, params, source_ids_BS, decoder_input_ids_BT, *, layer, heads
):
  maps = attention_maps(model, params, source_ids_BS, decoder_input_ids_BT)
  chosen_BHTS = maps.cross_LBHTS[layer][:, np.asarray(heads)]
  return chosen_BHTS.mean(axis=1)
