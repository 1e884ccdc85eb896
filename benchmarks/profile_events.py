"""A profile of jax's as rows of a table."""

import collections
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.model_parts import part_of, pass_of

# A CPU's profile may have these beside what they are made of.
_AROUND_OTHERS = re.compile(r'(while|call|conditional)\b')
_NUMBER = re.compile(r'[._]\d+(?=[._]|$)')
_ORIGIN = re.compile(r'%?([\w.-]+) = .*metadata=\{.*?op_name="([^"]*)"')


class Event(NamedTuple):
  """One kernel at work: its name, nanoseconds, and origin if it is told."""

  name: str
  ns: float
  origin: str


def read_events(file: Path, program: str) -> Iterator[Event]:
  """Yields the kernels of a profile: those of devices, or else a CPU's.

  Args:
    file: .xplane.pb that jax.profiler wrote.
    program: text of the compiled program that ran, which tells of origins.
  """
  import jax

  planes = list(jax.profiler.ProfileData.from_file(str(file)).planes)
  origins = read_origins(program)
  devices = [plane for plane in planes if plane.name.startswith('/device:')]
  found = [e for plane in devices for e in _events(plane, 'Stream', origins)]
  if not found:
    hosts = [plane for plane in planes if plane.name == '/host:CPU']
    found = [e for plane in hosts for e in _events(plane, '', origins)]
  yield from found


def _events(
  plane: Any, lines: str, origins: Mapping[str, str]
) -> Iterator[Event]:
  for line in plane.lines:
    if not line.name.startswith(lines):
      continue
    for event in line.events:
      stats = {name: str(value) for name, value in event.stats if name}
      operation = stats.get('hlo_op')
      if operation or lines:
        origin = stats.get('tf_op') or stats.get('name') or ''
        origin = origin or origins.get(operation or event.name, '')
        yield Event(event.name, event.duration_ns, origin)


def summarise(
  events: Iterable[Event], updates: int, top: int
) -> Iterator[dict[str, Any]]:
  """Yields rows of the `top` kernels, of all others, and of each part and pass.

  Kernels that differ in the compiler's numbers alone are one: fusion.12 and
  fusion.7 are fusion.
  """
  kernels: dict[str, list[Event]] = collections.defaultdict(list)
  parts: dict[str, list[Event]] = collections.defaultdict(list)
  passes: dict[str, list[Event]] = collections.defaultdict(list)
  for event in events:
    if _AROUND_OTHERS.match(event.name):
      continue
    kernels[_NUMBER.sub('', event.name)].append(event)
    parts[_part(event)].append(event)
    passes[pass_of(event.origin) if event.origin else ''].append(event)
  total = sum(map(_ns, parts.values()))
  by_time = sorted(kernels.items(), key=lambda item: -_ns(item[1]))
  for name, some in by_time[:top]:
    origins = collections.Counter(map(_part, some))
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
  if set(parts) == {''}:
    return
  for kernel, groups in (('all of a part', parts), ('all of a pass', passes)):
    for name, some in sorted(groups.items(), key=lambda item: -_ns(item[1])):
      yield {
        'kernel': kernel,
        'ms': round(_ns(some) / updates / 1e6, 4),
        'share': round(_ns(some) / total, 4),
        'of': name or 'not told',
      }


def read_origins(program: str) -> dict[str, str]:
  """Returns {operation: origin} of a compiled program's text."""
  return dict(_ORIGIN.findall(program))


def _part(event: Event) -> str:
  return part_of(event.origin) if event.origin else ''


def _ns(events: Iterable[Event]) -> float:
  return sum(event.ns for event in events)
