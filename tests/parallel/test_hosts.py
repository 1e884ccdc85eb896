"""One process alone: nothing waits, nothing is asked. tests/faults has more."""

import os
import pathlib
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from several_processes import free_port

from t2t_jax.config import MeshConfig
from t2t_jax.errors import UsageError
from t2t_jax.parallel import hosts
from t2t_jax.parallel.agreement import SharedWord
from t2t_jax.parallel.arrays import copies_here, place_batch
from t2t_jax.parallel.mesh import create_mesh


def test_a_process_alone():
  hosts.join({})
  assert (hosts.count(), hosts.index(), hosts.name()) == (1, 0, '')
  assert hosts.is_first()
  assert hosts.exchange('topic', {'a': 1}) == [{'a': 1}]
  assert hosts.from_first('topic', lambda: 3) == 3


def test_what_ends_a_process_alone_is_left_as_it_is():
  with hosts.ending_together():
    pass
  for error in (SystemExit(2), KeyError('a'), KeyboardInterrupt()):
    with pytest.raises(type(error)) as raised, hosts.ending_together():
      raise error
    assert raised.value is error


_TWO_THAT_WATCH = """
import sys, threading
from t2t_jax.parallel import hosts

hosts._POLL_MS = 0
with hosts.ending_together():
  hosts.join()
  for _ in range(30):
    threading.Thread(target=hosts._watch, daemon=True).start()
  print('done')
  sys.exit()
"""


def test_threads_that_watch_do_not_disturb_the_end():
  """They are many here, and never rest: one is in C++ whenever Python ends."""
  environ = {
    'JAX_PLATFORMS': 'cpu',
    'T2T_COORDINATOR': f'localhost:{free_port()}',
    'T2T_NUM_PROCESSES': '2',
  }
  started = [
    subprocess.Popen(
      [sys.executable, '-c', _TWO_THAT_WATCH],
      cwd=pathlib.Path(__file__).parents[2],
      env={**os.environ, **environ, 'T2T_PROCESS_ID': str(i)},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for i in range(2)
  ]
  try:
    said = [process.communicate(timeout=300) for process in started]
  finally:
    for process in started:
      process.kill()
      process.communicate()
  assert [process.returncode for process in started] == [0, 0], said
  assert all('done\n' in stdout for stdout, _ in said)


def test_what_cannot_be_joined_is_named(monkeypatch, capsys):
  def fail(**_):
    time.sleep(0.3)
    raise RuntimeError('no such host')

  monkeypatch.setattr(hosts, '_NOTICE_SECONDS', 0.05)
  monkeypatch.setattr(jax.distributed, 'initialize', fail)
  environ = {
    'T2T_COORDINATOR': 'nowhere:1',
    'T2T_NUM_PROCESSES': '2',
    'T2T_PROCESS_ID': '0',
  }
  with pytest.raises(UsageError) as error:
    hosts.join(environ)
  assert str(error.value) == (
    'cannot join the other processes at nowhere:1: no such host; '
    'T2T_COORDINATOR=none trains in this process alone'
  )
  assert capsys.readouterr().err == (
    'waiting for the other processes of this run at nowhere:1\n'
  )


def test_without_jax_there_is_one_process(monkeypatch):
  monkeypatch.delitem(sys.modules, 'jax._src.distributed')
  assert hosts.count() == 1


def test_a_word_said_here_is_agreed_at_once():
  said = []
  word = SharedWord(
    lambda: said[-1] if said else None, create_mesh(MeshConfig(-1, 1, 1))
  )
  assert not word and not word.agreed()
  said.append('SIGTERM')
  assert word and word.agreed() and word.word == 'SIGTERM'


def test_only_the_rows_of_this_process_are_touched():
  class Watched(np.ndarray):
    touched = ()

    def __getitem__(self, index):
      Watched.touched += (index,)
      return np.asarray(self)[index]

  mesh = create_mesh(MeshConfig(2, 2, 2), jax.devices()[:8])
  values = np.arange(24).reshape(2, 4, 3).view(Watched)
  placed = place_batch(values, mesh, batch_axis=1)
  wanted = {str(shard.index) for shard in placed.addressable_shards}
  assert {str(index) for index in Watched.touched} == wanted
  assert len(wanted) == 4


def test_copies_here_are_whole_on_each_device():
  mesh = create_mesh(MeshConfig(2, 2, 2), jax.devices()[:8])
  values = np.arange(16.0).reshape(4, 4)
  split = jax.device_put(
    values,
    jax.NamedSharding(mesh, jax.sharding.PartitionSpec('fsdp', 'tensor')),
  )
  here = copies_here({'a': split}, mesh)['a']
  assert here.is_fully_replicated
  assert here.sharding.mesh.shape == {'data': 8, 'fsdp': 1, 'tensor': 1}
  for shard in here.addressable_shards:
    np.testing.assert_array_equal(shard.data, values)
