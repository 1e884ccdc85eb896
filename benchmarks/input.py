"""The input alone: batches a second, beside the updates that take them.

  python -m benchmarks.input
  python -m benchmarks.input --config=configs/multi30k.py \\
    --config.data.directory=DIR

The text of the config (default: the quickstart's) is prepared unless it was.
Then, in turn: the first batches are made in the host's memory; made and put on
the device, as a run does; and taken by updates of the model of --size, the
fastest there is. What counts is how many times as many target tokens a second
the input delivers.

Prints a JSON line for each of the three, and a table:
  first batch  seconds from the prepared text to it: shapes are fitted, the
               first epoch's order is drawn
  next epoch   seconds to the first batch of the next epoch
"""

import itertools
import time
from typing import Any

from absl import flags

from t2t_jax import cli

_CONFIG = cli.define_config()
_SIZE = flags.DEFINE_list('size', 'tiny', 'the model of the updates')
_DTYPE = flags.DEFINE_enum(
  'dtype', 'float32', ['float32', 'bfloat16'], 'of the updates'
)
_BATCHES = flags.DEFINE_integer(
  'batches', 200, 'made in a timed call; at most an epoch', lower_bound=1
)
_UPDATES = flags.DEFINE_integer(
  'updates', 8, 'made in a timed call', lower_bound=1
)
_REPEATS = flags.DEFINE_integer('repeats', 7, 'timed rounds', lower_bound=1)


def main() -> None:
  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.report import print_record, print_table
  from benchmarks.sizes import SIZES, base_config, check_sizes
  from benchmarks.work import corpus_work
  from t2t_jax.config import from_mapping
  from t2t_jax.config_files import load

  [size] = check_sizes(_SIZE.value[:1])
  cli.use_compile_cache(base_config().logging.compile_cache_dir)
  config = (
    from_mapping(load('configs/quickstart.py'))
    if _CONFIG.value is None
    else cli.read_config(_CONFIG)
  )
  work = corpus_work(
    SIZES[size],
    config,
    updates=_UPDATES.value,
    dtype=_DTYPE.value,
    dropout=config.model.dropout_rate,
    say=cli.say,
  )
  machine = describe('jax', 'jaxlib', 'numpy')
  records = _measure(work, size)
  for record in records:
    print_record(record | machine)
  print_table(records, COLUMNS['input'])


def _measure(work: Any, size: str) -> list[dict[str, Any]]:
  import jax

  from benchmarks.peers.our_training import OurTrainer
  from benchmarks.report import now
  from benchmarks.rounds import run_rounds, scaled, speedup, summary
  from benchmarks.work import Counts
  from t2t_jax.data.batching import TrainBatches
  from t2t_jax.data.token_store import prepare

  prepared = prepare(work.config, cli.say)

  def open_batches() -> TrainBatches:
    return TrainBatches.of(prepared.train, work.config.training, work.pad_id)

  start_up = _start_up(open_batches)
  batches = open_batches()
  number = min(_BATCHES.value, max(1, int(batches.steps_per_epoch)))
  trainer = OurTrainer(work)
  jobs = {
    'batches': lambda: [batches.batch(step) for step in range(number)],
    'batches on the device': lambda: jax.block_until_ready(
      [trainer.place(batches.batch(step)) for step in range(number)]
    ),
    f'updates of {size}': lambda: trainer.run(_UPDATES.value),
  }
  timed = run_rounds(jobs, repeats=_REPEATS.value, warmup=1)
  made = sum(
    (work.count(batches.batch(step)) for step in range(number)), Counts()
  )
  taken = work.counts(_UPDATES.value)
  *inputs, update = timed
  records = []
  for job, repeats in timed.items():
    counts, count = (taken, _UPDATES.value) if job == update else (made, number)
    found = summary(repeats)
    record = {
      'benchmark': 'input',
      'date': now(),
      'job': job,
      'batches': count,
      'dtype': work.config.model.compute_dtype,
      'batches_per_s': round(count / found['median_s'], 2),
      'target_tokens_per_s': round(counts.target_tokens / found['median_s'], 1),
      'padding_share': round(counts.padding_share, 4),
    }
    if job in inputs:
      record['times_the_update'] = scaled(
        speedup(repeats, timed[update]),
        counts.target_tokens / taken.target_tokens,
      )
    if job == inputs[0]:
      record |= start_up
    records.append(found | record)
  return records


def _start_up(open_batches: Any) -> dict[str, float]:
  """The best of three: what disturbs only adds."""
  firsts, nexts = [], []
  for _ in range(3):
    start = time.perf_counter()
    batches = open_batches()
    batches.batch(0)
    firsts.append(time.perf_counter() - start)
    # Shapes round the number of batches of an epoch up or down.
    near = max(1, int(batches.steps_per_epoch) - len(batches.shapes))
    step = next(s for s in itertools.count(near) if batches.epoch(s) >= 1)
    start = time.perf_counter()
    batches.batch(step)
    nexts.append(time.perf_counter() - start)
  return {
    'first_batch_s': round(min(firsts), 5),
    'next_epoch_s': round(min(nexts), 5),
  }


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
