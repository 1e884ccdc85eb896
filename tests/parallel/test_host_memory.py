"""Freed memory is used again, as the kernel counts page faults."""

import subprocess
import sys

import pytest

_PROGRAM = """
import resource, sys
import numpy as np
from t2t_jax.parallel.host_memory import keep_freed_memory

if sys.argv[1] == 'keep':
  keep_freed_memory()
np.ones(1 << 22)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
  np.ones(1 << 22)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how):
  command = [sys.executable, '-c', _PROGRAM, how]
  return int(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != 'linux', reason='glibc only')
def test_freed_arrays_are_not_cleared_by_the_kernel_again():
  assert faults('keep') < 1000
