"""Several pairs in a row, as packing would have them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from t2t_jax.data.padding import Batch

_MULTIPLE = 8  # of a row's shorter side


def row_lengths(lengths_P2: np.ndarray, longer: int) -> tuple[int, int]:
  """Returns the tokens of a row's sides, in the ratio of the text's.

  Args:
    lengths_P2: source and target tokens of each pair.
    longer: tokens of the longer side.
  """
  tokens_2 = lengths_P2.sum(axis=0)
  exact_2 = longer * tokens_2 / tokens_2.max()
  source, target = np.ceil(exact_2 / _MULTIPLE).astype(int) * _MULTIPLE
  return min(int(source), longer), min(int(target), longer)


def pack(
  lengths_P2: np.ndarray, sides: tuple[int, int], window: int, seed: int
) -> list[list[int]]:
  """Returns the pairs of each row; those that are too long are in none.

  First fit, the longest pair first, within windows of a random order: a pair
  goes to the first row of its window that has room for it on both sides.

  Args:
    lengths_P2: source and target tokens of each pair.
    sides: tokens of a row's sides.
    window: pairs that are packed together.
    seed: of the order.
  """
  order = np.random.default_rng(seed).permutation(len(lengths_P2))
  order = order[(lengths_P2[order] <= sides).all(axis=1)]
  rows: list[list[int]] = []
  for start in range(0, len(order), window):
    pairs = order[start : start + window]
    share_P = (lengths_P2[pairs] / sides).max(axis=1)
    first = len(rows)
    free_R2 = np.tile(sides, (len(pairs), 1))  # a row a pair, if need be
    for pair in pairs[np.argsort(-share_P, kind='stable')]:
      fits_R = (free_R2[: len(rows) - first + 1] >= lengths_P2[pair]).all(1)
      row = int(np.argmax(fits_R))
      if first + row == len(rows):
        rows.append([])
      rows[first + row].append(int(pair))
      free_R2[row] -= lengths_P2[pair]
  return rows


def packed_batches(
  store: Any,
  packed: Sequence[Sequence[int]],
  rows: int,
  sides: tuple[int, int],
  pad_id: int,
  number: int,
) -> list[Batch]:
  """Returns at most `number` batches of `rows` rows, drawn at random.

  Args:
    store: the pairs' tokens.
    packed: the pairs of each row.
    rows: of a batch, fewer where there are fewer.
    sides: tokens of a row's sides.
    pad_id: fills the rows up.
    number: of the batches.
  """
  number = max(1, min(number, len(packed) // rows))
  drawn = np.random.default_rng(0).permutation(len(packed))[: number * rows]
  source_NS = _fill(
    *(store.source_tokens, store.source_offsets),
    [packed[row] for row in drawn],
    sides[0],
    pad_id,
  )
  target_NT = _fill(
    *(store.target_tokens, store.target_offsets),
    [packed[row] for row in drawn],
    sides[1],
    pad_id,
  )
  parts = [slice(n, n + rows) for n in range(0, len(drawn), rows)]
  return [Batch(source_NS[part], target_NT[part]) for part in parts]


def _fill(
  tokens_N: np.ndarray,
  offsets_P: np.ndarray,
  packed: Sequence[Sequence[int]],
  length: int,
  pad_id: int,
) -> np.ndarray:
  """Returns int32 (rows, length): the sentences of one side, then PADs."""
  ids_RL = np.full((len(packed), length), pad_id, np.int32)
  for ids_L, pairs in zip(ids_RL, packed, strict=True):
    ids = np.concatenate(
      [tokens_N[offsets_P[pair] : offsets_P[pair + 1]] for pair in pairs]
    )
    ids_L[: len(ids)] = ids
  return ids_RL
