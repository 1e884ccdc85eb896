"""A run that is ended again and again ends as if nothing had happened.

T2T_KILLS sets how often (make test-faults: 50), T2T_KILLS_SEED the moments.
"""

import os
import random
import re
import signal
import time

import pytest
from several_processes import Processes
from tiny_run import assert_same, read_rows, read_state, write_text

KILLS = int(os.environ.get('T2T_KILLS', '3'))
SEED = int(os.environ.get('T2T_KILLS_SEED', '1'))
# More than a run comes further until it is ended again.
EVALUATE = 15
STEPS = 20 + 25 * KILLS
CHANGES = {
  'training.steps': STEPS,
  'training.max_shapes': 1,
  'checkpoint.every_steps': 4,
  'evaluation.every_steps': EVALUATE,
  'evaluation.bleu': True,
}


class Killer:
  """Ends a run at a moment drawn from `rng`; notes what it did."""

  def __init__(self, rng: random.Random, workdir):
    self._rng, self._workdir = rng, workdir
    self.done: list[str] = []
    self.unfinished_saves = 0

  def kill(self, processes: Processes) -> None:
    """Lets it come to the moment, sends the signal, and waits for the end."""
    rng = self._rng
    moment = rng.choice(('starting', 'training', 'saving', 'evaluating'))
    number = rng.choice((signal.SIGKILL, signal.SIGTERM))
    victim = rng.choice(processes.started)
    getattr(self, f'_wait_{moment}')(processes)
    victim.send_signal(number)
    statuses = processes.finish(120)
    # At its start a run clears what saves before it have left.
    unfinished = moment != 'starting' and any(
      (self._workdir / 'checkpoints').glob('*.orbax*')
    )
    self.unfinished_saves += unfinished
    self.done.append(
      f'{moment} {number.name} {statuses}'
      + (' in a save' if unfinished else '')
    )
    print(self.done[-1], flush=True)
    assert any(statuses), 'the run was over before it was ended often enough'
    assert 2 not in statuses, processes.errors

  def _wait_starting(self, processes: Processes) -> None:
    until = time.monotonic() + self._rng.uniform(0, 8)
    while time.monotonic() < until and not _updates(processes):
      time.sleep(0.01)

  def _wait_training(self, processes: Processes) -> None:
    self._wait_for_updates(processes, self._rng.randint(1, 8))
    time.sleep(self._rng.uniform(0, 0.05))

  def _wait_saving(self, processes: Processes) -> None:
    self._wait_for_updates(processes, self._rng.randint(1, 3))
    checkpoints = self._workdir / 'checkpoints'
    until = time.monotonic() + 2
    while time.monotonic() < until and processes.started[0].poll() is None:
      if any(checkpoints.glob('*.orbax*')):
        break
    time.sleep(self._rng.uniform(0, 0.02))

  def _wait_evaluating(self, processes: Processes) -> None:
    self._wait_for_updates(processes, 1)
    newest = [0, *_updates(processes)][-1]
    due = (newest // EVALUATE + 1) * EVALUATE
    if due <= STEPS:
      processes.wait_for(f'step {due}/{STEPS}')
    time.sleep(self._rng.uniform(0, 0.3))

  def _wait_for_updates(self, processes: Processes, count: int) -> None:
    """Waits until `count` updates more are done, or the run is."""
    while processes.started[0].poll() is None:
      if len(_updates(processes)) >= count:
        return
      time.sleep(0.01)


def _updates(processes: Processes) -> list[int]:
  """Returns the updates that were told of so far, in order."""
  found = (re.match(r'step (\d+)/', line) for line in processes.errors[0])
  return [int(match[1]) for match in found if match]


@pytest.mark.slow
@pytest.mark.parametrize('count', [1, 2])
def test_ended_at_random_moments(tmp_path, count):
  write_text(tmp_path)

  def start(name):
    return Processes(
      tmp_path,
      tmp_path / name,
      CHANGES,
      count=count,
      devices=1,
      # Whoever lives on waits so long for one that died before it joined.
      environ={'T2T_HEARTBEAT_SECONDS': '20', 'T2T_JOIN_SECONDS': '25'},
    )

  with start('whole') as processes:
    assert processes.finish() == [0] * count, processes.errors
  killer = Killer(random.Random(SEED), tmp_path / 'run')
  for _ in range(KILLS):
    with start('run') as processes:
      killer.kill(processes)
  with start('run') as processes:
    assert processes.finish() == [0] * count, processes.errors
  assert killer.unfinished_saves or KILLS < 20
  whole, ended = tmp_path / 'whole', tmp_path / 'run'
  assert_same(read_state(ended, STEPS), read_state(whole, STEPS))
  for kind, name in (('train', 'loss'), ('dev', 'nll'), ('dev', 'bleu')):
    one, other = (
      [(row['step'], row[name]) for row in read_rows(workdir, kind)]
      for workdir in (ended, whole)
    )
    assert one == other
  assert not list((ended / 'checkpoints').glob('*.orbax*'))
