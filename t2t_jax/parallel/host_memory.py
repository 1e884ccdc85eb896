"""Keeping the memory of a CPU's arrays, in place of getting it anew."""

import ctypes
import sys

# mallopt's numbers, of glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8


def keep_freed_memory() -> None:
  """Makes malloc keep what is freed; nothing where malloc is not glibc's.

  XLA on a CPU takes a program's buffers from malloc and gives them back.
  Large ones come from mmap by default, so that the kernel clears each of
  their pages anew every time: a sixth of a tiny model's update, and more than
  half of the log-softmax of a base model's search (BUILD_NOTES.md).
  """
  if not sys.platform.startswith('linux'):
    return
  mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
  if mallopt is not None:
    # The heaps of other arenas are given back whenever they are empty.
    mallopt(_M_ARENA_MAX, 1)
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, -1)  # never; an int, so 2 GiB were the most
