"""Saving and restoring the training state of a run, by orbax."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orbax.checkpoint as ocp

from t2t_jax.checkpoints.workdir import write_json
from t2t_jax.errors import UsageError

_MANIFEST = 'manifest.json'


class CheckpointStore:
  """The directory checkpoints/ of a workdir; a context manager.

  Saves are asynchronous: `save` returns when the arrays may change again. A
  checkpoint is there whole or not at all (orbax renames it into place), and
  gets a manifest of its files' sizes and checksums once it is complete.
  """

  def __init__(self, path: Path, report: Callable[[str], None] = print):
    """Opens `path`, made if absent; `report` is told of damage, in a line."""
    path.mkdir(parents=True, exist_ok=True)
    self._path, self._report = path, report
    self._keep: set[int] | None = None
    self._manager = ocp.CheckpointManager(
      path,
      options=ocp.CheckpointManagerOptions(
        enable_async_checkpointing=True, cleanup_tmp_directories=True
      ),
    )

  def __enter__(self) -> 'CheckpointStore':
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def steps(self) -> list[int]:
    """Returns the steps of all complete checkpoints, oldest first."""
    return list_steps(self._path)

  def save(
    self, step: int, state: Any, progress: dict[str, Any], keep: set[int]
  ) -> None:
    """Starts to save `state` and `progress` (JSON) as checkpoint `step`.

    Args:
      keep: the older steps that may not be deleted when this one is complete.
    """
    self.wait()
    self._keep = keep | {step}
    saved = self._manager.save(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardSave(state), progress=ocp.args.JsonSave(progress)
      ),
    )
    if not saved:
      raise RuntimeError(f'{self._path / str(step)}: exists, was not saved')

  def wait(self) -> None:
    """Returns when the newest save is complete; then deletes the old ones."""
    self._manager.wait_until_finished()
    steps = self.steps()
    for step in steps:
      if not (self._path / str(step) / _MANIFEST).exists():
        _write_manifest(self._path / str(step))
    if self._keep is not None:
      for step in set(steps) - self._keep:
        self._manager.delete(step)

  def restore_newest(
    self, abstract_state: Any
  ) -> tuple[Any, dict[str, Any]] | None:
    """Returns (state, progress) of the newest good checkpoint, None if empty.

    A damaged one is reported, set aside as `damaged.STEP` beside the
    checkpoints, and the one before is taken.

    Args:
      abstract_state: shapes, dtypes and shardings to restore to; the
        checkpoint may come from any other mesh.

    Raises:
      UsageError: there are checkpoints but none is good.
    """
    found = self.steps()
    for step in reversed(found):
      try:
        return self._restore(step, abstract_state)
      except Exception as error:  # orbax raises of many kinds
        aside = set_aside(self._path / str(step))
        self._report(
          f'checkpoint {step} is damaged ({_first_line(error)}); set aside as '
          f'{aside}'
        )
        self._manager.reload()
    if found:
      raise UsageError(
        f'{self._path}: all of the checkpoints {found} are damaged (see '
        f'{self._path.parent}/damaged.*); delete the workdir to begin anew'
      )
    return None

  def _restore(self, step: int, abstract_state: Any):
    verify(self._path / str(step))
    restored = self._manager.restore(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardRestore(abstract_state),
        progress=ocp.args.JsonRestore(),
      ),
    )
    return restored['state'], restored['progress']

  def close(self) -> None:
    self.wait()
    self._manager.close()


def list_steps(path: Path) -> list[int]:
  """Returns the steps of the complete checkpoints in `path`, oldest first."""
  if not path.is_dir():
    return []
  return sorted(int(p.name) for p in path.iterdir() if p.name.isdigit())


def restore_params(
  checkpoint: Path, abstract_params: Any, name: str = 'params'
) -> Any:
  """Returns the parameters alone of one checkpoint directory.

  Args:
    checkpoint: such as checkpoints/1000.
    abstract_params: shapes, dtypes and shardings to restore to.
    name: the part of the state to read: params or ema_params.

  Raises:
    UsageError: the checkpoint is damaged.
  """
  try:
    verify(checkpoint)
    item = {name: abstract_params}
    with ocp.PyTreeCheckpointer() as checkpointer:
      restored = checkpointer.restore(
        checkpoint / 'state',
        args=ocp.args.PyTreeRestore(
          item=item,
          restore_args=ocp.checkpoint_utils.construct_restore_args(item),
          partial_restore=True,
        ),
      )
    return restored[name]
  except Exception as error:
    raise UsageError(
      f'{checkpoint}: cannot be restored: {_first_line(error)}; choose '
      'another with --checkpoint=STEP'
    ) from error


def set_aside(directory: Path) -> Path:
  """Moves a damaged checkpoint out of the way; returns where it is now."""
  for count in range(1000):
    suffix = f'.{count}' if count else ''
    aside = directory.parent.parent / f'damaged.{directory.name}{suffix}'
    if not aside.exists():
      directory.rename(aside)
      return aside
  raise RuntimeError(f'{directory.parent.parent}: 1000 damaged checkpoints')


# --- manifests ----------------------------------------------------------------


def _write_manifest(directory: Path) -> None:
  files = {
    str(path.relative_to(directory)): [path.stat().st_size, _checksum(path)]
    for path in sorted(directory.rglob('*'))
    if path.is_file()
  }
  write_json(directory / _MANIFEST, files)


def verify(directory: Path) -> None:
  """Raises ValueError if a file is not as it was when the save was complete.

  A process killed right after a save may leave no manifest; then orbax's own
  checks must do.
  """
  manifest = directory / _MANIFEST
  if not manifest.exists():
    return
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


def _checksum(path: Path) -> int:
  value = 0
  with open(path, 'rb') as file:
    while block := file.read(1 << 20):
      value = zlib.crc32(block, value)
  return value


def _first_line(error: Exception) -> str:
  lines = str(error).strip().splitlines()
  return lines[0][:200] if lines else type(error).__name__

