"""Saving and restoring the training state of a run, by orbax."""

import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orbax.checkpoint as ocp

from t2t_jax.checkpoints.workdir import write_json
from t2t_jax.errors import UsageError

_MANIFEST = 'manifest.json'
_PROGRESS = 'progress/metadata'  # where orbax keeps a JSON item


class CheckpointStore:
  """The directory checkpoints/ of a workdir; a context manager.

  Saves are asynchronous: `save` returns when the arrays may change again. A
  checkpoint is there whole or not at all: orbax renames it into place, with a
  manifest of its files' sizes and checksums in it.
  """

  def __init__(self, path: Path, report: Callable[[str], None] = print):
    """Opens `path`, made if absent; `report` is told of damage, in a line."""
    path.mkdir(parents=True, exist_ok=True)
    # What a save left that was killed. orbax can do it, but in a thread that
    # may still be at it when the first save begins.
    for leftover in path.glob('*.orbax-checkpoint-tmp*'):
      shutil.rmtree(leftover)
    self._path, self._report = path, report
    self._keep: set[int] | None = None
    self._saving: int | None = None
    self._manager = ocp.CheckpointManager(
      path,
      options=ocp.CheckpointManagerOptions(
        enable_async_checkpointing=True,
        async_options=ocp.options.AsyncOptions(
          # Called when all files are written, before the renaming.
          post_finalization_callback=self._write_manifest
        ),
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
    self._keep, self._saving = keep | {step}, step
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
    if self._keep is not None:
      for step in set(self.steps()) - self._keep:
        self._manager.delete(step)

  def update_progress(self, step: int, progress: dict[str, Any]) -> None:
    """Replaces the progress of checkpoint `step`, which is complete."""
    self.wait()
    directory = self._path / str(step)
    # Whatever moment this dies in: without a manifest it is not damaged.
    (directory / _MANIFEST).unlink(missing_ok=True)
    write_json(directory / _PROGRESS, progress)
    write_manifest(directory)

  def _write_manifest(self) -> None:
    [directory] = self._path.glob(f'{self._saving}.orbax-checkpoint-tmp*')
    write_manifest(directory)

  def restore_newest(
    self, abstract_state: Any
  ) -> tuple[Any, dict[str, Any]] | None:
    """Returns (state, progress) of the newest good checkpoint, None if empty.

    A damaged one is reported, set aside as `damaged.STEP` beside the
    checkpoints, and the one before is taken. One whose files are as they were
    written is left alone, even where it cannot be restored.

    Args:
      abstract_state: shapes, dtypes and shardings to restore to; the
        checkpoint may come from any other mesh.

    Raises:
      UsageError: there are checkpoints but none is good, or the newest good
        one does not fit `abstract_state` or this machine.
    """
    found = self.steps()
    for step in reversed(found):
      is_whole = False
      try:
        is_whole = verify(self._path / str(step))
        return self._restore(step, abstract_state)
      except Exception as error:  # orbax raises of many kinds
        if is_whole:
          raise UsageError(
            f'{self._path / str(step)}: is not damaged, but cannot be restored '
            f'here: {first_line(error)}'
          ) from error
        aside = set_aside(self._path / str(step))
        self._report(
          f'checkpoint {step} is damaged ({first_line(error)}); set aside as '
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
      f'{checkpoint}: cannot be restored: {first_line(error)}; choose '
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


def write_manifest(directory: Path) -> None:
  """Writes down the sizes and checksums of a checkpoint's items.

  orbax's own notes beside them are left out: it writes to them later.
  """
  files = {
    str(path.relative_to(directory)): [path.stat().st_size, _checksum(path)]
    for path in sorted(directory.glob('*/**/*'))
    if path.is_file()
  }
  write_json(directory / _MANIFEST, files)


def verify(directory: Path) -> bool:
  """Returns whether there is a manifest and the files agree with it.

  Raises:
    ValueError: a file is not as it was when the save was complete.
  """
  manifest = directory / _MANIFEST
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


def first_line(error: Exception) -> str:
  """Returns the first line of its message, cut where it is very long."""
  lines = str(error).strip().splitlines()
  return lines[0][:200] if lines else type(error).__name__
