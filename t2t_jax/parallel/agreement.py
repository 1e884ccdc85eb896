"""Something that one process is told and all heed at the same moment."""

import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from t2t_jax.parallel import hosts
from t2t_jax.parallel.mesh import AXES, replicated

_POLL_SECONDS = 1.0
_KEY = 't2t/told'


class SharedWord:
  """A word that is said to any process of a run, such as SIGTERM.

  It is true on this process as soon as it was said here, and about a second
  after it was said elsewhere: for work that each process does by itself. What
  all must do at the same update asks `agreed`.
  """

  def __init__(self, said_here: Callable[[], str | None], mesh: Mesh):
    self._said_here = said_here
    self._said_elsewhere: str | None = None
    self._flags = NamedSharding(mesh, PartitionSpec(AXES))
    self._any = jax.jit(jnp.any, out_shardings=replicated(mesh))
    self._before: Any = None
    if hosts.count() > 1:
      threading.Thread(target=self._pass_on, daemon=True).start()

  @property
  def word(self) -> str | None:
    return self._said_here() or self._said_elsewhere

  def __bool__(self) -> bool:
    return self.word is not None

  def agreed(self) -> bool:
    """Returns the same on all processes, which call it equally often.

    With several it is true one call late: the answers are added up on the
    devices, where those of this call come after work that is under way.
    """
    if hosts.count() == 1:
      return bool(self)
    flag = np.array([bool(self)])
    shape = (self._flags.mesh.size,)
    flags = jax.make_array_from_callback(shape, self._flags, lambda _: flag)
    before, self._before = self._before, self._any(flags)
    return before is not None and bool(before)

  def _pass_on(self) -> None:
    client = hosts.client()
    wait = threading.Event()
    while not wait.wait(_POLL_SECONDS):
      try:
        if word := self._said_here():
          key = f'{_KEY}/{hosts.index()}'
          client.key_value_set(key, word)
          return
        for _, word in client.key_value_dir_get(_KEY + '/'):
          self._said_elsewhere = word
          return
      except Exception:  # the coordinator is gone: hosts.py sees to that
        return
