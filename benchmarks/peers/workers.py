"""Peers in processes of their own, so that none changes another's time.

In one process they share malloc's settings and their pools of threads, and
OpenMP's wait for work spinning: CTranslate2 took up to 1.7 times as long
(BUILD_NOTES.md). A process that waits to be asked takes no CPU time.
"""

import contextlib
import functools
import multiprocessing
import os
import signal
import textwrap
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from benchmarks.rounds import Repeat, take_turns
from t2t_jax import cli
from t2t_jax.data.workers import follow_the_parent
from t2t_jax.errors import UsageError

_Peer = TypeVar('_Peer')
_Given = ParamSpec('_Given')
_Answer = TypeVar('_Answer')
_LONGEST = 300  # letters of an exception that are told
_STEP_S = 1.0


class PeerFailed(Exception):
  """A peer that cannot go on: its name, and why in one line."""

  def __init__(self, peer: str, why: str):
    super().__init__(peer, why)
    self.peer, self.why = peer, why


class Worker(Generic[_Peer]):
  """A peer in a process of its own, which does what it is asked for.

  It ends with this process at the latest.
  """

  def __init__(self, make: Callable[[str], _Peer], name: str):
    """Begins to make it; `make` and what methods take and return are
    pickled."""
    spawn = multiprocessing.get_context('spawn')
    self._name = name
    self._pipe, theirs = spawn.Pipe()
    # As a daemon it is not waited for where this process ends by surprise.
    self._process = spawn.Process(
      target=_serve, args=(theirs, make, name), daemon=True
    )
    # Ctrl-C is for this process alone; a new one inherits that from the start.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
      self._process.start()
    finally:
      signal.signal(signal.SIGINT, handler)
    theirs.close()

  def ask(
    self,
    method: Callable[Concatenate[_Peer, _Given], _Answer],
    *arguments: _Given.args,
    **named: _Given.kwargs,
  ) -> _Answer:
    """Returns what a method of the peer's class returns, when it does.

    Raises:
      PeerFailed: it raised an exception, or its process died.
      UsageError: it raised one.
    """
    try:
      # Whose end is closed may have said why.
      with contextlib.suppress(BrokenPipeError):
        self._pipe.send((method, arguments, named))
      # In steps: a Ctrl-C just before a wait is only seen when the wait ends.
      while not self._pipe.poll(_STEP_S):
        pass
      answer = self._pipe.recv()
    except (EOFError, ConnectionError):
      self._process.join()
      status = self._process.exitcode
      why = f'its process ended with status {status}'
      raise PeerFailed(self._name, why) from None
    if isinstance(answer, Exception):
      raise answer
    return answer

  def end(self) -> None:
    """Ends it at once, whatever it does."""
    self._process.kill()
    self._process.join()
    self._pipe.close()


def _serve(pipe: Connection, make: Callable[[str], Any], name: str) -> None:
  follow_the_parent()
  # Of a GPU's memory jax would take most at once; others need their share.
  os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')
  answer: Any
  try:
    peer = make(name)
    while True:
      method, arguments, named = pipe.recv()
      pipe.send(method(peer, *arguments, **named))
  except UsageError as error:
    answer = error
  except Exception as error:
    line = textwrap.shorten(f'{type(error).__name__}: {error}', _LONGEST)
    answer = PeerFailed(name, line)
  with contextlib.suppress(OSError):  # nobody listens any more
    pipe.send(answer)


def _nothing(peer: Any) -> None:
  pass


class Workers(Generic[_Peer]):
  """A worker for each peer. One that fails is told of and left out from then
  on: what the others take does not depend on it.

  Attributes:
    failed: {peer: why}.
  """

  def __init__(self, make: Callable[[str], _Peer], names: Iterable[str]):
    self.failed: dict[str, str] = {}
    self._workers = {name: Worker(make, name) for name in dict.fromkeys(names)}

  def __enter__(self) -> Self:
    return self

  def __exit__(self, *_: object) -> None:
    for worker in self._workers.values():
      worker.end()

  def wait(self) -> None:
    """Waits until all are made, which would slow down what others begin."""
    self.ask('', _nothing)

  def ask(
    self,
    doing: str,
    method: Callable[Concatenate[_Peer, _Given], _Answer],
    *arguments: _Given.args,
    **named: _Given.kwargs,
  ) -> dict[str, _Answer]:
    """Asks one after the other; returns their answers by name.

    Args:
      doing: what they do, for people; '': nothing is said.
      method: of the peers' class.
      arguments: of the method.
      named: the same.
    """
    answers = {}
    for name, worker in [*self._workers.items()]:
      if doing:
        cli.say(f'{name}: {doing}')
      try:
        answers[name] = worker.ask(method, *arguments, **named)
      except PeerFailed as failed:
        self._leave_out(failed)
    return answers

  def rounds(
    self,
    of: str,
    method: Callable[..., Repeat],
    *arguments: Any,
    repeats: int,
    warmup: int,
  ) -> dict[str, list[Repeat]]:
    """Lets them take turns, as `run_rounds` does, at what `method` times.

    Args:
      of: what, for people.
      method: of the peers' class.
      arguments: of the method.
      repeats: as those of `run_rounds`.
      warmup: the same.
    """
    while self._workers:
      cli.say(f'{repeats} timed rounds of {of}')
      jobs = {
        name: functools.partial(worker.ask, method, *arguments)
        for name, worker in self._workers.items()
      }
      try:
        return take_turns(jobs, repeats=repeats, warmup=warmup)
      except PeerFailed as failed:
        self._leave_out(failed)
    return {}

  def _leave_out(self, failed: PeerFailed) -> None:
    cli.say(f'{failed.peer}: failed, {failed.why}')
    self.failed[failed.peer] = failed.why
    self._workers.pop(failed.peer).end()
