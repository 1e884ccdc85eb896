"""Kernels of an update by part of the model, and those that cost most."""

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.model_parts import LOSS, OPTIMIZER, REST, part_of, pass_of
from t2t_jax.planning.kernels import Kernel


def part_of_kernel(kernel: Kernel) -> str:
  """Returns the part of the model, and for layers and embeddings whether it
  is their backward pass."""
  part = part_of(kernel.source)
  if part in (LOSS, OPTIMIZER, REST):  # its gradients come with the loss
    return part
  return f'{part}, {pass_of(kernel.source)}'


def summarise(
  kernels: Iterable[Kernel],
  key: Callable[[Kernel], str],
  flops: float,
  bandwidth: float,
) -> list[dict[str, Any]]:
  """Returns a row for each group, the one with most time first, and a total.

  Args:
    kernels: of a program.
    key: what group a kernel is of.
    flops, bandwidth: operations and bytes a second.
  """
  groups: dict[str, list[Kernel]] = {}
  for kernel in kernels:
    groups.setdefault(key(kernel), []).append(kernel)
  groups = groups | {'all': [k for group in groups.values() for k in group]}
  total = _seconds(groups['all'], flops, bandwidth)
  rows = [
    {
      'group': name,
      'kernels': sum(k.count for k in group),
      'gbytes': sum(k.count * k.bytes for k in group) / 1e9,
      'gflops': sum(k.count * k.flops for k in group) / 1e9,
      'ms': 1e3 * (seconds := _seconds(group, flops, bandwidth)),
      'share': seconds / total if total else 0.0,
    }
    for name, group in groups.items()
  ]
  return sorted(rows, key=lambda row: (row['group'] == 'all', -row['ms']))


def costliest(
  kernels: Iterable[Kernel], flops: float, bandwidth: float
) -> list[Kernel]:
  """Returns the kernels, those with most time in all their runs first."""
  return sorted(kernels, key=lambda k: -_seconds([k], flops, bandwidth))


def _seconds(
  kernels: Iterable[Kernel], flops: float, bandwidth: float
) -> float:
  return sum(k.count * k.seconds(flops, bandwidth) for k in kernels)
