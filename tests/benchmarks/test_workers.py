"""Peers in processes of their own: what they answer, and how they end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import stand_in_peer
from stand_in_peer import StandIn

from benchmarks import rounds
from benchmarks.peers.workers import Workers
from t2t_jax.errors import UsageError


def test_each_is_a_process_of_its_own():
  with Workers(StandIn, ['one', 'two']) as workers:
    first = workers.ask('adds', StandIn.add, 2)
    second = workers.ask('adds', StandIn.add, 3)
  assert [(x, total) for x, (total, _) in first.items()] == [
    ('one', 2),
    ('two', 2),
  ]
  assert {total for total, _ in second.values()} == {5}
  processes = {process for _, process in first.values()}
  assert len(processes - {os.getpid()}) == 2
  assert {process for _, process in second.values()} == processes
  for process in processes:
    with pytest.raises(ProcessLookupError):
      os.kill(process, 0)


def test_one_that_fails_is_told_of_and_the_others_go_on(capfd, monkeypatch):
  monkeypatch.setattr(rounds, 'PAUSE_S', 0)
  with Workers(StandIn, ['torn', 'killed', 'tired', 'whole']) as workers:
    assert set(workers.ask('adds', StandIn.add, 1)) == {'tired', 'whole'}
    # It fails in the second of two rounds, behind one of warm-up; then the
    # other's begin anew.
    timed = workers.rounds('times', StandIn.time, repeats=2, warmup=1)
  assert [repeat.seconds for repeat in timed.pop('whole')] == [4, 5]
  assert timed == {}
  assert workers.failed == {
    'torn': 'ValueError: expected a model, found none',
    'killed': 'its process ended with status -9',
    'tired': 'MemoryError: no more',
  }
  # Nothing but what the benchmark says: no tracebacks.
  assert capfd.readouterr().err.splitlines() == [
    'torn: adds',
    'torn: failed, ValueError: expected a model, found none',
    'killed: adds',
    'killed: failed, its process ended with status -9',
    'tired: adds',
    'whole: adds',
    '2 timed rounds of times',
    'tired: failed, MemoryError: no more',
    '2 timed rounds of times',
  ]


def test_a_mistake_of_the_users_ends_all():
  with (
    pytest.raises(UsageError, match=r'^--model: expected a file, found none$'),
    Workers(StandIn, ['mistaken', 'whole']) as workers,
  ):
    workers.ask('adds', StandIn.add, 1)


@pytest.fixture
def benchmark():
  """A benchmark as a terminal starts it, and its peer's process, which has
  only begun to import."""
  with subprocess.Popen(
    [sys.executable, stand_in_peer.__file__],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    start_new_session=True,
    # benchmarks/ is not installed.
    env=os.environ | {'PYTHONPATH': str(Path(__file__).parents[2])},
  ) as process:
    yield process, int(process.stdout.readline())
    process.kill()


def test_ctrl_c_is_one_line(benchmark):
  process, peer = benchmark
  os.kill(peer, signal.SIGINT)
  assert process.stdout.readline() == 'stays\n'
  os.killpg(process.pid, signal.SIGINT)
  _, said = process.communicate(timeout=60)
  assert said == 'whole: stays\nstand_in_peer: interrupted\n'
  assert process.returncode == 1


def test_a_peer_does_not_outlive_the_benchmark(benchmark):
  process, peer = benchmark
  assert process.stdout.readline() == 'stays\n'
  process.kill()
  process.wait()
  for _ in range(100):
    try:
      os.kill(peer, 0)
    except ProcessLookupError:
      return
    time.sleep(0.1)
  pytest.fail('the peer is still there')


def test_a_benchmark_of_peers_does_not_need_their_engines():
  """jax would take memory of a GPU, and have threads, in the process that
  only waits."""
  program = (
    'import sys\n'
    'import benchmarks.peers.agreement, benchmarks.peers.workers\n'
    'import benchmarks.peers.decoders, benchmarks.peers.translators\n'
    'import benchmarks.peers.trainers, benchmarks.work\n'
    "print([x for x in ('jax', 'torch', 'ctranslate2') if x in sys.modules])"
  )
  found = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True, check=True
  )
  assert found.stdout == '[]\n'
