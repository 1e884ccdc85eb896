"""Pairs of a token store as one padded array a side."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from t2t_jax.data.token_files import TokenStore


class Batch(NamedTuple):
  """Padded ids; each side of a pair ends in EOS, then come PADs.

  Attributes:
    source_ids_BS: int32 (rows, source length).
    target_ids_BT: int32 (rows, target length).
  """

  source_ids_BS: np.ndarray
  target_ids_BT: np.ndarray

  @property
  def shape(self) -> tuple[int, int, int]:
    """Rows, source length, target length."""
    rows, source_length = self.source_ids_BS.shape
    return rows, source_length, self.target_ids_BT.shape[1]

  def read(self, rows: Any) -> 'Batch':
    """Returns the rows of those numbers (or of a slice), as `Drawn.read`."""
    return Batch(*(ids[rows] for ids in self))


@dataclasses.dataclass(frozen=True)
class Drawn:
  """A batch's pairs, of which none is read yet.

  Attributes:
    store: holds them.
    pair_B: their numbers in it, a row each.
    shape: of the batch: rows, source length, target length.
    pad_id: fills what is no token.
  """

  store: TokenStore
  pair_B: np.ndarray
  shape: tuple[int, int, int]
  pad_id: int

  @property
  def lengths(self) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of each row's source and target, with EOS; int64."""
    source_P, target_P = self.store.source_lengths, self.store.target_lengths
    return (
      source_P[self.pair_B].astype(np.int64),
      target_P[self.pair_B].astype(np.int64),
    )

  def read(self, rows: Any = slice(None)) -> Batch:
    """Returns the rows of those numbers (or of a slice); all by default."""
    _, source_length, target_length = self.shape
    pair_B = self.pair_B[rows]
    return gather(self.store, pair_B, source_length, target_length, self.pad_id)


def gather(
  store: TokenStore,
  pair_B: np.ndarray,
  source_length: int,
  target_length: int,
  pad_id: int,
) -> Batch:
  """Returns the pairs `pair_B` of a store, padded to the given lengths."""
  return Batch(
    _pad(
      store.source_tokens, store.source_offsets, pair_B, source_length, pad_id
    ),
    _pad(
      store.target_tokens, store.target_offsets, pair_B, target_length, pad_id
    ),
  )


def _pad(
  tokens_N: np.ndarray,
  offsets_P: np.ndarray,
  pair_B: np.ndarray,
  length: int,
  pad_id: int,
) -> np.ndarray:
  """Returns int32 (B, length): the sentences of pairs, filled with PAD."""
  start_B1 = offsets_P[pair_B][:, None]
  end_B1 = offsets_P[pair_B + 1][:, None]
  place_BL = start_B1 + np.arange(length)
  ids_BL = tokens_N.take(place_BL, mode='clip').astype(np.int32)
  ids_BL[place_BL >= end_B1] = pad_id
  return ids_BL
