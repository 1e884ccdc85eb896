"""What is trained on: the same updates for every peer."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.sizes import (
  BOS_ID,
  EOS_ID,
  FIRST_WORD_ID,
  PAD_ID,
  Size,
  base_config,
  model_config,
)
from t2t_jax.config import Config
from t2t_jax.data.batching import Batch, TrainBatches
from t2t_jax.data.token_store import prepare
from t2t_jax.model.flops import update_flops

# Of random batches: enough that no update sees what the one before saw.
_RANDOM_BATCHES = 4


@dataclasses.dataclass(frozen=True)
class Work:
  """A model and the batches of its updates, which are taken in turn.

  Attributes:
    config: of the model, the optimizer and the update.
    vocab_size: of both sides.
    pad_id, bos_id: special tokens of the batches.
    batches: one an update; the first comes again behind the last.
    name: of the batches, for people.
  """

  config: Config
  vocab_size: int
  pad_id: int
  bos_id: int
  batches: Sequence[Batch]
  name: str

  def counts(self, updates: int) -> 'Counts':
    """Returns what so many updates do, from the first batch on."""
    total = Counts()
    for batch in itertools.islice(itertools.cycle(self.batches), updates):
      total += self.count(batch)
    return total

  def count(self, batch: Batch) -> 'Counts':
    """Returns what an update of one batch does."""
    source_B, target_B = (
      np.count_nonzero(ids != self.pad_id, axis=1) for ids in batch
    )
    flops = update_flops(
      self.config.model, self.vocab_size, source_B, target_B
    ).sum()
    return Counts(
      source_tokens=int(source_B.sum()),
      target_tokens=int(target_B.sum()),
      source_positions=batch.source_ids_BS.size,
      target_positions=batch.target_ids_BT.size,
      flops=float(flops),
    )


@dataclasses.dataclass(frozen=True)
class Counts:
  """Of some updates.

  Attributes:
    source_tokens, target_tokens: real ones, EOS counted.
    source_positions, target_positions: padding counted.
    flops: products and sums of real tokens, forward and backward.
  """

  source_tokens: int = 0
  target_tokens: int = 0
  source_positions: int = 0
  target_positions: int = 0
  flops: float = 0.0

  def __add__(self, other: 'Counts') -> 'Counts':
    pairs = zip(
      dataclasses.astuple(self), dataclasses.astuple(other), strict=True
    )
    return Counts(*(a + b for a, b in pairs))

  @property
  def padding_share(self) -> float:
    """Of both sides' positions, those without a token."""
    real = self.source_tokens + self.target_tokens
    return 1 - real / (self.source_positions + self.target_positions)


def random_work(
  size: Size, *, tokens: int, length: int, dtype: str, dropout: float, seed: int
) -> Work:
  """Returns work without padding: `tokens` random tokens a side, an update,
  in rows of `length`."""
  base = base_config()
  training = dataclasses.replace(
    base.training, global_batch_tokens=tokens, microbatch_tokens=tokens
  )
  rng = np.random.default_rng(seed)

  def ids() -> np.ndarray:
    shape = (max(1, tokens // length), length)
    ids = rng.integers(FIRST_WORD_ID, size.vocab_size, shape, np.int32)
    ids[:, -1] = EOS_ID
    return ids

  return Work(
    config=dataclasses.replace(
      base,
      model=model_config(size, compute_dtype=dtype, dropout_rate=dropout),
      training=training,
    ),
    vocab_size=size.vocab_size,
    pad_id=PAD_ID,
    bos_id=BOS_ID,
    batches=[Batch(ids(), ids()) for _ in range(_RANDOM_BATCHES)],
    name=f'random, {length} tokens',
  )


def corpus_work(
  size: Size,
  config: Config,
  *,
  updates: int,
  dtype: str,
  dropout: float,
  say: Callable[[str], None],
) -> Work:
  """Returns the first updates of a run of `config`, with the model of `size`.

  Vocabulary, batches and optimizer are the config's.
  """
  prepared = prepare(config, say)
  target = prepared.tokenizers.target
  batches = TrainBatches.of(prepared.train, config.training, target.pad_id)
  model = model_config(size, compute_dtype=dtype, dropout_rate=dropout)
  return Work(
    config=dataclasses.replace(config, model=model),
    vocab_size=target.vocab_size,
    pad_id=target.pad_id,
    bos_id=target.bos_id,
    batches=[batches.batch(step) for step in range(updates)],
    name=f'corpus, {len(batches.shapes)} shapes',
  )
