"""Where the time of an update goes: its kernels, by time.

  python -m benchmarks.profile --size=base --dtype=bfloat16
  python -m benchmarks.profile --size=tiny --top=30 --output=DIR

Some updates of random batches, as in benchmarks.train, run under jax's
profiler. Its events are summed up by kernel (on a CPU by operation, over all
threads), and by the part of the model that the compiler names as their origin.
With --output the profile itself is kept, for XProf or Perfetto.

Prints a JSON line for each of the top kernels and for each part, and a table.
"""

import collections
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

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

_NUMBER = re.compile(r'[._]\d+(?=[._]|$)')
# What an origin such as jit(f)/transpose(jvp(decoder))/layer_0/... is part of.
_PARTS = (
  ('self_attention', 'self-attention'),
  ('cross_attention', 'cross-attention'),
  ('feed_forward', 'feed-forward'),
  ('residual', 'residual and norm'),
  ('norm', 'residual and norm'),
  ('BCD,VD', 'softmax and loss'),
  ('BCV', 'softmax and loss'),
  ('while', 'softmax and loss'),
  ('embed', 'embedding'),
  ('take', 'embedding'),
)


class Event(NamedTuple):
  """One kernel at work: its name, nanoseconds, and origin if it is told."""

  name: str
  ns: float
  origin: str


def main() -> None:
  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.report import now, print_record, print_table
  from benchmarks.sizes import base_config, check_sizes

  cli.use_compile_cache(base_config().logging.compile_cache_dir)
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
    with tempfile.TemporaryDirectory() as temporary:
      directory = Path(_OUTPUT.value or temporary) / f'profile-{size}'
      _profile(size, directory)
      events = list(read_events(directory))
    if not events:
      cli.say(f'{size}: the profiler told of no kernel')
    for row in summarise(events, _UPDATES.value, _TOP.value):
      records.append(head | row)
      print_record(records[-1] | machine)
  print_table(records, COLUMNS['profile'])


def _profile(size: str, directory: Path) -> None:
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
  with jax.profiler.trace(str(directory)):
    trainer.run(_UPDATES.value)


def read_events(directory: Path) -> Iterator[Event]:
  """Yields the kernels of a profile: those of devices, or else a CPU's."""
  import jax

  [file] = directory.rglob('*.xplane.pb')
  planes = list(jax.profiler.ProfileData.from_file(str(file)).planes)
  devices = [plane for plane in planes if plane.name.startswith('/device:')]
  found = [e for plane in devices for e in _events(plane, 'Stream')]
  if not found:
    hosts = [plane for plane in planes if plane.name == '/host:CPU']
    found = [e for plane in hosts for e in _events(plane, 'tf_XLA')]
  yield from found


def _events(plane: Any, lines: str) -> Iterator[Event]:
  for line in plane.lines:
    if not line.name.startswith(lines):
      continue
    for event in line.events:
      stats = {name: str(value) for name, value in event.stats if name}
      if 'hlo_op' in stats or lines == 'Stream':
        origin = stats.get('tf_op') or stats.get('name') or ''
        yield Event(event.name, event.duration_ns, origin)


def summarise(
  events: Iterable[Event], updates: int, top: int
) -> Iterator[dict[str, Any]]:
  """Yields rows of the `top` kernels, of all others, and of each part.

  Kernels that differ in the compiler's numbers alone are one: fusion.12 and
  fusion.7 are fusion.
  """
  kernels: dict[str, list[Event]] = collections.defaultdict(list)
  parts: collections.Counter[str] = collections.Counter()
  for event in events:
    kernels[_NUMBER.sub('', event.name)].append(event)
    parts[part_of(event.origin)] += event.ns  # type: ignore[assignment]
  total = sum(parts.values())
  by_time = sorted(kernels.items(), key=lambda item: -_ns(item[1]))
  for name, some in by_time[:top]:
    origins = collections.Counter(part_of(event.origin) for event in some)
    yield {
      'kernel': name[:80],
      'calls': round(len(some) / updates, 2),
      'ms': round(_ns(some) / updates / 1e6, 4),
      'share': round(_ns(some) / total, 4),
      'of': origins.most_common(1)[0][0],
    }
  if rest := [event for _, some in by_time[top:] for event in some]:
    yield {
      'kernel': f'{len(by_time) - top} others',
      'calls': round(len(rest) / updates, 2),
      'ms': round(_ns(rest) / updates / 1e6, 4),
      'share': round(_ns(rest) / total, 4),
    }
  if set(parts) != {''}:
    for part, ns in parts.most_common():
      yield {
        'kernel': 'all of a part',
        'ms': round(ns / updates / 1e6, 4),
        'share': round(ns / total, 4),
        'of': part or 'not told',
      }


def part_of(origin: str) -> str:
  """Returns the part of the model that an operation's origin names."""
  for word, part in _PARTS:
    if word in origin:
      return part
  return 'rest' if origin else ''


def _ns(events: Iterable[Event]) -> float:
  return sum(event.ns for event in events)


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
