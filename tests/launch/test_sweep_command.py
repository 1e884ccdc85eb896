"""launch/sweep.py from end to end: it trains by the real command."""

import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
import tiny_sweep
from run_command import run_command

from t2t_jax.checkpoints.workdir import Lock

ROOT = pathlib.Path(__file__).parents[2]
QUICKSTART = 'configs/quickstart.py'


def sweep(*arguments):
  return run_command('sweep', *arguments, package='launch')


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
  monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
  monkeypatch.setenv('PYTHONPATH', str(ROOT))
  # Programs that run for a millisecond need not be good ones.
  monkeypatch.setenv(
    'XLA_FLAGS',
    '--xla_backend_optimization_level=0 '
    '--xla_llvm_disable_expensive_passes=true',
  )


def rows_of(file):
  """Returns {kind: [row]} of a metrics.jsonl."""
  found = {}
  for line in file.read_text().splitlines():
    row = json.loads(line)
    found.setdefault(row['kind'], []).append(row)
  return found


def test_two_rows_one_of_which_fails_first(tmp_path, monkeypatch):
  directory = tmp_path / 'sweep'
  arguments = (
    tiny_sweep.write(tmp_path),
    f'--workdir={directory}',
    '--config.training.steps=5',
  )
  first = sweep(*arguments)
  assert first.status == 1, first.stderr
  assert '[1/2] tiny-narrow: log in ' in first.stderr
  assert 'tiny-narrow: done in ' in first.stderr
  assert f'there is no file {tmp_path}/train2.de, plain' in first.stderr
  assert first.stderr.endswith(
    'sweep: 1 of 2 runs failed; the same command tries them again\n'
  )
  assert first.stdout.count('tiny-wide failed: status 2: main: ') == 1

  tiny_sweep.mend(tmp_path)
  log = (directory / 'tiny-narrow' / 'log.txt').read_bytes()
  second = sweep(*arguments)
  assert second.status == 0, second.stderr
  assert '1 of 2 runs are done' in second.stderr
  assert 'tiny-narrow' not in second.stderr
  assert (directory / 'tiny-narrow' / 'log.txt').read_bytes() == log
  assert (directory / 'table.md').read_text() == second.stdout[:-1]
  assert (directory / 'table.png').read_bytes().startswith(b'\x89PNG')
  assert second.stderr.endswith(f'picture: {directory}/table.png\n')
  assert 'failed' not in second.stdout

  narrow, wide = json.loads((directory / 'table.json').read_text())
  assert narrow['settings']['d_model'] == '8'
  assert wide['settings']['train_target'] == 'train2.de'
  for row in (narrow, wide):
    metrics = rows_of(directory / row['row'] / 'metrics.jsonl')
    mean = row['mean']
    assert row['state'] == 'done'
    assert mean['updates'] == 5
    assert mean['dev_nll'] == min(each['nll'] for each in metrics['dev'])
    assert mean['train_seconds'] == metrics['train'][-1]['train_seconds']
    tests = {each['test_set']: each['bleu'] for each in metrics['test']}
    assert tests == {'dev': mean['bleu_dev'], 'test': mean['bleu_test']}
  # Figure 1 by hand; twelve pieces are padded to 16 rows.
  for row, d in ((narrow, 8), (wide, 16)):
    attention, feed_forward = 4 * d * 16, 2 * d * 16 + 16 + d
    layers = 3 * attention + 2 * feed_forward + 5 * 2 * d
    assert row['mean']['parameters'] == 16 * d + layers

  # The table alone, and all commands that are left: none.
  monkeypatch.setattr('t2t_jax.sweeps.picture.can_save', lambda: False)
  table = sweep(f'--workdir={directory}', '--table')
  assert (table.status, table.stdout) == (0, second.stdout)
  assert table.stderr == (
    f"{directory}/table.png: needs matplotlib: pip install 't2t_jax[plot]'\n"
  )
  dry = sweep(*arguments, '--dry_run')
  assert (dry.stdout, dry.stderr) == ('', '2 of 2 runs are done\n')


@pytest.mark.slow
def test_sigterm_stops_and_the_same_command_goes_on(tmp_path):
  directory = tmp_path / 'sweep'
  tiny_sweep.write(tmp_path)
  tiny_sweep.mend(tmp_path)
  command = [
    *(sys.executable, 'launch/sweep.py', f'{tmp_path}/tiny.py'),
    f'--workdir={directory}',
    '--config.training.steps=3000',
    '--config.checkpoint.every_steps=1500',
    '--config.evaluation.every_steps=1500',
  ]
  process = subprocess.Popen(
    command, cwd=ROOT, stderr=subprocess.PIPE, text=True
  )
  log = directory / 'tiny-narrow' / 'log.txt'
  while not log.exists() or 'step 20/' not in log.read_text():
    time.sleep(0.1)
    assert process.poll() is None
  process.send_signal(signal.SIGTERM)
  _, errors = process.communicate(timeout=300)
  assert process.returncode == 75, errors
  assert errors.endswith(
    'tiny-narrow: stopped\nsweep: stopped; the same command goes on\n'
  )
  saved = re.search(r'after step (\d+), which is saved', log.read_text())
  assert not (directory / 'tiny-wide').exists()
  again = subprocess.run(
    command, cwd=ROOT, capture_output=True, text=True, check=False
  )
  assert again.returncode == 0, again.stderr
  assert f'resuming after step {saved[1]}' in log.read_text()
  steps = [
    row['step'] for row in rows_of(log.parent / 'metrics.jsonl')['train']
  ]
  assert steps == list(range(1, 3001))


