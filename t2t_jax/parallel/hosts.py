"""Several processes as one run: they join, agree, and end together.

Which processes there are is told by the environment (`find`). Agreement goes
through the coordinator's key-value store, which needs no device: `exchange`.
jax itself knows who is who, so nothing is remembered here.
"""

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from t2t_jax.errors import UsageError
from t2t_jax.parallel.cluster import find, heartbeat_seconds, join_seconds

_POLL_MS = 1000
_NOTICE_SECONDS = 15
# After a failure in one process. Those that did not fail end after the first
# time at the latest, those that did after the second; process 0 leaves last in
# any case, for jax ends in anger whoever loses the coordinator.
_GRACE_SECONDS, _FAREWELL_SECONDS, _FIRST_SECONDS = 3, 6, 10


def join(environ: Mapping[str, str] = os.environ) -> None:
  """Makes this process one of its run's; call before any use of a device.

  Does nothing where there is one process.

  Raises:
    UsageError: the environment is wrong, or the others cannot be reached.
  """
  arguments = find(environ)
  if arguments is None:
    return
  import jax

  # Its handler would take SIGTERM away from ours.
  jax.config.update('jax_enable_preemption_service', False)
  seconds = heartbeat_seconds(environ)
  where = arguments.get('coordinator_address', 'the coordinator')
  # After join_seconds jax ends the process, in words of its own.
  notice = threading.Timer(
    _NOTICE_SECONDS,
    print,
    (f'waiting for the other processes of this run at {where}',),
    {'file': sys.stderr, 'flush': True},
  )
  notice.daemon = True
  notice.start()
  try:
    jax.distributed.initialize(
      initialization_timeout=join_seconds(environ),
      heartbeat_timeout_seconds=seconds,
      shutdown_timeout_seconds=seconds,
      **arguments,
    )
  except Exception as error:  # of many kinds: sockets, metadata servers, jax
    # jax counts those that it failed to reach.
    sys.modules['jax._src.distributed'].global_state.num_processes = 1
    raise UsageError(
      f'cannot join the other processes at {where}: {error}; '
      'T2T_COORDINATOR=none trains in this process alone'
    ) from error
  finally:
    notice.cancel()
  if count() > 1:
    index()  # waits until all have shown their devices
    threading.Thread(target=_watch, daemon=True).start()


def count() -> int:
  """The number of processes of this run."""
  # Without jax there is one. A command's --help does not wait for jax.
  distributed = sys.modules.get('jax._src.distributed')
  return 1 if distributed is None else distributed.global_state.num_processes


def index() -> int:
  """This process's number, from 0."""
  if count() == 1:
    return 0
  import jax

  return jax.process_index()


def is_first() -> bool:
  """Whether this is process 0, which alone prints and writes records."""
  return index() == 0


def name() -> str:
  """`process 1: ` before what this process says; '' where it is alone."""
  return '' if count() == 1 else f'process {index()}: '


def exchange(topic: str, value: Any) -> list[Any]:
  """Returns what every process hands in, in their order; waits for all.

  Args:
    topic: another one each time, the same on all processes.
    value: anything that JSON can hold.
  """
  if count() == 1:
    return [value]
  client().key_value_set(f't2t/{topic}/{index()}', json.dumps(value))
  return [json.loads(_get(f't2t/{topic}/{i}')) for i in range(count())]


def forget(topic: str) -> None:
  """Frees what an exchange left with the coordinator; all have ended it."""
  if count() > 1 and is_first():
    client().key_value_delete(f't2t/{topic}')


def from_first(topic: str, make: Callable[[], Any]) -> Any:
  """Returns on all processes what `make()` returns on the first (JSON)."""
  return exchange(topic, make() if is_first() else None)[0]


@contextlib.contextmanager
def ending_together() -> Iterator[None]:
  """Runs what is within to its end on all processes, or on none.

  A process that fails says so to the others, which end with its status, and
  does not wait for what they may never send. With others it does not return.
  Without other processes it changes nothing.
  """
  status = 0
  try:
    yield
  except BaseException as error:
    if count() == 1:
      raise
    status = _status_of(error)
  if count() == 1:
    return
  if _all_have_ended(status):
    import jax

    jax.distributed.shutdown()
  _exit_now(status)


def _status_of(error: BaseException) -> int:
  if isinstance(error, SystemExit):
    return error.code if isinstance(error.code, int) else int(bool(error.code))
  traceback.print_exception(error)
  _say(
    'ended by the error above. If it tells of a lost connection, another '
    'process died first: see what that one wrote. Start all of them again with '
    'the same command; the run goes on from its newest checkpoint'
  )
  return 1


def _all_have_ended(status: int) -> bool:
  """Tells that this process ends, and waits for the others.

  Where it failed, only for a while. Returns whether all of them end too.
  """
  seconds = _FIRST_SECONDS if is_first() else _FAREWELL_SECONDS
  deadline = time.monotonic() + seconds if status else None
  try:
    client().key_value_set(f't2t/end/{index()}', str(status))
    for i in range(count()):
      _get(f't2t/end/{i}', deadline)
  except Exception:  # the coordinator may be gone
    return False
  return True


def _watch() -> None:
  """Ends this process soon after another one failed.

  The main thread may wait for that one for ever, within a collective.
  """
  me, store = index(), client()
  while True:
    time.sleep(_POLL_MS / 1000)
    try:
      ends = store.key_value_dir_get('t2t/end/')
    except Exception:
      # The coordinator is gone; jax's own watch ends this process.
      return
    for key, status in ends:
      process = int(key.rpartition('/')[2])
      if process != me and status != '0':
        # It may be ending by itself.
        time.sleep(_FIRST_SECONDS if me == 0 else _GRACE_SECONDS)
        _say(
          f'process {process} ended with status {status} and says why, so this '
          'one ends too; the same command on all goes on'
        )
        _exit_now(int(status))


def client() -> Any:
  """The connection to the coordinator's key-value store."""
  # Not public, but the way that orbax takes too; jax.experimental's
  # multihost_utils would go through the devices.
  return sys.modules['jax._src.distributed'].global_state.client


def _get(key: str, deadline: float | None = None) -> str:
  """Waits for a key, in pieces: between them Python heeds signals."""
  import jax

  while True:
    try:
      return client().blocking_key_value_get(key, _POLL_MS)
    except jax.errors.JaxRuntimeError as error:
      late = deadline is not None and time.monotonic() > deadline
      if late or 'DEADLINE_EXCEEDED' not in str(error):
        raise


def _say(line: str) -> None:
  print(f'{name()}{line}', file=sys.stderr, flush=True)


def _exit_now(status: int) -> None:
  # Not sys.exit: what jax and orbax do at exit waits for the other processes.
  # And where nothing failed, Python's own end would now and then abort a thread
  # that comes back from C++ just then (`_watch`): status 134.
  with contextlib.suppress(OSError, ValueError):
    sys.stdout.flush()
    sys.stderr.flush()
  os._exit(status)
