"""A plan in words."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from t2t_jax.parallel.topologies import Topology
from t2t_jax.planning.plan import Plan
from t2t_jax.planning.roofline import Times

_SMALL = 0.01  # of all that is sent; smaller collectives are told together


def lines(plan: Plan, topology: Topology) -> Iterator[str]:
  """Yields what `plan` says, a line each."""
  data, fsdp, tensor = plan.sizes
  rows, source, target = plan.shape
  memory = plan.memory
  yield (
    f'mesh {data} x {fsdp} x {tensor} (data x fsdp x tensor) on '
    f'{topology.name}; {plan.parameters:,} parameters'
  )
  yield (
    f'  largest batch: {rows} rows of {source} and {target} tokens, in '
    f'{plan.microbatches} microbatch{"es" if plan.microbatches > 1 else ""}'
  )
  parts = ', '.join(
    f'{field.name} {size_text(getattr(memory, field.name))}'
    for field in dataclasses.fields(memory)
  )
  yield f'  a device, estimated: {size_text(memory.total)} ({parts})'
  if plan.compiled_memory is not None:
    yield f'  a device, by the compiler: {size_text(plan.compiled_memory)}'
  verdict = 'fits' if plan.fits else 'DOES NOT FIT'
  yield f'  {verdict}: a device has {size_text(plan.limit)}'
  origin = 'expected' if plan.compiled_memory is None else 'compiled'
  total = sum(c.total_bytes for c in plan.collectives)
  large = [c for c in plan.collectives if c.total_bytes >= _SMALL * total]
  for collective in large:
    yield (
      f'  {origin}: {collective.count} x {collective.kind} of '
      f'{size_text(collective.bytes)} over {" x ".join(collective.axes)} '
      f'({collective.group_size} devices)'
    )
  if rest := plan.collectives[len(large) :]:
    count = sum(c.count for c in rest)
    small = size_text(sum(c.total_bytes for c in rest))
    yield f'  {origin}: {count} smaller ones, {small} together'
  if plan.times is not None and plan.mfu is not None:
    yield from _clocks(plan, plan.times, topology.platform)


def _clocks(plan: Plan, times: Times, platform: str) -> Iterator[str]:
  kernels = f'memory {_ms(times.memory)}'
  if times.kernels is not None:
    kernels = f'kernels {_ms(times.kernels)}'
    if platform == 'tpu':
      kernels += ' (as its compiler estimates)'
  yield (
    f'  by the data sheet: products {_ms(times.products)}, {kernels}, links '
    f'{_ms(times.links)}, network between hosts {_ms(times.network)}; most are '
    f'{times.limit}'
  )
  yield (
    f'  so an update takes at least {_ms(times.least)}: at most '
    f'{plan.target_tokens / times.least:,.0f} target tokens/s, MFU '
    f'{plan.mfu:.1%}; if no transfer is hidden, {_ms(times.apart)} and '
    f'{plan.target_tokens / times.apart:,.0f}'
  )


def as_json(plan: Plan, topology: Topology) -> dict[str, Any]:
  """Returns the same as plain values."""
  return {
    'topology': topology.name,
    'devices': topology.size,
    'mesh': list(plan.sizes),
    'shape': list(plan.shape),
    'microbatches': plan.microbatches,
    'parameters': plan.parameters,
    'memory': dataclasses.asdict(plan.memory) | {'total': plan.memory.total},
    'compiled_memory': plan.compiled_memory,
    'limit': plan.limit,
    'fits': plan.fits,
    'collectives': [dataclasses.asdict(c) for c in plan.collectives],
    'kernel_seconds': plan.kernel_seconds,
    'times': plan.times and dataclasses.asdict(plan.times),
    'least_seconds': plan.times and plan.times.least,
    'apart_seconds': plan.times and plan.times.apart,
    'limited_by': plan.times and plan.times.limit,
    'target_tokens_per_second': (
      plan.times and plan.target_tokens / plan.times.least
    ),
    'mfu': plan.mfu,
  }


def _ms(seconds: float) -> str:
  return f'{1e3 * seconds:.3g} ms'


def size_text(count: float) -> str:
  """Returns bytes as 512 B, 1.5 KiB, 2.0 MiB or 3.1 GiB."""
  for unit in ('B', 'KiB', 'MiB', 'GiB'):
    if count < 1024 or unit == 'GiB':
      break
    count /= 1024
  return f'{count:.0f} B' if unit == 'B' else f'{count:.1f} {unit}'
