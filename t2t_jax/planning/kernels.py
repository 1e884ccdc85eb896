"""The kernels of a program that was compiled for a GPU, and what they move.

An instruction of the scheduled HLO is a kernel: a fusion, a library's product
or attention, a copy. Each reads its operands from memory and writes its
result, so bytes and operations bound its time from below. Caches and the time
to start a kernel are left out; how the choice of a product's algorithm turns
out is known on the GPU alone.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterator, Mapping

from t2t_jax.parallel.collectives import KINDS as COLLECTIVES
from t2t_jax.parallel.hlo import Array, Instruction, Program, read_program

# What stands in a schedule and starts nothing.
_FREE = frozenset(
  (
    *('parameter', 'constant', 'tuple', 'get-tuple-element', 'bitcast'),
    *('while', 'call', 'conditional', 'after-all', 'partition-id'),
    *('replica-id', 'opt-barrier', 'add-dependency'),
  )
)
# A fusion of these alone computes nothing.
_MOVES = frozenset(
  (
    *('parameter', 'constant', 'bitcast', 'tuple', 'get-tuple-element'),
    *('copy', 'transpose', 'reshape', 'convert', 'broadcast', 'slice'),
    *('concatenate', 'pad', 'dynamic-slice', 'dynamic-update-slice'),
  )
)
_OP_NAME = re.compile(r'op_name="([^"]*)"')
_TARGET = re.compile(r'custom_call_target="([^"]*)"')
_CALLS = re.compile(r'calls=%?([\w.-]+)')
_CONTRACTED = re.compile(r'lhs_contracting_dims=\{([\d,]*)\}')
_NUMBER = re.compile(r'^(\d+)\)')


@dataclasses.dataclass(frozen=True)
class Kernel:
  """Attributes:
  name: of the instruction.
  kind: product, attention, scatter, sort, reduce, move (copies, transposes,
    conversions), fill, elementwise, a collective's, or the opcode.
  source: what it was traced from, such as jit(train_step)/.../dot_general.
  result: its result's shape.
  bytes: read and written.
  flops: of products.
  count: how often it runs each time that the program runs.
  """

  name: str
  kind: str
  source: str
  result: str
  bytes: int
  flops: int
  count: int

  def seconds(self, flops: float, bandwidth: float) -> float:
    """Returns the least time of one run at these operations and bytes a
    second."""
    return max(self.flops / flops, self.bytes / bandwidth)


def read_kernels(hlo: str) -> list[Kernel]:
  """Returns the kernels of a program, in the order in which they are started.

  Args:
    hlo: `compiled.as_text()`, scheduled.
  """
  program = read_program(hlo)
  return [
    _kernel(_Place(program, name), instruction, times)
    for name, times in program.executions().items()
    for instruction in program.computations.get(name, [])
    if instruction.opcode not in _FREE
    and not instruction.opcode.endswith('-done')
  ]


def _kernel(place: '_Place', instruction: Instruction, times: int) -> Kernel:
  source = _OP_NAME.search(instruction.text)
  return Kernel(
    name=instruction.name,
    kind=_kind(place.program, instruction),
    source=source[1] if source else '',
    result=instruction.shape,
    bytes=place.read(instruction) + place.written(instruction),
    flops=place.flops(instruction),
    count=times,
  )


def _kind(program: Program, instruction: Instruction) -> str:
  opcode = instruction.opcode.removesuffix('-start')
  if opcode in COLLECTIVES:
    return opcode
  if opcode == 'custom-call':
    return _kind_of_call(instruction)
  if opcode != 'fusion':
    return 'move' if opcode in _MOVES else opcode
  inside = list(_made_of(program, instruction))
  opcodes = {inner.opcode for inner in inside}
  for inner in inside:
    if inner.opcode == 'custom-call':
      return _kind_of_call(inner)
  for sign, kind in (
    ('dot', 'product'),
    ('scatter', 'scatter'),
    ('sort', 'sort'),
    ('reduce', 'reduce'),
  ):
    if sign in opcodes:
      return kind
  if opcodes <= {'broadcast', 'constant', 'parameter', 'bitcast', 'tuple'}:
    return 'fill'
  return 'move' if opcodes <= _MOVES else 'elementwise'


def _kind_of_call(instruction: Instruction) -> str:
  target = _target(instruction)
  if 'fmha' in target:
    return 'attention'
  return 'product' if 'cublas' in target or 'gemm' in target else target


def _target(instruction: Instruction) -> str:
  found = _TARGET.search(instruction.text)
  return found[1] if found else ''


def _made_of(
  program: Program, instruction: Instruction
) -> Iterator[Instruction]:
  if found := _CALLS.search(instruction.text):
    for _, inner in program.inside(found[1]):
      yield inner


class _Place:
  """A computation of a program, whose instructions name each other."""

  def __init__(self, program: Program, name: str):
    self.program = program
    self._body = program.computations.get(name, [])
    self._by_name = {inner.name: inner for inner in self._body}

  # --- bytes ------------------------------------------------------------------

  def read(self, instruction: Instruction) -> int:
    fused = self._fused(instruction)
    return sum(
      fused.read_of(number) if fused else array.bytes
      for number, name in enumerate(instruction.operands)
      for array in self._arrays(name)[:1]
    )

  def written(self, instruction: Instruction) -> int:
    """Less than the result where only a part of it is new."""
    fused = self._fused(instruction)
    if fused:
      root = next(inner for inner in fused._body if inner.is_root)
      names = root.operands if root.opcode == 'tuple' else [root.name]
      return sum(fused._new(name) for name in names)
    return sum(array.bytes for array in self._results(instruction))

  def read_of(self, number: int) -> int:
    """Bytes that are read of the fused computation's parameter `number`."""
    [parameter] = [
      inner
      for inner in self._body
      if inner.opcode == 'parameter'
      and (found := _NUMBER.match(inner.text))
      and int(found[1]) == number
    ]
    whole = sum(array.bytes for array in parameter.arrays)
    return min(whole, self._read_by_users(parameter.name))

  def _read_by_users(self, name: str) -> int:
    total = 0
    for user in self._body:
      places = [i for i, other in enumerate(user.operands) if other == name]
      if not places:
        continue
      if user.opcode == 'bitcast':
        total += self._read_by_users(user.name)
      elif places == [0] and user.opcode in (
        'slice',
        'dynamic-slice',
        'gather',
      ):
        total += sum(array.bytes for array in user.arrays)
      elif places == [0] and user.opcode in ('dynamic-update-slice', 'scatter'):
        # Written where it is; a scatter adds to what it finds.
        if user.opcode == 'scatter':
          total += self._bytes(user.operands[-1])
      else:
        return 2**62
    return total

  def _new(self, name: str) -> int:
    """Bytes of a fused computation's result that it writes."""
    instruction = self._by_name[name]
    if instruction.opcode == 'bitcast':
      return self._new(instruction.operands[0])
    if instruction.opcode == 'dynamic-update-slice':
      return self._bytes(instruction.operands[1])
    if instruction.opcode == 'scatter':
      return self._bytes(instruction.operands[-1])
    return sum(array.bytes for array in instruction.arrays)

  def _results(self, instruction: Instruction) -> list[Array]:
    # The second of a library's results is its room to work in.
    if _is_product(instruction):
      return instruction.arrays[:1]
    return instruction.arrays

  def _bytes(self, name: str) -> int:
    return sum(array.bytes for array in self._arrays(name))

  def _arrays(self, name: str) -> list[Array]:
    instruction = self._by_name.get(name)
    return instruction.arrays if instruction else []

  def _fused(self, instruction: Instruction) -> '_Place | None':
    found = _CALLS.search(instruction.text)
    if instruction.opcode != 'fusion' or not found:
      return None
    return _Place(self.program, found[1])

  # --- operations -------------------------------------------------------------

  def flops(self, instruction: Instruction) -> int:
    """Two for each product that is added up."""
    if fused := self._fused(instruction):
      return sum(fused.flops(inner) for inner in fused._body)
    if instruction.opcode == 'dot':
      contracted = _CONTRACTED.search(instruction.text)
      return self._product(instruction, contracted[1] if contracted else '')
    if instruction.opcode != 'custom-call':
      return 0
    config = _backend_config(instruction)
    if 'gemm_backend_config' in config:
      dims = config['gemm_backend_config']['dot_dimension_numbers']
      return self._product(
        instruction, ','.join(dims['lhs_contracting_dimensions'])
      )
    if 'cudnn_fmha_backend_config' in config:
      return self._attention(instruction, config['cudnn_fmha_backend_config'])
    return 0

  def _product(self, instruction: Instruction, contracted: str) -> int:
    left = self._arrays(instruction.operands[0])[0]
    depth = math.prod(left.dims[int(n)] for n in contracted.split(',') if n)
    return 2 * instruction.arrays[0].size * depth

  def _attention(self, instruction: Instruction, config: Mapping) -> int:
    dims = config['intermediate_tensor_shape']['dimensions']
    width = self._arrays(instruction.operands[0])[0].dims[-1]
    # Forward Q K^T and weights V; backward Q K^T again, and the gradients of
    # the weights, values, queries and keys.
    products = 5 if 'Backward' in _target(instruction) else 2
    return 2 * products * math.prod(map(int, dims)) * width


def _is_product(instruction: Instruction) -> bool:
  return instruction.opcode == 'custom-call' and (
    _kind_of_call(instruction) in ('product', 'attention')
  )


def _backend_config(instruction: Instruction) -> Mapping:
  _, found, text = instruction.text.partition('backend_config=')
  if not found or not text.startswith('{'):
    return {}
  return json.JSONDecoder().raw_decode(text)[0]