# --- without a run ------------------------------------------------------------


def test_a_dry_run_prints_commands_and_writes_nothing(tmp_path):
  finished = sweep(
    QUICKSTART,
    f'--workdir={tmp_path / "x"}',
    '--sweep=config.model.dropout_rate=0,0.1',
    '--seeds=1',
    '--dry_run',
  )
  assert finished.status == 0, finished.stderr
  title = 'quickstart,dropout_rate=0.1,seed=1'
  assert shlex.split(finished.lines[1]) == [
    *('python', '-m', 't2t_jax.main', '--config=configs/quickstart.py'),
    f'--workdir={tmp_path}/x/{title}',
    '--config.model.dropout_rate=0.1',
    '--config.training.seed=1',
  ]
  assert len(finished.lines) == 2
  assert list(tmp_path.iterdir()) == []


def test_flags_with_a_space_are_no_files(tmp_path):
  finished = sweep(
    '--workdir', str(tmp_path), '--dry_run', QUICKSTART, '--seeds', '1,2'
  )
  assert finished.status == 0, finished.stderr
  assert len(finished.lines) == 2


def test_slurm_gets_the_unfinished_rows_as_an_array(tmp_path, monkeypatch):
  sbatch = tmp_path / 'sbatch'
  sbatch.write_text(f'#!/bin/bash\nprintf "%s\\n" "$@" > {tmp_path}/given\n')
  sbatch.chmod(0o755)
  monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
  directory = tmp_path / 'a b'
  finished = sweep(
    QUICKSTART,
    f'--workdir={directory}',
    '--sweep=config.model.dropout_rate=0,0.1',
    '--jobs=4',
    '--slurm',
    '--sbatch=--time=8:00:00 --partition=a100',
  )
  assert finished.status == 0, finished.stderr
  assert (tmp_path / 'given').read_text().splitlines() == [
    '--array=0,1%4',
    '--job-name=a b',
    f'--output={directory}/slurm-%a.log',
    f'--export=ALL,PYTHON={sys.executable}',
    '--time=8:00:00',
    '--partition=a100',
    str(ROOT / 'launch' / 'slurm.sbatch'),
    f'@{directory}/rows.txt',
  ]
  lines = (directory / 'rows.txt').read_text().splitlines()
  assert shlex.split(lines[1]) == [
    '--config=configs/quickstart.py',
    f'--workdir={directory}/quickstart,dropout_rate=0.1',
    '--config.model.dropout_rate=0.1',
  ]
  # A row's place in the file is that of the first time.
  second = ['--sweep=config.model.dropout_rate=0.1,0.2', '--slurm']
  assert sweep(QUICKSTART, f'--workdir={directory}', *second).status == 0
  given = (tmp_path / 'given').read_text().splitlines()
  assert given[0] == '--array=1,2%1'
  after = (directory / 'rows.txt').read_text().splitlines()
  assert after[:2] == lines and 'dropout_rate=0.2' in after[2]
  sbatch.write_text('#!/bin/bash\necho invalid partition >&2; exit 1\n')
  refused = sweep(QUICKSTART, f'--workdir={directory}', '--slurm')
  assert refused.status == 2
  assert refused.stderr.endswith(
    'sweep: --slurm: sbatch refuses: invalid partition\n'
  )
  monkeypatch.setenv('PATH', '/nonexistent')
  absent = sweep(QUICKSTART, f'--workdir={directory}', '--slurm')
  assert absent.stderr.endswith(
    'sweep: --slurm: there is no sbatch on this machine\n'
  )


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ([QUICKSTART], '--workdir: expected a directory, found none'),
    (
      [QUICKSTART, '--workdir=w', '--seeds=1,x'],
      '--seeds=1,x: expected numbers such as 1,2,3',
    ),
    (
      [QUICKSTART, '--workdir=w', '--config.model.d_ff', '8'],
      '--config.model.d_ff: expected --config.key=value',
    ),
    (
      ['configs/quikstart.py', '--workdir=w'],
      '--config=configs/quikstart.py: no such file. Did you mean '
      "'quickstart.py'?",
    ),
    (
      [QUICKSTART, '--workdir=w', '--jbos=2'],
      "Unknown command line flag 'jbos'. Did you mean: jobs ?",
    ),
    (
      [QUICKSTART, '--workdir=gs://bucket/x', '--slurm'],
      '--workdir=gs://bucket/x: expected a directory, found a URL; mount what '
      'it names as a file system',
    ),
    (
      ['--workdir=w', '--table'],
      '--workdir=w: expected a sweep, found no sweep.json in it',
    ),
  ],
)
def test_mistakes(arguments, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  finished = sweep(*arguments)
  assert finished.stderr == f'sweep: {message}\n'
  assert finished.status == 2
  assert list(tmp_path.iterdir()) == []


def test_one_sweep_at_a_time_works_in_a_directory(tmp_path):
  lock = Lock(tmp_path / 'lock')
  finished = sweep(QUICKSTART, f'--workdir={tmp_path}')
  lock.release()
  assert finished.status == 2
  assert f'--workdir={tmp_path}: another run works here' in finished.stderr
  # What runs here is the other's rows: these are not written down beside them.
  assert not (tmp_path / 'sweep.json').exists()
