"""Freed memory is used again, as the kernel counts page faults."""

import subprocess
import sys

import pytest

# What malloc gives is not touched but for 32 MiB, 8,192 pages.
_PROGRAM = """
import ctypes, resource, sys
from t2t_jax.parallel.host_memory import keep_freed_memory

how, size = sys.argv[1:]
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
c.malloc.argtypes = [ctypes.c_size_t]
c.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
c.free.argtypes = [ctypes.c_void_p]


def use():
  pointer = c.malloc(int(size))
  c.memset(pointer, 1, 1 << 25)
  c.free(pointer)


if how == 'keep':
  keep_freed_memory()
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
  use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how, size):
  command = [sys.executable, '-c', _PROGRAM, how, str(size)]
  return int(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != 'linux', reason='glibc only')
# More than an int holds: a base model's update of 4,096 tokens takes 3 GiB.
@pytest.mark.parametrize('size', [1 << 25, 9 << 28])
def test_freed_memory_is_not_cleared_by_the_kernel_again(size):
  assert faults('keep', size) < 1000
