"""SHA-256 of files, kept for large ones.

A run asks for its text's at each start, and to read many GB takes minutes on a
slow disk. A kept digest serves as long as size and time of change are those
of the file.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

LARGE = 1 << 27  # bytes; smaller files are read each time
# Seconds without a change before a digest is kept: two changes in one tick of
# a file system's clock may leave size and time as they are.
_SETTLED = 60


def file_digest(
  path: Path, kept: Path, progress: Callable[[str], None]
) -> bytes:
  """Returns the SHA-256 of a file.

  Args:
    path: the file.
    kept: directory of digests, made where it is missing; one that cannot be
      written keeps none.
    progress: gets a line for each large file that is read.
  """
  status = path.stat()
  if status.st_size < LARGE:
    return _read(path)
  name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
  note = kept / f'{name[:20]}.json'
  state = {'size': status.st_size, 'changed_ns': status.st_mtime_ns}
  with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
    found = json.loads(note.read_bytes())
    if {key: found[key] for key in state} == state:
      return bytes.fromhex(found['sha256'])
  progress(f'reading {path} ({status.st_size / 1e9:.1f} GB) for its checksum')
  digest = _read(path)
  after = path.stat()
  is_same = (after.st_size, after.st_mtime_ns) == tuple(state.values())
  if is_same and time.time() - after.st_mtime > _SETTLED:
    with contextlib.suppress(OSError):
      _keep(note, {'file': str(path), **state, 'sha256': digest.hex()})
  return digest


def _read(path: Path) -> bytes:
  with path.open('rb') as file:
    return hashlib.file_digest(file, 'sha256').digest()


def _keep(note: Path, content: dict[str, int | str]) -> None:
  note.parent.mkdir(parents=True, exist_ok=True)
  building = note.with_suffix(f'.{os.getpid()}.tmp')
  building.write_text(json.dumps(content, indent=2) + '\n')
  os.replace(building, note)
