"""The memory that a job needs, as the system or the device tells it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

_STATUS = Path('/proc/self/status')
_CLEAR = Path('/proc/self/clear_refs')


def resident() -> int | None:
  """Returns the bytes of this process in memory; None where not told."""
  return _read('VmRSS')


def peak_resident(job: Callable[[], Any]) -> int | None:
  """Runs `job`; returns the most bytes of this process in memory meanwhile.

  None where the system cannot begin to count anew (Linux can).
  """
  try:
    _CLEAR.write_text('5')  # proc(5): resets VmHWM
  except OSError:
    job()
    return None
  job()
  return _read('VmHWM')


def mib(size: float | None) -> float | None:
  """Returns bytes as MiB."""
  return None if size is None else round(size / 2**20, 1)


def _read(name: str) -> int | None:
  try:
    lines = _STATUS.read_text().splitlines()
  except OSError:
    return None
  [value] = [line.split()[1] for line in lines if line.startswith(name + ':')]
  return 1024 * int(value)
