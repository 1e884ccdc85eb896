"""Lines in groups: those that are translated together.

Lines of like length within a group share batches, so large groups are fast
and small ones soon done. A regular file is cut into groups of one size, so
that its batches, and with them its results to the last bit, follow from the
file and the number of devices. A pipe gives what has arrived: while one group
is translated the next gathers, so fast input makes large groups and slow input
small ones.
"""

import dataclasses
import gzip
import itertools
import os
import select
import stat
import time
from collections.abc import Iterator
from typing import BinaryIO

import jax

from t2t_jax.config import DecodingConfig
from t2t_jax.decoding.lines.line_files import (
  Warn,
  decoded,
  lines_of,
  named_errors,
  open_input,
  sparing,
)
from t2t_jax.decoding.shapes import FEW_ROWS

_PAUSE = 0.05  # seconds without a line after which those that came are taken
_PATIENCE = 0.5  # most seconds that a line waits for others
_BLOCK = 1 << 16


@dataclasses.dataclass(frozen=True)
class LineGroups:
  """Lines to translate.

  Attributes:
    groups: the lines, in order.
    few: whether they run in the batches of a small request; None: those
      groups that are small, which with a pipe depends on when lines arrive,
      and may change a score by rounding.
  """

  groups: Iterator[list[str]]
  few: bool | None


def usual_size(decoding: DecodingConfig) -> int:
  """Returns the lines of a group that batches can be well filled from.

  As many lines as a batch has source tokens are some thirty batches of usual
  sentences, of which those left part empty are few.
  """
  of_one = max(1024, decoding.batch_tokens // decoding.num_slots)
  return of_one * jax.local_device_count()


def read_groups(
  name: str, warn: Warn, size: int, *, flush: bool = False
) -> LineGroups:
  """Returns the lines of a file, a pipe, a .gz file, or '-', in groups.

  Args:
    name, warn: as of `read_lines`.
    size: most lines of a group.
    flush: gives each line as a group of its own, as it arrives.

  Raises:
    UsageError: the file cannot be opened (at once) or read (as it is read).
  """
  file = open_input(name)
  if flush:
    return one_by_one(lines_of(file, name, warn))
  if _is_pipe(file):
    return LineGroups(_decoded_groups(file, name, warn, size), few=None)
  lines = lines_of(file, name, warn)
  head = list(itertools.islice(lines, FEW_ROWS + 1))
  groups = _cut(itertools.chain(head, lines), size)
  return LineGroups(groups, few=len(head) <= FEW_ROWS)


def one_by_one(lines: Iterator[str]) -> LineGroups:
  """Returns groups of one line each."""
  return LineGroups(([line] for line in lines), few=True)


def _cut(lines: Iterator[str], size: int) -> Iterator[list[str]]:
  while group := list(itertools.islice(lines, size)):
    yield group


def _is_pipe(file: BinaryIO) -> bool:
  """Whether lines may come later: a pipe, a socket, a terminal."""
  if isinstance(file, gzip.GzipFile):  # its descriptor gives what is packed
    return False
  try:
    mode = os.fstat(file.fileno()).st_mode
  except OSError:  # not a file of the system's
    return False
  return not (stat.S_ISREG(mode) or stat.S_ISBLK(mode))


def _decoded_groups(
  file: BinaryIO, name: str, warn: Warn, size: int
) -> Iterator[list[str]]:
  number, warn = 1, sparing(warn)
  with file, named_errors(name):
    for group in arriving_groups(file.fileno(), size):
      yield list(decoded(group, name, warn, number))
      number += len(group)


def arriving_groups(
  descriptor: int,
  size: int,
  *,
  pause: float = _PAUSE,
  patience: float = _PATIENCE,
) -> Iterator[list[bytes]]:
  """Yields the lines of a pipe, without their ends, in groups as they come.

  A group is over when it has `size` lines, when none came for `pause`
  seconds, and `patience` seconds after its first line.
  """
  waiting: list[bytes] = []
  pieces: list[bytes] = []  # of a line whose end has not come yet
  ended = False
  while waiting or not ended:
    until = time.monotonic() + patience
    while not ended and len(waiting) < size:
      left = min(pause, until - time.monotonic()) if waiting else None
      if left is not None and left <= 0:
        break
      if not select.select([descriptor], [], [], left)[0]:
        break
      block = os.read(descriptor, _BLOCK)
      *ends, rest = block.split(b'\n')
      if ends:
        if not waiting:
          until = time.monotonic() + patience
        waiting += [b''.join([*pieces, ends[0]]), *ends[1:]]
        pieces = []
      pieces.append(rest)
      ended = not block
      if ended and any(pieces):
        waiting.append(b''.join(pieces))
    if waiting:
      yield waiting[:size]
      waiting = waiting[size:]
