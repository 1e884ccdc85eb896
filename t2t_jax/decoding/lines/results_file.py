"""An output file that a translation which was broken off goes on with.

While OUTPUT is not complete there is a file OUTPUT.progress.json beside it:

  lines, bytes   how many input lines are done, and the length of OUTPUT then
  input_sha256   of those input lines
  settings       what decides the results: workdir, parameters, decoding, format

To go on takes the same settings and, up to there, the same input. What OUTPUT
holds beyond `bytes` (half a line, when a machine died) is cut and made anew.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from t2t_jax.checkpoints.workdir import write_json
from t2t_jax.decoding.lines.line_files import named_writes
from t2t_jax.decoding.lines.results import (
  Results,
  signals_held,
  write_all,
)
from t2t_jax.errors import UsageError

_NOTE_SECONDS = 1.0  # at most so much work is done twice
_NOTHING = {'lines': 0, 'bytes': 0, 'input_sha256': ''}


def open_results(
  name: str, settings: Mapping[str, Any], *, resume: bool
) -> Results:
  """Opens a file to write results to; '-' is standard output.

  Args:
    name: of the file. A complete one is replaced when the first results come;
      one that is not complete is refused without `resume`.
    settings: JSON values, by name, that must not change within one output.
    resume: goes on where the file ends; begins it where there is none.

  Raises:
    UsageError: it cannot be written, is not complete, or cannot go on.
  """
  path = Path(name).expanduser()
  try:
    if name != '-' and (path.is_file() or not path.exists()):
      return ResultsFile(path, settings, resume)
    if resume:
      raise UsageError(
        f'--resume: expected a file as --output, found --output={name}'
      )
    if name != '-':  # a device or a named pipe
      return Results(open(path, 'wb', buffering=0), name)
  except OSError as error:
    raise UsageError(f'--output={name}: {error.strerror}') from None
  if sys.stdout is None:
    raise UsageError('--output=-: standard output is closed')
  sys.stdout.flush()
  raw = getattr(sys.stdout.buffer, 'raw', sys.stdout.buffer)
  return Results(raw, 'standard output', closes=False)


class ResultsFile(Results):
  """Writes results to a file, and beside it how far they are."""

  goes_on_later = True

  def __init__(self, path: Path, settings: Mapping[str, Any], resume: bool):
    self._path = path
    self._note_file = path.with_name(f'{path.name}.progress.json')
    # As JSON gives them back.
    self._settings = json.loads(json.dumps(settings))
    self._digest, self._lines = hashlib.sha256(), 0
    self._noted: float | None = None  # when; None: nothing was changed yet
    file = open(path, 'ab', buffering=0)  # noqa: SIM115
    super().__init__(file, str(path))
    try:
      # Before the note is read, which another process may be changing.
      fcntl.flock(self._raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
      note = self._note_to_go_on_from(resume)
    except BlockingIOError:
      self._raw.close()
      raise UsageError(
        f'--output={path}: another process is writing it'
      ) from None
    except UsageError:
      self._raw.close()
      raise
    self.lines_done: int = note['lines']
    self._bytes: int = note['bytes']
    self._expected: str = note['input_sha256']

  def __exit__(self, error_type: Any, *_: Any) -> None:
    with contextlib.closing(self._raw):
      if error_type is None:
        self._begin()
        os.fsync(self._raw.fileno())
        self._note_file.unlink()
      elif self._noted is not None:
        # On a full disk the note before, of fewer lines, stays.
        with contextlib.suppress(OSError):
          self._note()

  def skip_done(self, groups: Iterable[list[str]]) -> Iterator[list[str]]:
    """Yields the groups of input lines without the lines that are done.

    Raises:
      UsageError: those lines are not the ones that were translated.
    """
    for group in groups:
      left = self.lines_done - self._lines
      if left <= 0:
        yield group
        continue
      self._count(group[:left])
      if len(group) >= left:
        self._check_input()
      if len(group) > left:
        yield group[left:]
    if self._lines < self.lines_done:
      self._check_input()

  def write(self, sources: Sequence[str], text: str) -> None:
    """As `Results.write`; what could not be written whole is cut again."""
    data = text.encode()
    with signals_held(), named_writes(self._name):
      self._begin()
      try:
        write_all(self._raw, data)
      except BaseException:
        os.ftruncate(self._raw.fileno(), self._bytes)
        raise
      self._bytes += len(data)
      self._count(sources)
      if time.monotonic() - (self._noted or 0.0) >= _NOTE_SECONDS:
        self._note()

  def _begin(self) -> None:
    """Cuts what is there beyond the lines that are done."""
    if self._noted is None:
      self._note()
      os.ftruncate(self._raw.fileno(), self._bytes)

  def _count(self, sources: Sequence[str]) -> None:
    self._lines += len(sources)
    self._digest.update(''.join(f'{line}\n' for line in sources).encode())

  def _note(self) -> None:
    """Writes down how far the output is, once that much is on the disk."""
    os.fsync(self._raw.fileno())
    write_json(
      self._note_file,
      {
        'lines': self._lines,
        'bytes': self._bytes,
        'input_sha256': self._digest.hexdigest(),
        'settings': self._settings,
      },
    )
    self._noted = time.monotonic()

  # --- what was there before --------------------------------------------------

  def _note_to_go_on_from(self, resume: bool) -> dict[str, Any]:
    """Returns what is noted of the file; raises where it may not go on."""
    path = self._path
    # An empty one is of a process that died before its first result.
    if not path.exists() or not path.stat().st_size:
      return _NOTHING
    note = self._read_note()
    if note is None and resume:
      raise UsageError(
        f'--resume: expected {self._note_file} beside {path}, found none: '
        f'{path.name} is complete, or was not written by this command'
      )
    if note is None or not note['lines']:
      return _NOTHING
    if not resume:
      raise UsageError(
        f'--output={path}: holds the first {note["lines"]} lines of a '
        'translation that was broken off; --resume goes on, deleting it '
        'begins anew'
      )
    self._check_settings(note['settings'])
    if path.stat().st_size < note['bytes']:
      raise UsageError(
        f'--resume: expected at least {note["bytes"]} bytes in {path}, found '
        f'{path.stat().st_size}; delete it to begin anew'
      )
    return note

  def _read_note(self) -> dict[str, Any] | None:
    try:
      note = json.loads(self._note_file.read_text(encoding='utf-8'))
      if note.keys() >= {*_NOTHING, 'settings'}:
        return note
    except FileNotFoundError:
      return None
    except (ValueError, AttributeError):
      pass
    raise UsageError(
      f'{self._note_file}: expected how far {self._path.name} is, found '
      'something else; delete both to begin anew'
    )

  def _check_settings(self, before: dict[str, Any]) -> None:
    changes = [
      f'{name}: {before.get(name)} -> {self._settings.get(name)}'
      for name in before | self._settings
      if before.get(name) != self._settings.get(name)
    ]
    if changes:
      raise UsageError(
        f'--resume: {self._path} was begun with other settings: '
        f'{", ".join(changes)}. Give those again, or delete it to begin anew'
      )

  def _check_input(self) -> None:
    if self._digest.hexdigest() != self._expected:
      raise UsageError(
        f'--resume: {self._path} was made from other input: its first '
        f'{self.lines_done} lines differ. Give the same, or delete '
        f'{self._path.name} to begin anew'
      )
