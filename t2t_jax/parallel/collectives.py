"""What a compiled program sends between devices, read from its HLO text.

The text says for each collective which partitions form a group. A partition's
number is its place in the mesh, so the mesh axes along which the members of a
group differ are those that the collective runs over.
"""

import collections
import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from t2t_jax.parallel.hlo import Instruction, read_program

KINDS = (
  'all-reduce',
  'reduce-scatter',
  'all-gather',
  'all-to-all',
  'collective-permute',
)

_CHANNEL = re.compile(r'channel_id=\d+')
_LISTED = re.compile(r'replica_groups=\{(\{[\d,{}]*\})\}')
_IOTA = re.compile(
  r'replica_groups=\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?'
)
_NAMED = re.compile(
  r'replica_groups=mesh\[([^\]]*)\](?:, device_ids=\(\[([\d,]+)\]'
  r'(?:T\(([\d,]+)\))?\))? \{([^}]*)\}'
)
_PAIRS = re.compile(r'source_target_pairs=\{(\{[\d,{}]*\})\}')


@dataclasses.dataclass(frozen=True)
class Collective:
  """Like collectives of a program, together.

  Attributes:
    kind: one of KINDS.
    axes: mesh axes it runs over, in the mesh's order.
    group_size: devices that take part in one of them.
    bytes: of one, as one device sees it: of the array that is reduced,
      gathered (whole), or sent.
    count: how often it runs each time that the program runs.
  """

  kind: str
  axes: tuple[str, ...]
  group_size: int
  bytes: int
  count: int

  @property
  def total_bytes(self) -> int:
    return self.bytes * self.count


def read_collectives(
  hlo: str, mesh_shape: Mapping[str, int]
) -> list[Collective]:
  """Returns the collectives of a compiled program, the largest first.

  Those over one device are left out. A loop's count as often as it is known
  to turn, once where that is not known.

  Args:
    hlo: `compiled.as_text()`.
    mesh_shape: {axis: size} of the mesh it was compiled for, in order.
  """
  program = read_program(hlo)
  devices = math.prod(mesh_shape.values())
  alike: collections.Counter[Any] = collections.Counter()
  for name, times in program.executions().items():
    # A collective that the TPU compiler hides behind other work stands in
    # several fusions of a body, under one number.
    found: set[Any] = set()
    for place, instruction in program.inside(name):
      kind = _kind(instruction)
      if kind is None:
        continue
      groups = _groups(instruction.text, devices)
      axes, size = _axes(groups, mesh_shape), groups.shape[1]
      # The TPU compiler writes a reduce-scatter as a fusion of an all-reduce
      # and a slice.
      scatters = place.startswith('all-reduce-scatter')
      if kind == 'all-reduce' and scatters:
        kind = 'reduce-scatter'
      channel = _CHANNEL.search(instruction.text)
      number = str(len(found))
      if channel and not scatters and place != name:
        number = channel[0]
      if axes:
        payload = _payload(instruction, kind, size)
        found.add((number, kind, axes, size, payload))
    for _, *key in found:
      alike[tuple(key)] += times
  return sorted(
    (Collective(*(*key, count)) for key, count in alike.items()),
    key=lambda c: (-c.total_bytes, c.kind, c.axes),
  )


def _kind(instruction: Instruction) -> str | None:
  kind = instruction.opcode.removesuffix('-start')
  return kind if kind in KINDS else None


def _payload(instruction: Instruction, kind: str, group_size: int) -> int:
  """Bytes of the array that is reduced, gathered or sent."""
  total = sum(array.bytes for array in instruction.arrays)
  opcode = instruction.opcode
  started = opcode.endswith('-start') and instruction.shape.startswith('(')
  if started and opcode.startswith(('all-gather', 'reduce-scatter')):
    # A start's result is (operands, results).
    return total * group_size // (group_size + 1)
  if kind == 'collective-permute' and started:
    return total // 2
  if kind == 'reduce-scatter' and opcode.startswith('reduce-scatter'):
    return total * group_size
  return total


def _groups(text: str, devices: int) -> np.ndarray:
  """Returns the partitions of each group, (groups, members)."""
  if listed := _LISTED.search(text) or _PAIRS.search(text):
    rows = re.findall(r'\{([\d,]*)\}', listed[1])
    return np.array([[int(n) for n in row.split(',')] for row in rows])
  if iota := _IOTA.search(text):
    return _iota(iota[2], iota[3]).reshape(_numbers(iota[1]))
  if named := _NAMED.search(text):
    return _named_groups(*named.groups())
  return np.arange(devices)[None]


def _named_groups(
  axes: str, order: str | None, transposed: str | None, chosen: str
) -> np.ndarray:
  """Of mesh['a'=2,'b'=4], device_ids=([2,4]T(1,0)) {'a','b':(2)2}."""
  sizes = {
    name: int(size) for name, size in re.findall(r"'([^']+)'=(\d+)", axes)
  }
  # A part of an axis, 'b':(before)size, makes axes of it of their own.
  parts = re.findall(r"'([^']+)'(?::\((\d+)\)(\d+))?", chosen)
  dims: list[int] = []
  inside: list[int] = []
  for name, size in sizes.items():
    cut = [(int(a or 1), int(b or size)) for n, a, b in parts if n == name]
    position = 1
    for before, part in sorted(cut):
      dims += [before // position, part]
      inside.append(len(dims) - 1)
      position = before * part
    dims.append(size // position)
  ids = _iota(order, transposed) if order else np.arange(math.prod(dims))
  last = np.moveaxis(
    ids.reshape(dims), inside, range(len(dims) - len(inside), len(dims))
  )
  return last.reshape(-1, math.prod(dims[i] for i in inside))


def _iota(dims: str, transposed: str | None) -> np.ndarray:
  shape = _numbers(dims)
  ids = np.arange(math.prod(shape)).reshape(shape)
  return (ids.transpose(_numbers(transposed)) if transposed else ids).ravel()


def _numbers(text: str) -> tuple[int, ...]:
  return tuple(int(n) for n in text.split(','))


def _axes(groups: np.ndarray, mesh_shape: Mapping[str, int]) -> tuple[str, ...]:
  """Returns the axes along which the members of a group differ."""
  places = np.unravel_index(groups, tuple(mesh_shape.values()))
  return tuple(
    axis
    for axis, place in zip(mesh_shape, places, strict=True)
    if (place != place[:, :1]).any()
  )
