"""Training updates: tokens a second, MFU and memory, beside PyTorch and flax.

  python -m benchmarks.train --size=tiny,small,base
  python -m benchmarks.train --size=base,big --dtype=bfloat16 --dropout=0.1,0
  python -m benchmarks.train --size=tiny --config=configs/multi30k.py \\
    --config.data.directory=DIR

Each update is whole: batch from the host's memory, forward, backward, Adam.
Random batches without padding, of --tokens a side; or with --config those of
a run, its first ones, with its vocabulary. Peers take turns with a chain of
matrix products of the same dtype, of the width that is fastest here: its rate
is what MFU is measured against. On a CPU `taskset -c 0,1 python ...` gives all
of them two cores.

Flax's example is compared where --flax_wmt says where it is: examples/wmt of
flax's repository or source distribution.

Prints a JSON line for each peer, model, dtype and dropout, and a table:
  real, padded  target tokens a second, without and with padding
  MFU           of the products that the equations take for real tokens, of
                what products alone reach here and now at their best
  of peak       the same, of the data sheet's peak (bfloat16)
  first s       the very first updates, with compiling or reading programs
  MiB           on a CPU by how much the process grew at most, on an
                accelerator the most that the engine has had of it; program
                MiB: what an update needs by its compiler
  ours is       times as fast as the peer, median over the rounds' pairs
"""

from collections.abc import Iterator
from typing import Any

from absl import flags

from benchmarks.clock import CLOCKS, define_clock
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
_PRODUCTS = 'products'


def main() -> None:
  import os

  peers = _PEERS.value
  if len(peers) > 1:
    # jax would take most of a GPU's memory, of which peers need their share.
    os.environ.setdefault('XLA_PYTHON_CLIENT_MEM_FRACTION', '0.5')
  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.peers.trainers import check_peers
  from benchmarks.report import print_record, print_table
  from benchmarks.sizes import base_config, check_sizes

  check_sizes(_SIZES.value)
  check_peers(peers)
  for dtype in _DTYPE.value:
    if dtype not in _DTYPES:
      raise UsageError(
        f"--dtype: expected some of {', '.join(_DTYPES)}, found '{dtype}'."
        f'{nearest(dtype, _DTYPES)}'
      )
  rates = _rates()
  cli.use_compile_cache(base_config().logging.compile_cache_dir)
  machine = describe('jax', 'jaxlib', 'flax', 'torch')
  records: list[dict[str, Any]] = []
  for size in _SIZES.value:
    for dtype in _DTYPE.value:
      for rate in rates:
        for record in _measure(size, dtype, rate):
          print_record(record | machine)
          records.append(record)
  print_table(records, COLUMNS['train'])


def _measure(size: str, dtype: str, rate: float) -> Iterator[dict[str, Any]]:
  """Yields the records of one model, one a peer."""
  import jax

  from benchmarks.figures import figures
  from benchmarks.peers.trainers import why_missing
  from benchmarks.products import make_products
  from benchmarks.report import now
  from benchmarks.rounds import run_rounds, speedup
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
  trainers, firsts = {}, {}
  updates = _UPDATES.value or (len(work.batches) if _CONFIG.value else 0)
  for peer in _PEERS.value:
    if missing := why_missing(peer, _FLAX_WMT.value):
      cli.say(f'{peer}: skipped, {missing}')
      yield head | {'peer': peer, 'skipped': missing}
      continue
    cli.say(f'{size}, {dtype}, dropout {rate}: first updates of {peer}')
    trainers[peer], firsts[peer], one = _begin(peer, work, updates)
    updates = updates or max(1, min(_MOST_UPDATES, round(1 / one)))
  clock = CLOCKS[_CLOCK.value]
  products = make_products(dtype, _PRODUCT.value, clock)
  head['product_width'] = products.width
  jobs = {_PRODUCTS: products.job} | {
    name: lambda trainer=trainer: trainer.run(updates)
    for name, trainer in trainers.items()
  }
  cli.say(f'{_REPEATS.value} timed rounds of {updates} updates')
  timed = run_rounds(jobs, repeats=_REPEATS.value, warmup=0, clock=clock)
  devices = jax.devices()
  for peer in trainers:
    record = figures(
      work.counts(updates),
      updates,
      timed[peer],
      timed[_PRODUCTS],
      products.flops * len(devices),
      peak_flops(device.device_kind for device in devices),
    )
    if 'ours' in trainers and peer != 'ours':
      record['ours_is_faster'] = speedup(timed['ours'], timed[peer])
    kind = devices[0].device_kind
    yield head | {'peer': peer, 'device': kind} | record | firsts[peer]


def _begin(
  peer: str, work: Any, updates: int
) -> tuple[Any, dict[str, Any], float]:
  """Returns a trainer that has compiled, what its record tells of its
  beginning, and the seconds of an update."""
  from benchmarks.memory import mib, peak_resident, resident
  from benchmarks.peers.trainers import make_trainer

  before = resident()
  trainer = make_trainer(peer, work, _FLAX_WMT.value)
  clock = CLOCKS[_CLOCK.value]
  start = clock()
  loss = trainer.run(updates or 1)
  first = clock() - start
  start = clock()
  peak = peak_resident(lambda: trainer.run(updates or 1))
  seconds = (clock() - start) / (updates or 1)
  if peak is not None and before is not None:
    peak -= before
  return (
    trainer,
    {
      'first_s': round(first, 2),
      'first_loss': round(loss, 5),
      'memory_mib': mib(trainer.device_peak() or peak),
      'program_mib': mib(trainer.program_bytes()),
    },
    seconds,
  )


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
