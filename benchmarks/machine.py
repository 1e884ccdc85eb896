"""What a measurement was made on, and who else was busy there."""

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from t2t_jax.data.workers import usable_cpus

ROOT = Path(__file__).parents[1]


def describe(*packages: str) -> dict[str, Any]:
  """Returns machine, commit, and versions of the installed `packages`."""
  versions = {'python': platform.python_version()}
  for package in packages:
    if importlib.util.find_spec(package):
      versions[package] = importlib.metadata.version(package)
  return {
    'versions': versions,
    'commit': _commit(),
    'cpu': _cpu(),
    'threads': usable_cpus(),
  }


def _commit() -> str | None:
  """The checkout's commit, with `-dirty` where files differ from it."""
  command = ['git', 'describe', '--always', '--dirty', '--exclude=*']
  try:
    found = subprocess.run(
      command, cwd=ROOT, capture_output=True, text=True, check=False
    )
  except OSError:
    return None
  return found.stdout.strip() or None


def _cpu() -> str:
  try:
    for line in Path('/proc/cpuinfo').read_text().splitlines():
      name, _, value = line.partition(':')
      if name.strip() == 'model name':
        return value.strip()
  except OSError:
    pass
  return platform.processor() or platform.machine()


class CpuClock:
  """CPU time that other processes take from now on."""

  def __init__(self) -> None:
    self._start = _others_seconds()

  def others_cores(self, seconds: float) -> float | None:
    """Returns the cores that others kept busy in the last `seconds`; None
    where the system has no /proc/stat."""
    now = _others_seconds()
    if self._start is None or now is None:
      return None
    return max(0.0, (now - self._start) / seconds)


def _others_seconds() -> float | None:
  """CPU time so far of all processes but this one."""
  try:
    with open('/proc/stat') as file:
      user, nice, system, _, _, irq, softirq, steal = map(
        int, file.readline().split()[1:9]
      )
  except OSError:
    return None
  busy = user + nice + system + irq + softirq + steal
  own = os.times()
  return busy / os.sysconf('SC_CLK_TCK') - own.user - own.system
