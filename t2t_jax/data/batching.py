"""Batches as a pure function of (seed, step).

The pairs of each padded shape are an endless stream: one permutation of them
after the other. Batch k of a shape takes elements [k * rows, (k + 1) * rows)
of its stream, so no batch is ever part empty and each pair comes exactly once
a pass. In epoch e a shape with n pairs gives
floor((e + 1) n / rows) - floor(e n / rows) batches; the order of the shapes is
drawn for the epoch.

All random orders come from a counter-based generator (Philox) keyed by the
seed, what is ordered, and the pass or epoch. Its raw output never changes
between numpy versions, so neither does the order.
"""

import functools
from collections.abc import Iterator

import numpy as np

from t2t_jax.config import TrainingConfig
from t2t_jax.data import shapes as shapes_lib
from t2t_jax.data.padding import Batch, Drawn, gather
from t2t_jax.data.token_files import TokenStore
from t2t_jax.errors import UsageError

__all__ = ['Batch', 'Drawn', 'TrainBatches', 'evaluation_batches']

_EPOCH_KEY = (1 << 64) - 1  # not a shape's number


class TrainBatches:
  """The endless training batches of a store.

  Attributes:
    shapes: (rows, source length, target length) of every batch there is.
    batches_per_epoch: of each shape, on average.
    steps_per_epoch: of all shapes together.
  """

  @classmethod
  def of(
    cls, store: TokenStore, training: TrainingConfig, pad_id: int
  ) -> 'TrainBatches':
    """Returns the batches that a run of `training` has."""
    return cls(
      store,
      global_batch_tokens=training.global_batch_tokens,
      max_shapes=training.max_shapes,
      length_multiple=training.length_multiple,
      seed=training.seed,
      pad_id=pad_id,
    )

  def __init__(
    self,
    store: TokenStore,
    *,
    global_batch_tokens: int,
    max_shapes: int,
    length_multiple: int,
    seed: int,
    pad_id: int,
  ):
    """Fits the shapes to the store's lengths.

    Args:
      store: the training pairs.
      global_batch_tokens: most positions of a batch, a side.
      max_shapes: most shapes.
      length_multiple: lengths of shapes are multiples of it.
      seed: decides every order.
      pad_id: fills what is no token.

    Raises:
      UsageError: no pairs, or one longer than the budget.
    """
    longest = max(
      store.source_lengths.max(initial=0), store.target_lengths.max(initial=0)
    )
    if not 0 < longest <= global_batch_tokens:
      raise UsageError(
        'config.training.global_batch_tokens: expected room for the longest '
        f'pair of {longest} tokens, found {global_batch_tokens}'
        if longest
        else 'expected training pairs, found none'
      )
    grid = shapes_lib.fit(
      store.source_lengths,
      store.target_lengths,
      batch_tokens=global_batch_tokens,
      max_shapes=max_shapes,
      length_multiple=length_multiple,
      min_batches=2,
    )
    self.shapes = grid.shapes
    self._store, self._seed, self._pad_id = store, seed, pad_id
    self._rows = [rows for rows, _, _ in grid.shapes]
    self._members = _members(grid)
    self._sizes = [len(members) for members in self._members]
    self.batches_per_epoch = tuple(
      size / rows for size, rows in zip(self._sizes, self._rows, strict=True)
    )
    self.steps_per_epoch: float = sum(self.batches_per_epoch)
    # A batch may need two passes of its shape, an epoch all of its shapes.
    self._permutation = functools.lru_cache(2 * len(self.shapes) + 1)(
      self._draw_permutation
    )
    self._epoch_order = functools.lru_cache(2)(self._draw_epoch_order)

  def batch(self, step: int) -> Batch:
    """Returns the batch of update `step` (the first is 0)."""
    return self.drawn(step).read()

  def drawn(self, step: int) -> Drawn:
    """Returns the same, to be read: by several hosts, each its own rows."""
    epoch, first = self._locate(step)
    shape, number = self._epoch_order(epoch)[step - first]
    rows, *_ = self.shapes[shape]
    place_B = np.arange(number * rows, (number + 1) * rows)
    pair_B = self._stream(int(shape), place_B)
    return Drawn(self._store, pair_B, self.shapes[shape], self._pad_id)

  def shapes_of(self, step: int, end: int) -> list[tuple[int, int, int]]:
    """Returns the shapes of updates from `step` to before `end`, each once, in
    the order in which they come first."""
    found: dict[int, None] = {}
    while step < end and len(found) < len(self.shapes):
      epoch, first = self._locate(step)
      order = self._epoch_order(epoch)[step - first : end - first, 0]
      found |= dict.fromkeys(order.tolist())
      step = first + len(self._epoch_order(epoch))
    return [self.shapes[shape] for shape in found]

  def epoch(self, step: int) -> float:
    """Returns the epochs completed before update `step`.

    A whole number exactly where an epoch's first update stands.
    """
    epoch, first = self._locate(step)
    return epoch + (step - first) / (self._steps_before(epoch + 1) - first)

  def _locate(self, step: int) -> tuple[int, int]:
    """Returns the epoch of update `step`, and that epoch's first update."""
    if step < 0:
      raise ValueError(f'expected a step of at least 0, found {step}')
    epoch = int(step / self.steps_per_epoch)
    while self._steps_before(epoch) > step:
      epoch -= 1
    while self._steps_before(epoch + 1) <= step:
      epoch += 1
    return epoch, self._steps_before(epoch)

  def _steps_before(self, epoch: int) -> int:
    return sum(
      epoch * size // rows
      for size, rows in zip(self._sizes, self._rows, strict=True)
    )

  def _draw_epoch_order(self, epoch: int) -> np.ndarray:
    """Returns int64 (steps, 2): shape and batch number of each update."""
    batches = [
      (shape, number)
      for shape, (size, rows) in enumerate(
        zip(self._sizes, self._rows, strict=True)
      )
      for number in range(epoch * size // rows, (epoch + 1) * size // rows)
    ]
    order = _random_order(self._seed, _EPOCH_KEY, epoch, len(batches))
    in_turn = np.array(batches, np.int64).reshape(-1, 2)
    mixed = np.empty_like(in_turn)
    # The shapes are mixed; each one's batches stay in the stream's order.
    mixed[np.argsort(in_turn[order, 0], kind='stable')] = in_turn
    return mixed

  def _draw_permutation(self, shape: int, number: int) -> np.ndarray:
    members = self._members[shape]
    return members[_random_order(self._seed, shape, number, len(members))]

  def _stream(self, shape: int, place_B: np.ndarray) -> np.ndarray:
    """Returns the pairs at places of a shape's endless stream."""
    pass_B, within_B = np.divmod(place_B, self._sizes[shape])
    pair_B = np.empty(len(place_B), np.int64)
    for number in np.unique(pass_B):
      here_B = pass_B == number
      order = self._permutation(shape, int(number))
      pair_B[here_B] = order[within_B[here_B]]
    return pair_B


def evaluation_batches(
  store: TokenStore, batch_tokens: int, max_shapes: int, pad_id: int
) -> Iterator[Batch]:
  """Yields batches with every pair once, the shortest first.

  Rows without a pair, in the last batch of a shape, are all PAD.

  Args:
    store: the pairs.
    batch_tokens: most positions of a batch, a side; a longer pair comes alone.
    max_shapes: most shapes.
    pad_id: fills what is no token.
  """
  if not len(store):
    return
  grid = shapes_lib.fit(
    store.source_lengths,
    store.target_lengths,
    batch_tokens=batch_tokens,
    max_shapes=max_shapes,
    length_multiple=1,
    min_batches=1,
  )
  for (most_rows, source_length, target_length), members in zip(
    grid.shapes, _members(grid), strict=True
  ):
    batches = -(-len(members) // most_rows)
    # So many that the shape's batches are about equally full.
    rows = min(most_rows, shapes_lib.round_rows(-(-len(members) // batches)))
    for start in range(0, len(members), rows):
      batch = gather(
        store,
        members[start : start + rows],
        source_length,
        target_length,
        pad_id,
      )
      missing = ((0, rows - len(batch.source_ids_BS)), (0, 0))
      yield Batch(
        *(np.pad(ids, missing, constant_values=pad_id) for ids in batch)
      )


def _members(grid: shapes_lib.Grid) -> list[np.ndarray]:
  """Returns the pairs of each shape, in the store's order."""
  pairs = len(grid.shape_of_pair_P)
  dtype = np.int32 if pairs < 1 << 31 else np.int64
  # One look a shape takes no longer than sorting, and little memory.
  return [
    np.flatnonzero(grid.shape_of_pair_P == shape).astype(dtype)
    for shape in range(len(grid.shapes))
  ]


def _random_order(seed: int, what: int, number: int, size: int) -> np.ndarray:
  """Returns a permutation of range(size) that depends on nothing else."""
  generator = np.random.Philox(
    key=np.array([seed, what], np.uint64),
    counter=np.array([0, 0, 0, number], np.uint64),
  )
  return np.argsort(generator.random_raw(size), kind='stable')
