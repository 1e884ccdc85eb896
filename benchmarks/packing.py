"""Packing against bucketing: how full batches are, and what updates take.

  python -m benchmarks.packing --config=configs/multi30k.py \\
    --config.data.directory=DIR --size=tiny --lengths=64,128
  python -m benchmarks.packing ... --repeats=0

A run pads its pairs to a few shapes, the buckets. Packing would put several
pairs into each row, which a mask keeps apart: first fit, the longest first,
among --window pairs of a random order. --lengths are those of a row's longer
side; the other has as many tokens as the text's ratio asks for, a multiple of
training.length_multiple. Pairs that no row holds are left out.

The first updates of both take turns. There is no such mask here: packed pairs
attend to each other, which costs the same products and less memory, in favour
of packing. --repeats=0 times nothing.

Prints a JSON line for each layout, and a table:
  real         of both sides' positions, those that hold a token
  an update    tokens of both sides; what an update costs whatever its batch,
               such as Adam, is shared by more of them in fuller ones
  products     of an update, a real token, beside those of the buckets
  is as fast   so many times: real tokens a second beside the buckets', median
               over the rounds' pairs
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from absl import flags

from benchmarks.clock import CLOCKS, define_clock
from t2t_jax import cli
from t2t_jax.errors import UsageError

_CONFIG = cli.define_config()
_SIZE = flags.DEFINE_string('size', 'tiny', 'the model of the updates')
_LENGTHS = flags.DEFINE_list('lengths', '64,128,256', 'tokens of packed rows')
_WINDOW = flags.DEFINE_integer('window', 4096, 'pairs packed together', 1)
_UPDATES = flags.DEFINE_integer('updates', 8, 'made in a timed call', 1)
_REPEATS = flags.DEFINE_integer('repeats', 5, 'timed rounds', 0)
_CLOCK = define_clock()


def main() -> None:
  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.report import now, print_record, print_table
  from benchmarks.sizes import SIZES, base_config, check_sizes
  from benchmarks.work import corpus_work

  check_sizes([_SIZE.value])
  lengths = _lengths()
  cli.use_compile_cache(base_config().logging.compile_cache_dir)
  config = cli.read_config(_CONFIG)
  work = corpus_work(
    SIZES[_SIZE.value],
    config,
    updates=_UPDATES.value,
    dtype=config.model.compute_dtype,
    dropout=config.model.dropout_rate,
    say=cli.say,
  )
  head = {
    'benchmark': 'packing',
    'date': now(),
    'size': _SIZE.value,
    'tokens': config.training.global_batch_tokens,
  }
  machine = describe('jax', 'jaxlib')
  records = [head | record for record in _measure(work, lengths)]
  for record in records:
    print_record(record | machine)
  print_table(records, COLUMNS['packing'])


@dataclasses.dataclass(frozen=True)
class Layout:
  """A way to make batches of a text.

  Attributes:
    name: for people.
    shapes: (rows, source length, target length).
    batches_per_epoch: of each shape.
    real: tokens of an epoch.
    left_out: share of the text's tokens that it has no room for.
    first: batches, to be timed.
  """

  name: str
  shapes: Sequence[tuple[int, int, int]]
  batches_per_epoch: Sequence[float]
  real: int
  left_out: float
  first: Sequence[Any]

  def per_real_token(self, of_a_row: Any) -> float:
    """Adds up `of_a_row(source length, target length)` over an epoch."""
    rows = zip(self.shapes, self.batches_per_epoch, strict=True)
    return sum(n * b * of_a_row(s, t) for (b, s, t), n in rows) / self.real


def _measure(work: Any, lengths: Sequence[int]) -> Iterator[dict[str, Any]]:
  from benchmarks.peers.our_training import OurTrainer
  from benchmarks.rounds import run_rounds, scaled, speedup, summary
  from t2t_jax.model.flops import update_flops

  def flops(source: int, target: int) -> float:
    return update_flops(work.config.model, work.vocab_size, source, target)

  layouts = list(_layouts(work, lengths))
  timed: dict[str, Any] = {}
  if _REPEATS.value:
    trainers = [
      OurTrainer(dataclasses.replace(work, batches=layout.first))
      for layout in layouts
    ]
    timed = run_rounds(
      {
        layout.name: functools.partial(trainer.run, len(layout.first))
        for layout, trainer in zip(layouts, trainers, strict=True)
      },
      repeats=_REPEATS.value,
      warmup=1,
      clock=CLOCKS[_CLOCK.value],
    )
  buckets = layouts[0]
  for layout in layouts:
    record = {
      'layout': layout.name,
      'shapes': layout.shapes,
      'real': round(1 / layout.per_real_token(lambda s, t: s + t), 4),
      'left_out': round(layout.left_out, 4),
      'real_tokens_per_update': round(
        layout.real / sum(layout.batches_per_epoch), 1
      ),
      'products': round(
        layout.per_real_token(flops) / buckets.per_real_token(flops), 4
      ),
    }
    if timed:
      found = summary(timed[layout.name])
      tokens = _real(layout.first, work.pad_id)
      record |= found | {
        'real_tokens_per_s': round(tokens / found['median_s'], 1),
        'times_the_buckets': scaled(
          speedup(timed[layout.name], timed[buckets.name]),
          tokens / _real(buckets.first, work.pad_id),
        ),
      }
    yield record


def _layouts(work: Any, lengths: Sequence[int]) -> Iterator[Layout]:
  """Yields the buckets, then each length of packed rows."""
  from benchmarks.packed_rows import pack, packed_batches, row_lengths
  from t2t_jax.data.batching import TrainBatches
  from t2t_jax.data.shapes import rows_within
  from t2t_jax.data.token_store import prepare

  training = work.config.training
  store = prepare(work.config, cli.say).train
  lengths_P2 = np.stack([store.source_lengths, store.target_lengths], 1)
  total = int(lengths_P2.sum())
  batches = TrainBatches.of(store, training, work.pad_id)
  yield Layout(
    'buckets',
    batches.shapes,
    batches.batches_per_epoch,
    total,
    0.0,
    work.batches,
  )
  for length in lengths:
    sides = row_lengths(lengths_P2, length)
    packed = pack(lengths_P2, sides, _WINDOW.value, training.seed)
    if not packed:
      raise UsageError(
        f'--lengths: expected room for some pair of the text, found {length}'
      )
    real = int(lengths_P2[np.concatenate(packed)].sum())
    rows = rows_within(training.global_batch_tokens, *sides)
    yield Layout(
      f'rows of {sides[0]} and {sides[1]}',
      [(rows, *sides)],
      [len(packed) / rows],
      real,
      1 - real / total,
      packed_batches(store, packed, rows, sides, work.pad_id, _UPDATES.value),
    )


def _lengths() -> list[int]:
  for length in _LENGTHS.value:
    if not (length.isdecimal() and int(length)):
      raise UsageError(
        f'--lengths: expected tokens of a row, such as 64,128, found {length!r}'
      )
  return [int(length) for length in _LENGTHS.value]


def _real(batches: Sequence[Any], pad_id: int) -> int:
  """Returns the tokens of both sides."""
  return sum(int(np.sum(ids != pad_id)) for batch in batches for ids in batch)


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
