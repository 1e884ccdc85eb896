"""Training updates: tokens a second, MFU and memory, beside PyTorch and flax.

  python -m benchmarks.train --size=tiny,small,base
  python -m benchmarks.train --size=base,big --dtype=bfloat16 --dropout=0.1,0
  python -m benchmarks.train --size=tiny --config=configs/multi30k.py \\
    --config.data.directory=DIR

Each update is whole: batch from the host's memory, forward, backward, Adam.
Random batches without padding, of --tokens a side; or with --config those of
a run, its first ones, with its vocabulary. For each model every peer is a
process of its own, and they take turns. In those of the first a chain of matrix
products is timed too, of the same dtype and of the width that is fastest here:
its rate is what MFU is measured against. A peer that fails is left out from
there on, and the status is 1. On a CPU `taskset -c 0,1 python ...` gives all of
them two cores. A TPU is one process's: name one peer.

Flax's example is compared where --flax_wmt says where it is: examples/wmt of
flax's repository or source distribution.

Prints a JSON line for each peer, model, dtype and dropout, and a table:
  real, padded  target tokens a second, without and with padding
  MFU           of the products that the equations take for real tokens, of
                what products alone reach here and now at their best
  of peak       the same, of the data sheet's peak (bfloat16)
  first s       the very first updates, with compiling or reading programs
  MiB           on a CPU by how much the peer's process grew at most, on an
                accelerator the most that its engine has had of it; program
                MiB: what an update needs by its compiler
  ours is       times as fast as the peer, median over the rounds' pairs
"""

import functools
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from absl import flags

from benchmarks.clock import define_clock
from t2t_jax import cli
from t2t_jax.errors import UsageError, nearest

_DTYPES = ('float32', 'bfloat16')
_CONFIG = cli.define_config()
_SIZES = flags.DEFINE_list(
  'size', 'tiny,small,base', 'models: some of tiny, small, base, big'
)
_DTYPE = flags.DEFINE_list(
  'dtype', 'float32', 'model.compute_dtype: some of float32, bfloat16'
)
_DROPOUT = flags.DEFINE_list('dropout', '0.1', 'rates, such as 0.1,0')
_PEERS = flags.DEFINE_list(
  'peers',
  'ours,torch,flax',
  'what is compared; also torch-full, ours-xla, ours-cudnn, ours-scanned',
)
_TOKENS = flags.DEFINE_integer(
  'tokens', 4096, 'a side, an update, of random batches', lower_bound=1
)
_LENGTH = flags.DEFINE_integer(
  'length', 32, 'tokens of each of their sentences', lower_bound=2
)
_UPDATES = flags.DEFINE_integer(
  'updates',
  0,
  'a timed call; 0: about a second of them, with --config 16',
  lower_bound=0,
)
_REPEATS = flags.DEFINE_integer('repeats', 7, 'timed rounds', lower_bound=1)
_FLAX_WMT = flags.DEFINE_string('flax_wmt', '', "flax's examples/wmt")
_PRODUCT = flags.DEFINE_integer(
  'product', 0, 'width of the products alone; 0: the fastest of some', 0
)
_SEED = flags.DEFINE_integer('seed', 1, 'of random batches')
_CLOCK = define_clock()
_CORPUS_UPDATES, _MOST_UPDATES = 16, 64


def main() -> None:
  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.peers.trainers import check_peers, why_missing
  from benchmarks.report import print_record, print_table
  from benchmarks.sizes import check_sizes

  check_sizes(_SIZES.value)
  check_peers(_PEERS.value)
  for dtype in _DTYPE.value:
    if dtype not in _DTYPES:
      raise UsageError(
        f"--dtype: expected some of {', '.join(_DTYPES)}, found '{dtype}'."
        f'{nearest(dtype, _DTYPES)}'
      )
  rates = _rates()
  missing = {
    peer: why
    for peer in _PEERS.value
    if (why := why_missing(peer, _FLAX_WMT.value))
  }
  for peer, why in missing.items():
    cli.say(f'{peer}: skipped, {why}')
  machine = describe('jax', 'jaxlib', 'flax', 'torch')
  records: list[dict[str, Any]] = []
  for size in _SIZES.value:
    for dtype in _DTYPE.value:
      for rate in rates:
        for record in _measure(size, dtype, rate, missing):
          print_record(record | machine)
          records.append(record)
  print_table(records, COLUMNS['train'])
  if any('failed' in record for record in records):
    sys.exit(1)


def _measure(
  size: str, dtype: str, rate: float, missing: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
  """Yields the records of one model, one a peer."""
  from benchmarks.figures import figures
  from benchmarks.peers.trainers import TrainingPeer
  from benchmarks.peers.workers import Workers
  from benchmarks.report import now
  from benchmarks.rounds import speedup
  from t2t_jax.parallel.chips import peak_flops

  work = _work(size, dtype, rate)
  head = {
    'benchmark': 'train',
    'date': now(),
    'size': size,
    'batches': work.name,
    'tokens': work.config.training.global_batch_tokens,
    'dropout': rate,
    'dtype': dtype,
  }
  for peer, why in missing.items():
    yield head | {'peer': peer, 'skipped': why}
  peers = [peer for peer in _PEERS.value if peer not in missing]
  make = functools.partial(
    TrainingPeer,
    work=work,
    flax_wmt=_FLAX_WMT.value,
    clock=_CLOCK.value,
    products_by=peers[0] if peers else '',
    product_width=_PRODUCT.value,
  )
  updates = _UPDATES.value or (len(work.batches) if _CONFIG.value else 0)
  with Workers(make, peers) as workers:
    workers.wait()
    begun = workers.ask(
      f'first updates of {size}, {dtype}, dropout {rate}',
      TrainingPeer.begin,
      updates or 1,
    )
    if begun and not updates:
      one = next(iter(begun.values())).update_s
      updates = max(1, min(_MOST_UPDATES, round(1 / one)))
    timed = workers.rounds(
      f'{updates} updates',
      TrainingPeer.time,
      updates,
      repeats=_REPEATS.value,
      warmup=1,
    )
    found = workers.ask('', TrainingPeer.product_times)
  for peer, why in workers.failed.items():
    yield head | {'peer': peer, 'failed': why}
  products = next(filter(None, found.values()), None)
  for peer, repeats in timed.items():
    kinds = begun[peer].device_kinds
    record = figures(
      work.counts(updates),
      updates,
      repeats,
      products,
      len(kinds),
      peak_flops(kinds),
    )
    if 'ours' in timed and peer != 'ours':
      record['ours_is_faster'] = speedup(timed['ours'], repeats)
    device = {'peer': peer, 'device': kinds[0]}
    yield head | device | record | begun[peer].record


def _work(size: str, dtype: str, rate: float) -> Any:
  from benchmarks.sizes import SIZES
  from benchmarks.work import corpus_work, random_work

  if _CONFIG.value is None:
    return random_work(
      SIZES[size],
      tokens=_TOKENS.value,
      length=_LENGTH.value,
      dtype=dtype,
      dropout=rate,
      seed=_SEED.value,
    )
  return corpus_work(
    SIZES[size],
    cli.read_config(_CONFIG),
    updates=_UPDATES.value or _CORPUS_UPDATES,
    dtype=dtype,
    dropout=rate,
    say=cli.say,
  )


def _rates() -> list[float]:
  for rate in _DROPOUT.value:
    try:
      if 0 <= float(rate) < 1:
        continue
    except ValueError:
      pass
    raise UsageError(
      f"--dropout: expected numbers from 0 to below 1, found '{rate}'"
    )
  return [float(rate) for rate in _DROPOUT.value]


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
