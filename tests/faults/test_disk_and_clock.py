"""Disks that are full or read-only, and clocks that jump.

What must hold: the checkpoints that were complete stay whole, the message
names the place, and with room again the same command goes on.
"""

import contextlib
import itertools
import os
import pathlib
import re
import resource
import subprocess
import time

import jax
import numpy as np
import pytest
from tiny_run import (
  assert_same,
  make_config,
  read_rows,
  read_state,
  run,
  write_text,
)

from t2t_jax.checkpoints.store import CheckpointStore, list_steps
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.training.loop import train


def state_of(step):
  """A state of a megabyte that hardly compresses."""
  rng = np.random.default_rng(step)
  values = {'step': np.int32(step), 'a': rng.normal(size=(512, 256))}
  return jax.device_put(values, jax.devices()[0])


def abstract():
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
    state_of(0),
  )


@contextlib.contextmanager
def no_file_longer_than(size):
  """What a full disk does to a long write, where nothing can be mounted."""
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def save_and_wait(store, step):
  store.save(step, state_of(step), {'step': step}, {1})
  store.wait()


def test_no_room_for_a_checkpoint(tmp_path):
  path = tmp_path / 'checkpoints'
  store = CheckpointStore(path)
  store.save(1, state_of(1), {'step': 1}, set())
  store.wait()
  with (
    no_file_longer_than(100_000),
    pytest.raises(OSError, match='could not be written') as error,
  ):
    save_and_wait(store, 2)
  assert error.value.filename == str(path / '2')
  assert re.fullmatch(
    r'could not be written: .+\. The checkpoints before it are whole; mended, '
    'the same command goes on from the newest',
    error.value.strerror,
  )
  # The program is started again, now with room.
  with CheckpointStore(path) as again:
    state, progress = again.restore_newest(abstract())
    assert progress == {'step': 1}
    np.testing.assert_array_equal(state['a'], state_of(1)['a'])
    again.save(2, state_of(2), {'step': 2}, {1})
  assert list_steps(path) == [1, 2]
  assert not list(path.glob('*.orbax*'))


@pytest.fixture
def small_disk(tmp_path):
  """A file system of its own, of a given size; needs to be root."""
  mounted = []

  def mount(size, *options):
    place = tmp_path / 'disk'
    place.mkdir(exist_ok=True)
    arguments = ['-o', ','.join((f'size={size}', *options))]
    made = subprocess.run(
      ['mount', '-t', 'tmpfs', *arguments, 'none', str(place)],
      capture_output=True,
    )
    if made.returncode:
      pytest.skip('cannot mount a file system here')
    mounted.append(place)
    return place

  yield mount
  for place in mounted:
    subprocess.run(['umount', str(place)], check=True)


@pytest.mark.slow
def test_a_disk_that_fills_up(tmp_path, small_disk):
  write_text(tmp_path)
  disk = small_disk('1m')
  changes = {'training.steps': 20, 'model.d_ff': 256}
  status, errors = run(tmp_path, tmp_path / 'whole', changes)
  assert status == 0, errors
  status, errors = run(tmp_path, disk / 'run', changes)
  assert status == 1
  last = errors.splitlines()[-1]
  assert last.startswith(f'main: {disk}/run/'), errors
  left = list_steps(disk / 'run' / 'checkpoints')
  assert left != [20]
  subprocess.run(['mount', '-o', 'remount,size=64m', str(disk)], check=True)
  status, errors = run(tmp_path, disk / 'run', changes)
  assert status == 0, errors
  if left:
    assert f'resuming after step {left[-1]}\n' in errors
  assert_same(read_state(disk / 'run', 20), read_state(tmp_path / 'whole', 20))


@pytest.mark.slow
def test_a_disk_that_is_read_only(tmp_path, small_disk):
  write_text(tmp_path)
  disk = small_disk('1m', 'ro')
  status, errors = run(tmp_path, disk / 'run')
  assert status == 2
  assert errors.splitlines()[-1] == (
    f'main: --workdir={disk}/run: cannot be written: Read-only file system'
  )


def test_a_directory_that_cannot_be_written(tmp_path):
  if os.geteuid() == 0:
    pytest.skip('root may write everywhere')
  tmp_path.chmod(0o500)
  with pytest.raises(ValueError, match=r'cannot be written: Permission denied'):
    Workdir(tmp_path / 'run').lock()


@pytest.mark.slow
def test_a_clock_that_jumps(tmp_path, monkeypatch):
  jax.config.update('jax_disable_most_optimizations', True)
  write_text(tmp_path)
  config = make_config(tmp_path, training__steps=12, evaluation__every_steps=6)
  train(config, Workdir(tmp_path / 'whole'), lambda line: None)
  jumps = itertools.cycle((0, 86_400, -86_400, 3600))
  real = time.time
  monkeypatch.setattr(time, 'time', lambda: real() + next(jumps))
  train(config, Workdir(tmp_path / 'jumped'), lambda line: None)
  monkeypatch.undo()
  jax.config.update('jax_disable_most_optimizations', False)
  whole, jumped = (
    read_state(tmp_path / name, 12) for name in ('whole', 'jumped')
  )
  assert_same(jumped, whole)
  assert list_steps(tmp_path / 'jumped' / 'checkpoints') == list_steps(
    tmp_path / 'whole' / 'checkpoints'
  )
  for row in read_rows(pathlib.Path(tmp_path / 'jumped'), 'train'):
    assert 0 <= row['train_seconds'] < 600
