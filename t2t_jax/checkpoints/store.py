"""Saving and restoring the training state of a run, by orbax.

Of several processes all save and restore together, each its part of the
arrays, into one directory. What there is in it, the first one looks up and
tells the others: their views of a network's file system may lag behind.
"""

import contextlib
import errno
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from t2t_jax.checkpoints.alone import first_line, read_all
from t2t_jax.checkpoints.manifest import (
  MANIFEST,
  set_aside,
  steps_aside,
  verify,
  write_manifest,
)
from t2t_jax.checkpoints.workdir import write_json
from t2t_jax.errors import UsageError
from t2t_jax.parallel import hosts

_WEEK = 7 * 24 * 3600
_PROGRESS = 'progress/metadata'  # where orbax keeps a JSON item


class CheckpointStore:
  """The directory checkpoints/ of a workdir; a context manager.

  Saves are asynchronous: `save` returns when the arrays may change again. A
  checkpoint is there whole or not at all: orbax renames it into place, with a
  manifest of its files' sizes and checksums in it.
  """

  def __init__(self, path: Path, report: Callable[[str], None] = print):
    """Opens `path`, made if absent; `report` is told of damage, in a line."""
    self._path, self._report = path, report
    hosts.from_first('checkpoints', self._clean)
    self._keep: set[int] | None = None
    self._saving: int | None = None
    self._manager = ocp.CheckpointManager(
      path,
      options=ocp.CheckpointManagerOptions(
        enable_async_checkpointing=True,
        async_options=ocp.options.AsyncOptions(
          # orbax counts time by a clock that may be set meanwhile; whoever
          # waits for a dead process is ended by hosts.py.
          timeout_secs=_WEEK,
          create_directories_asynchronously=False,
          barrier_sync_fn=_meet,
          # Called when all files are written, before the renaming.
          post_finalization_callback=self._write_manifest,
        ),
      ),
    )

  def _clean(self) -> None:
    """Makes the directory; deletes what a save left that was killed.

    orbax can do that, but in a thread that may still be at it when the first
    save begins.
    """
    self._path.mkdir(parents=True, exist_ok=True)
    for leftover in self._path.glob('*.orbax-checkpoint-tmp*'):
      shutil.rmtree(leftover)

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

    Raises:
      OSError: this or the save before could not be written.
    """
    self.wait()
    self._keep, self._saving = keep | {step}, step
    with self._naming_what_fails():
      saved = self._manager.save(
        step,
        args=ocp.args.Composite(
          state=ocp.args.StandardSave(state),
          progress=ocp.args.JsonSave(progress),
        ),
      )
    if not saved:
      raise RuntimeError(f'{self._path / str(step)}: exists, was not saved')

  def wait(self) -> None:
    """Returns when the newest save is complete; then deletes the old ones.

    Raises:
      OSError: it could not be written; those before it are all still there.
    """
    with self._naming_what_fails():
      self._manager.wait_until_finished()
    if self._keep is not None:
      # As this process saved and deleted them, not as the directory shows
      # them: all processes must delete the same.
      for step in sorted(set(self._manager.all_steps()) - self._keep):
        self._manager.delete(step)

  @contextlib.contextmanager
  def _naming_what_fails(self) -> Iterator[None]:
    try:
      yield
    except Exception as error:  # orbax and tensorstore raise of many kinds
      is_lost = hosts.count() > 1 and isinstance(
        error, jax.errors.JaxRuntimeError
      )  # another process, most likely
      if is_lost or self._saving is None or self._saving in self.steps():
        raise
      raise OSError(
        getattr(error, 'errno', None) or errno.EIO,
        f'could not be written: {first_line(error)}. The checkpoints before it '
        'are whole; mended, the same command goes on from the newest',
        str(self._path / str(self._saving)),
      ) from error

  def update_progress(self, step: int, progress: dict[str, Any]) -> None:
    """Replaces the progress of checkpoint `step`, which is complete."""
    self.wait()
    if not hosts.is_first():
      return
    directory = self._path / str(step)
    # Whatever moment this dies in: without a manifest it is not damaged.
    (directory / MANIFEST).unlink(missing_ok=True)
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
    found = hosts.from_first('restore/steps', self.steps)
    for step in reversed(found):
      directory = self._path / str(step)
      is_whole, damage = hosts.from_first(
        f'restore/{step}/verify', functools.partial(_look_at, directory)
      )
      if not damage:
        restored, damage = self._try_to_restore(step, abstract_state)
        if not damage:
          return restored
      if is_whole:
        raise UsageError(
          f'{directory}: is not damaged, but cannot be restored here: {damage}'
        )
      aside = hosts.from_first(
        f'restore/{step}/aside', functools.partial(set_aside, directory)
      )
      self._report(
        f'checkpoint {step} is damaged ({damage}); set aside as {aside}'
      )
      self._manager.reload()
    # Or those that a start before this one has set aside.
    damaged = found or hosts.from_first(
      'restore/aside', functools.partial(steps_aside, self._path)
    )
    if damaged:
      raise UsageError(
        f'{self._path}: all of the checkpoints {damaged} are damaged (see '
        f'{self._path.parent}/damaged.*); delete the workdir to begin anew'
      )
    return None

  def _try_to_restore(
    self, step: int, abstract_state: Any
  ) -> tuple[tuple[Any, dict[str, Any]] | None, str]:
    """Returns (state, progress), or None and what any process fails by."""
    found, damage = None, ''
    try:
      restored = self._manager.restore(
        step,
        args=ocp.args.Composite(
          state=ocp.args.StandardRestore(abstract_state),
          progress=ocp.args.JsonRestore(),
        ),
      )
      found = restored['state'], restored['progress']
    except Exception as error:  # orbax raises of many kinds
      damage = first_line(error)
    failures = hosts.exchange(f'restore/{step}/failures', damage)
    return found, next(filter(None, failures), '')

  def close(self) -> None:
    self.wait()
    self._manager.close()


def _meet(*, key: str, timeout_ms: int) -> None:
  """Waits for all processes as orbax does, but at the end of a save.

  After one that failed here it would wait there for the others, which wait
  elsewhere for this process's part, and neither would ever tell.
  """
  if 'set_value' not in key:
    ocp.multihost.get_barrier_sync_fn()(key=key, timeout_ms=timeout_ms)


def list_steps(path: Path) -> list[int]:
  """Returns the steps of the complete checkpoints in `path`, oldest first."""
  if not path.is_dir():
    return []
  return sorted(int(p.name) for p in path.iterdir() if p.name.isdecimal())


def _look_at(directory: Path) -> tuple[bool, str]:
  """Returns whether its files are known to be whole, and the damage."""
  try:
    is_whole = verify(directory)
    if not is_whole:
      # Several processes would restore it together, and wait for one that
      # cannot; a single one would tell of the damage in many tracebacks.
      read_all(directory / 'state')
    return is_whole, ''
  except Exception as error:
    return False, first_line(error)
