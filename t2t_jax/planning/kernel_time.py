"""How long the kernels of a compiled program take, collectives apart."""

import re

from t2t_jax.parallel.chips import Chip
from t2t_jax.parallel.collectives import KINDS as COLLECTIVES
from t2t_jax.parallel.hlo import read_program
from t2t_jax.planning.kernels import read_kernels

_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')


def kernel_seconds(hlo: str, chip: Chip) -> float | None:
  """Returns the time of a program's kernels, one after the other.

  On a TPU it is the compiler's own estimate, which it writes at each kernel.
  On a GPU it is a bound: each kernel's operations at the peak or its bytes at
  the memory's bandwidth, whichever take longer.

  Args:
    hlo: `compiled.as_text()`, scheduled.
    chip: that it was compiled for.

  Returns:
    seconds; None where the program does not tell.
  """
  if chip.is_tpu:
    return _by_cycles(hlo) / chip.clock if chip.clock else None
  return sum(
    kernel.count * kernel.seconds(chip.peak_flops, chip.memory_bandwidth)
    for kernel in read_kernels(hlo)
    if kernel.kind not in COLLECTIVES
  )


def _by_cycles(hlo: str) -> int:
  program = read_program(hlo)
  return sum(
    times * int(cycles[1])
    for name, times in program.executions().items()
    for instruction in program.computations.get(name, [])
    if (cycles := _CYCLES.search(instruction.text))
  )
