"""Pairs of a token store as one padded array a side."""

from typing import NamedTuple

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
