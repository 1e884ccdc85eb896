"""A compiled program as its HLO text tells it: instructions, and how often
they run.
"""

import collections
import dataclasses
import math
import re
from collections.abc import Iterator, Mapping

_ITEM_BYTES = {'pred': 1, 'bf16': 2, 'f16': 2, 'f32': 4, 'f64': 8}
_COMPUTATION = re.compile(r'^(ENTRY )?%?([\w.-]+) \(.*\{$')
_INSTRUCTION = re.compile(
  r'^\s+(ROOT )?%?([\w.-]+) = (.+?) ([a-z][\w-]*)\((.*)'
)
_ARRAY = re.compile(r'(\w+)\[([\d,]*)\]')
_CALLED = re.compile(
  r'(?:calls|body|condition|to_apply|branch_computations)='
  r'(\{[^}]*\}|%?[\w.-]+)'
)
_TRIPS = re.compile(r'known_trip_count[^\d}]*(\d+)')
_CONDITION = re.compile(r'condition=%?([\w.-]+)')
_NUMBER = re.compile(r'^(\d+)\)')
_OPERAND = re.compile(r'%([\w.-]+)')


@dataclasses.dataclass(frozen=True)
class Array:
  """Attributes:
  dtype: by HLO's name, such as bf16.
  dims: its sizes.
  """

  dtype: str
  dims: tuple[int, ...]

  @property
  def size(self) -> int:
    return math.prod(self.dims)

  @property
  def bytes(self) -> int:
    return item_bytes(self.dtype) * self.size


@dataclasses.dataclass(frozen=True)
class Instruction:
  """A line of a computation.

  Attributes:
    is_root: whether it is the computation's result.
    name: of its result.
    shape: of its result, an array or a tuple of them, as written.
    opcode: such as fusion.
    text: what follows the opcode's opening parenthesis.
  """

  is_root: bool
  name: str
  shape: str
  opcode: str
  text: str

  @property
  def arrays(self) -> list[Array]:
    """Of the result."""
    return arrays_of(self.shape)

  @property
  def operands(self) -> list[str]:
    """Names of the instructions whose results it takes."""
    depth = 1
    for end, character in enumerate(self.text):
      depth += (character == '(') - (character == ')')
      if not depth:
        return _OPERAND.findall(self.text[:end])
    return _OPERAND.findall(self.text)

  @property
  def is_control(self) -> bool:
    """Whether it runs computations, rather than being made of them."""
    return self.opcode in ('while', 'call', 'conditional')

  def called(self) -> Iterator[str]:
    """Yields the name of each computation that it runs or is made of."""
    for names in _CALLED.findall(self.text):
      for name in names.strip('{}').split(','):
        yield name.strip().lstrip('%')


@dataclasses.dataclass(frozen=True)
class Program:
  """Attributes:
  computations: {name: instructions}, each in its order.
  entry: name of the computation that runs first.
  """

  computations: Mapping[str, list[Instruction]]
  entry: str

  def inside(self, name: str) -> Iterator[tuple[str, Instruction]]:
    """Yields (computation, instruction) of a computation and of those it is
    made of."""
    for instruction in self.computations.get(name, []):
      yield name, instruction
      if not instruction.is_control:
        for called in instruction.called():
          yield from self.inside(called)

  def executions(self) -> dict[str, int]:
    """Returns how often entry, bodies and branches run when `entry` runs once.

    A loop's count as often as it is known to turn, once where that is not
    known.
    """
    times: collections.Counter[str] = collections.Counter()

    def visit(name: str, count: int) -> None:
      times[name] += count
      for instruction in self.computations.get(name, []):
        if instruction.is_control:
          trips = self._trips(instruction)
          for called in instruction.called():
            visit(called, count * trips)

    visit(self.entry, 1)
    return dict(times)

  def _trips(self, instruction: Instruction) -> int:
    """How often a loop turns: as the compiler noted, or else the number that
    its condition compares with."""
    if instruction.opcode != 'while':
      return 1
    if noted := _TRIPS.search(instruction.text):
      return int(noted[1])
    condition = _CONDITION.search(instruction.text)
    numbers = [
      int(number[1])
      for inside in self.computations.get(condition[1] if condition else '', [])
      if inside.opcode == 'constant' and inside.shape.startswith(('s32', 'u32'))
      if (number := _NUMBER.match(inside.text))
    ]
    return max(numbers, default=1)


def read_program(hlo: str) -> Program:
  """Returns the program of `compiled.as_text()`."""
  computations: dict[str, list[Instruction]] = {}
  entry, current = '', None
  for line in hlo.splitlines():
    if not line[:1].isspace():
      if header := _COMPUTATION.match(line):
        current = computations.setdefault(header[2], [])
        entry = header[2] if header[1] else entry
    elif current is not None and (found := _INSTRUCTION.match(line)):
      root, *rest = found.groups()
      current.append(Instruction(bool(root), *rest))
  return Program(computations, entry)


def arrays_of(shape: str) -> list[Array]:
  """Returns the arrays of a shape; tokens and other opaque parts are none."""
  return [
    Array(dtype, tuple(map(int, filter(None, dims.split(',')))))
    for dtype, dims in _ARRAY.findall(shape)
    if dtype in _ITEM_BYTES or dtype[1:].isdigit()
  ]


def item_bytes(dtype: str) -> int:
  """Of f32, s8, u4 and the like; f8 kinds and pred are one byte."""
  if dtype in _ITEM_BYTES:
    return _ITEM_BYTES[dtype]
  return max(1, int(dtype[1:]) // 8)
