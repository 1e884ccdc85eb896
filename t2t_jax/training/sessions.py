"""The sessions of a run: when each began and ended, from where and why.

A run is one or several sessions, each a start of the command. They are listed
in run.json and not in metrics.jsonl, which shows a resumed run as one that was
never interrupted. A session without an end is at work or was killed.
"""

import contextlib
import datetime
from typing import Any

from t2t_jax.checkpoints.workdir import Workdir, write_json
from t2t_jax.training.stopping import Stopped, TrainingError

_FINISHED = 'finished'


class Session:
  """The session that this process is."""

  def __init__(self, workdir: Workdir, step: int):
    """Notes that it begins after `step` updates, 0 of a fresh start.

    Raises:
      UsageError: `workdir` holds no run.
    """
    self._workdir = workdir
    self._session = {'started': now(), 'from_step': step}
    run = workdir.read_run()
    run['sessions'] = [*run.get('sessions', []), self._session]
    write_json(workdir.run_file, run)

  def end(self, step: int, error: BaseException | None) -> None:
    """Notes that it ends after `step` updates; None: nothing went wrong."""
    end = {'ended': now(), 'step': step, 'why': _why(error)}
    # The disk may be full: whatever ends the run matters more.
    with contextlib.suppress(OSError, ValueError):
      run = self._workdir.read_run()
      run['sessions'][-1] = self._session | end
      write_json(self._workdir.run_file, run)


def last_saved(run: dict[str, Any]) -> int:
  """Returns the newest update that must have been saved; 0: none is known.

  Args:
    run: the contents of run.json.
  """
  steps = [0]
  for session in run.get('sessions', []):
    steps.append(session['from_step'])
    if session.get('why', '').startswith((_FINISHED, 'stopped by ')):
      steps.append(session['step'])
  return max(steps)


def now() -> str:
  """Returns the time in UTC, to the second."""
  return datetime.datetime.now(datetime.UTC).isoformat('T', 'seconds')


def _why(error: BaseException | None) -> str:
  if error is None:
    return _FINISHED
  if isinstance(error, Stopped | TrainingError):
    return str(error)
  return ': '.join(filter(None, [type(error).__name__, str(error)]))
