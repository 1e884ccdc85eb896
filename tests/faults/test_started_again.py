"""launch/local.sh with real training: told to stop, it is started again."""

import os
import re
import signal
import sys

import pytest
from tiny_run import (
  ROOT,
  assert_same,
  finish,
  read_rows,
  read_state,
  read_until,
  start,
  write_text,
)

from t2t_jax.checkpoints.workdir import Workdir

STEPS = 60  # of a tiny run


def launch(directory, workdir):
  """Starts two processes of one device each, as one run."""
  script = str(ROOT / 'launch' / 'local.sh')
  return start(
    directory,
    workdir,
    environ={
      'PYTHON': sys.executable,
      'XLA_FLAGS': '--xla_force_host_platform_device_count=1',
    },
    command=(script, '--restart', '2'),
  )


@pytest.mark.slow
def test_one_is_told_to_stop_and_all_go_on_by_themselves(tmp_path):
  write_text(tmp_path)
  status, errors = finish(launch(tmp_path, tmp_path / 'whole'))
  assert status == 0, errors
  process = launch(tmp_path, tmp_path / 'run')
  read_until(process, f'step 13/{STEPS}')
  # As by a notice of preemption: not by the user, who would tell the script.
  holder = Workdir(tmp_path / 'run').holder()
  os.kill(int(re.fullmatch(r'process (\d+) on .*', holder)[1]), signal.SIGTERM)
  status, errors = finish(process)
  assert status == 0, errors
  [stopped] = re.findall(r'stopped by SIGTERM after step (\d+), which', errors)
  assert 13 <= int(stopped) < STEPS
  _, again = errors.split('local.sh: stopped and saved; starting all again\n')
  assert f'resuming after step {stopped}\n' in again
  whole, run = tmp_path / 'whole', tmp_path / 'run'
  assert_same(read_state(run, STEPS), read_state(whole, STEPS))
  for kind, name in (('train', 'loss'), ('dev', 'nll')):
    one, other = (
      [(row['step'], row[name]) for row in read_rows(path, kind)]
      for path in (run, whole)
    )
    assert one == other
