"""The files of a checkpoint: whether they are as they were written."""

import json
import zlib
from pathlib import Path

from t2t_jax.checkpoints.workdir import write_json

MANIFEST = 'manifest.json'


def write_manifest(directory: Path) -> None:
  """Writes down the sizes and checksums of a checkpoint's items.

  orbax's own notes beside them are left out: it writes to them later.
  """
  files = {
    str(path.relative_to(directory)): [path.stat().st_size, _checksum(path)]
    for path in sorted(directory.glob('*/**/*'))
    if path.is_file()
  }
  write_json(directory / MANIFEST, files)


def verify(directory: Path) -> bool:
  """Returns whether there is a manifest and the files agree with it.

  Raises:
    ValueError: a file is not as it was when the save was complete.
  """
  manifest = directory / MANIFEST
  if not manifest.exists():
    return False
  for name, (size, checksum) in json.loads(manifest.read_text()).items():
    path = directory / name
    if not path.is_file():
      raise ValueError(f'{name} is missing')
    if path.stat().st_size != size:
      raise ValueError(
        f'{name}: expected {size} bytes, found {path.stat().st_size}'
      )
    if _checksum(path) != checksum:
      raise ValueError(f'{name}: its checksum differs')
  return True


def _checksum(path: Path) -> int:
  value = 0
  with open(path, 'rb') as file:
    while block := file.read(1 << 20):
      value = zlib.crc32(block, value)
  return value


def set_aside(directory: Path) -> str:
  """Moves a damaged checkpoint out of the way; returns where it is now."""
  for count in range(1000):
    suffix = f'.{count}' if count else ''
    aside = directory.parent.parent / f'damaged.{directory.name}{suffix}'
    if not aside.exists():
      directory.rename(aside)
      return str(aside)
  raise RuntimeError(f'{directory.parent.parent}: 1000 damaged checkpoints')


def steps_aside(checkpoints: Path) -> list[int]:
  """Returns the steps of the checkpoints that were set aside, in order."""
  names = [p.name.split('.')[1] for p in checkpoints.parent.glob('damaged.*')]
  return sorted({int(name) for name in names if name.isdecimal()})
