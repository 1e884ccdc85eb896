"""Where the time of an update goes: its kernels, by time.

  python -m benchmarks.profile --size=base --dtype=bfloat16
  python -m benchmarks.profile --size=tiny --top=30 --output=DIR

Some updates of random batches, as in benchmarks.train, run under jax's
profiler. Its events are summed up by kernel (on a CPU by operation, over all
threads), by the part of the model that the compiler names as their origin, and
by pass; a fused kernel is of the part that its result is of. Beside them stand
an update by the clock, without the profiler, and what the host does meanwhile:
placing a batch (benchmarks.input tells of making it). On an accelerator, what
the clock has more than the kernels is idle. A GPU's kernels are begun one by
one here and not as CUDA graphs, in which they do not tell of their origin;
benchmarks.train has the time of an update with graphs. With --output=DIR the
profile itself is kept, as XProf reads it.

Prints a JSON line for each of the top kernels, each part and pass, and a table.
"""

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import flags

from t2t_jax import cli

_SIZE = flags.DEFINE_list('size', 'base', 'some of tiny, small, base, big')
_DTYPE = flags.DEFINE_enum(
  'dtype', 'float32', ['float32', 'bfloat16'], 'model.compute_dtype'
)
_PEER = flags.DEFINE_enum(
  'peer', 'ours', ['ours', 'ours-xla', 'ours-cudnn'], 'kind of attention'
)
_TOKENS = flags.DEFINE_integer('tokens', 4096, 'a side, an update', 1)
_LENGTH = flags.DEFINE_integer('length', 32, 'tokens of a sentence', 2)
_DROPOUT = flags.DEFINE_float('dropout', 0.1, 'rate')
_UPDATES = flags.DEFINE_integer('updates', 3, 'under the profiler', 1)
_TOP = flags.DEFINE_integer('top', 15, 'kernels that are shown', 1)
_OUTPUT = flags.DEFINE_string('output', '', 'directory to keep the profile in')

# https://github.com/openxla/xprof/issues/3070
_NO_GRAPHS = '--xla_gpu_enable_command_buffer='


def main() -> None:
  # Read when jax is imported.
  os.environ['XLA_FLAGS'] = f'{os.environ.get("XLA_FLAGS", "")} {_NO_GRAPHS}'
  import jax

  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.profile_events import read_events, summarise
  from benchmarks.report import now, print_record, print_table
  from benchmarks.sizes import base_config, check_sizes

  cli.use_compile_cache(base_config().logging.compile_cache_dir)
  # Else a program of older code is found, with the origins that it had there.
  jax.config.update('jax_compilation_cache_include_metadata_in_key', True)
  machine = describe('jax', 'jaxlib')
  records: list[dict[str, Any]] = []
  for size in check_sizes(_SIZE.value):
    head = {
      'benchmark': 'profile',
      'date': now(),
      'size': size,
      'dtype': _DTYPE.value,
      'peer': _PEER.value,
      'tokens': _TOKENS.value,
      'dropout': _DROPOUT.value,
    }
    with tempfile.TemporaryDirectory() as directory:
      program, clocks = _profile(size, directory)
      [file] = Path(directory).rglob('*.xplane.pb')
      events = list(read_events(file, program))
      if _OUTPUT.value:
        shutil.copy(file, Path(_OUTPUT.value) / f'profile-{size}.xplane.pb')
    if not events:
      cli.say(f'{size}: the profiler told of no kernel')
    rows = summarise(events, _UPDATES.value, _TOP.value)
    for row in itertools.chain(rows, clocks):
      records.append(head | row)
      print_record(records[-1] | machine)
  print_table(records, COLUMNS['profile'])


def _profile(size: str, directory: str) -> tuple[str, list[dict[str, Any]]]:
  """Writes a profile to `directory`; returns the program's text, and rows of
  what is timed without it."""
  import jax

  from benchmarks.peers.our_training import OurTrainer
  from benchmarks.sizes import SIZES
  from benchmarks.work import random_work

  work = random_work(
    SIZES[size],
    tokens=_TOKENS.value,
    length=_LENGTH.value,
    dtype=_DTYPE.value,
    dropout=_DROPOUT.value,
    seed=1,
  )
  trainer = OurTrainer(work, _PEER.value.partition('-')[2])
  trainer.run(2)
  clocks = [
    {'kernel': name, 'ms': round(1e3 * _seconds(job) / _UPDATES.value, 4)}
    for name, job in (
      ('an update, by the clock', lambda: trainer.run(_UPDATES.value)),
      ('a batch placed, by the clock', lambda: _place(trainer, work)),
    )
  ]
  with jax.profiler.trace(directory):
    trainer.run(_UPDATES.value)
  return str(trainer.compiled().as_text()), clocks


def _place(trainer: Any, work: Any) -> None:
  import jax

  for batch in itertools.islice(itertools.cycle(work.batches), _UPDATES.value):
    jax.block_until_ready(trainer.place(batch))


def _seconds(job: Callable[[], Any]) -> float:
  start = time.perf_counter()
  job()
  return time.perf_counter() - start


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
