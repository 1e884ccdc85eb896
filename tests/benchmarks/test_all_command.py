"""All benchmarks in parts: what is done is not done again."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from run_command import run_command

from benchmarks import parts
from benchmarks.parts import Here, Part
from t2t_jax.data import grammar

ROOT = pathlib.Path(__file__).parents[2]
# In place of Python: `-m benchmarks.input --size=N` ends with status N, and
# notes that it was begun.
STAND_IN = """#!/bin/sh
status=${3#--size=}
echo $$ >"$BEGUN.pid"
[ -z "${SLOW:-}" ] || { echo begun; sleep 60; }
echo "$2 $3" >>"$BEGUN"
echo '{"benchmark": "input", "job": "'$status'", "batches_per_s": 2.5}'
echo 'a table'
echo 'something is said' >&2
exit $status
"""


@pytest.fixture
def begun(tmp_path, monkeypatch):
  """Returns a function that tells which parts were begun since it was asked
  last; one part fails."""
  python, file = tmp_path / 'python', tmp_path / 'begun'
  python.write_text(STAND_IN)
  python.chmod(0o755)
  monkeypatch.setattr(sys, 'executable', str(python))
  monkeypatch.setenv('BEGUN', str(file))
  monkeypatch.setattr(
    parts,
    'parts_for',
    lambda machine, here: [
      Part('quick', ('input', '--size=0'), 10),
      Part('broken', ('input', '--size=3'), 10),
      Part('slow', ('input', '--size=00'), 1000),
    ],
  )

  def since() -> list[str]:
    lines = file.read_text().splitlines() if file.exists() else []
    file.write_text('')
    return [line.rpartition('=')[2] for line in lines]

  return since


def measure(output, *arguments):
  return run_command(
    'all', f'--output={output}', *arguments, package='benchmarks'
  )


def test_parts_are_done_once(tmp_path, begun):
  output = tmp_path / 'out' / 'rows.jsonl'
  first = measure(output, '--seconds=100')
  # What failed comes again, once, behind the others; what does not fit waits.
  assert begun() == ['0', '3', '3']
  assert first.status == 75
  assert 'all: left are slow; the same command goes on' in first.stderr
  rows = [json.loads(line) for line in output.read_text().splitlines()]
  assert rows[0] == {
    'part': 'quick',
    'benchmark': 'input',
    'job': '0',
    'batches_per_s': 2.5,
  }
  assert (rows[1]['part'], 'done' in rows[1]) == ('quick', True)
  assert rows[3]['failed'].startswith('status 3 after ')
  log_file = output.with_suffix('.log')
  log = log_file.read_text()
  assert 'a table' in log
  assert 'something is said' in log

  # A row that was broken off is none.
  with output.open('a') as file:
    file.write('{"part": "slow", "ben')
  again = measure(output)
  assert begun() == ['00']
  assert again.status == 2
  assert f'all: not measured: broken; {log_file} tells why' in again.stderr
  table = again.stdout
  assert table == output.with_suffix('.md').read_text()
  # Of the part that was begun twice the last rows.
  assert [line.split()[1] for line in table.splitlines() if '2.5' in line] == [
    '0',
    '3',
    '00',
  ]
  assert measure(output).status == 2
  assert begun() == []


def test_what_took_too_long_goes_on_later(tmp_path, begun, monkeypatch):
  monkeypatch.setenv('SLOW', '1')
  monkeypatch.setattr(
    parts,
    'parts_for',
    lambda machine, here: [Part('long', ('input', '--size=0'), 0)],
  )
  output = tmp_path / 'rows.jsonl'
  finished = measure(output)
  assert finished.status == 2
  rows = [json.loads(line) for line in output.read_text().splitlines()]
  ends = [row for row in rows if 'ended' in row]
  assert [row['part'] for row in ends] == ['long'] * 3
  assert 'status -15' in ends[0]['ended']


def test_what_goes_on_is_begun_with_less_time(tmp_path, begun, monkeypatch):
  monkeypatch.setattr(
    parts,
    'parts_for',
    lambda machine, here: [
      Part('run', ('input', '--size=0'), 1000, goes_on=True),
      Part('other', ('input', '--size=00'), 1000),
    ],
  )
  output = tmp_path / 'rows.jsonl'
  assert measure(output, '--seconds=80').status == 75
  assert begun() == []
  assert measure(output, '--seconds=100').status == 75
  assert begun() == ['0']


def test_what_goes_on_may_be_stopped_often(tmp_path, begun, monkeypatch):
  monkeypatch.setenv('SLOW', '1')
  monkeypatch.setattr(
    parts,
    'parts_for',
    lambda machine, here: [
      Part('run', ('input', '--size=0'), 1, goes_on=True),
    ],
  )
  output = tmp_path / 'rows.jsonl'
  for _ in range(4):
    finished = measure(output, '--seconds=2')
    assert finished.status == 75
    assert 'left are run' in finished.stderr
  rows = [json.loads(line) for line in output.read_text().splitlines()]
  assert ['stopped' in row for row in rows] == [True] * 4


def test_who_ends_it_ends_the_part_under_way(tmp_path, begun, monkeypatch):
  monkeypatch.setenv('SLOW', '1')
  pid_file, log = tmp_path / 'begun.pid', tmp_path / 'rows.log'

  def end_when_begun():
    deadline = time.monotonic() + 30
    # Until what the part says was read: a process that has only just begun is
    # not known to the one that began it.
    while not log.exists() or 'begun' not in log.read_text():
      if time.monotonic() > deadline:
        return
      time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)

  thread = threading.Thread(target=end_when_begun)
  thread.start()
  finished = measure(tmp_path / 'rows.jsonl')
  thread.join()
  assert finished.status == 75
  assert finished.stderr.endswith(
    'all: stopped by SIGTERM in a part; the same command goes on\n'
  )
  with pytest.raises(ProcessLookupError):
    os.kill(int(pid_file.read_text()), 0)
  assert begun() == []
  monkeypatch.delenv('SLOW')
  assert measure(tmp_path / 'rows.jsonl', '--parts=quick').status == 0


def test_a_slower_machine_has_more_time(tmp_path, begun):
  output = tmp_path / 'rows.jsonl'
  listed = measure(output, '--slower=2.5', '--list')
  assert [line.partition(':')[0] for line in listed.lines] == [
    'quick (25 s)',
    'broken (25 s)',
    'slow (2500 s)',
  ]
  # So not even the quick ones fit.
  assert measure(output, '--slower=2.5', '--seconds=20').status == 75
  assert begun() == []


def test_some_parts(tmp_path, begun):
  assert measure(tmp_path / 'rows', '--parts=slow').status == 0
  assert begun() == ['00']
  wrong = measure(tmp_path / 'rows', '--parts=quik')
  assert wrong.status == 2
  assert wrong.stderr == (
    "all: --parts: expected some of quick, broken, slow, found 'quik'. Did "
    "you mean 'quick'?\n"
  )


@pytest.mark.parametrize('machine', ['cpu', 'gpu'])
def test_parts_are_whole(machine, tmp_path):
  (tmp_path / 'train.en.gz').touch()
  here = Here(str(tmp_path), str(tmp_path), 'work', 'out', micro=False)
  found = parts.parts_for(machine, here)
  names = [part.name for part in found]
  assert len(set(names)) == len(names)
  for part in found:
    assert (ROOT / 'benchmarks' / f'{part.command[0]}.py').is_file()
    assert part.seconds <= 540
  tried = parts.parts_for(machine, dataclasses.replace(here, micro=True))
  assert [part.name for part in tried] == names


# Tells its arguments and the packages that it sees.
SHELL_STAND_IN = """#!/bin/sh
echo "$2 $* $PYTHONPATH"
case "$*" in *pip*) mkdir -p runs/here/site ;; esac
"""


def test_the_script_goes_on_with_what_is_done(tmp_path):
  checkout = tmp_path / 'checkout'
  (checkout / 'benchmarks').mkdir(parents=True)
  script = checkout / 'benchmarks' / 'accelerator.sh'
  shutil.copy(ROOT / 'benchmarks' / 'accelerator.sh', script)
  python = tmp_path / 'python'
  python.write_text(SHELL_STAND_IN)
  python.chmod(0o755)
  done = tmp_path / 'done'
  done.mkdir()
  (done / 'rows.jsonl').write_text('{"part": "base alone", "done": 3}\n')
  environment = os.environ | {
    'PYTHON': str(python),
    'OUT': str(tmp_path / 'out'),
    'DONE': str(done),
    'WORK': 'runs/here',
    'WHEELS': 'wheels',
    'SIZES': 'micro',
    'PARTS': 'installed',
    'SECONDS_LEFT': '100',
  }
  result = subprocess.run(
    ['bash', script, 'text'],
    env=environment,
    capture_output=True,
    text=True,
    check=True,
  )
  pip, installed, measured = result.stdout.splitlines()
  assert pip.startswith('pip -m pip install -q --no-index')
  assert installed.startswith('benchmarks.installed ')
  for flag in (
    '--on=gpu',
    f'--output={tmp_path}/out/rows.jsonl',
    '--work=runs/here',
    '--text=text',
    '--parts=installed',
    '--micro',
  ):
    assert f' {flag} ' in measured
  seconds = int(measured.rpartition('--seconds=')[2].split()[0])
  assert 90 <= seconds <= 100
  assert f'{checkout}/runs/here/site' in measured
  rows = tmp_path / 'out' / 'rows.jsonl'
  assert rows.read_text() == (done / 'rows.jsonl').read_text()


@pytest.mark.slow
def test_the_script_measures_everything_in_little(tmp_path):
  """All parts of a GPU on whatever is here; three minutes on a CPU."""
  for name, count in (('train', 300), ('val', 20), ('test_2016_flickr', 5)):
    pairs = [*grammar.generate('train', 1, count)]
    for side, language in enumerate(('en', 'de')):
      lines = ''.join(pair[side] + '\n' for pair in pairs)
      (tmp_path / f'{name}.{language}').write_text(lines)
  for name in ('test_2017_flickr', 'test_2017_mscoco'):
    for language in ('en', 'de'):
      text = (tmp_path / f'test_2016_flickr.{language}').read_text()
      (tmp_path / f'{name}.{language}').write_text(text)
  environment = os.environ | {
    'PYTHON': sys.executable,
    'OUT': str(tmp_path / 'out'),
    'WORK': str(tmp_path / 'work'),
    'SIZES': 'micro',
    'SECONDS_LEFT': '3000',
  }

  def script():
    return subprocess.run(
      ['bash', ROOT / 'benchmarks' / 'accelerator.sh', tmp_path],
      env=environment,
      capture_output=True,
      text=True,
      check=False,
    )

  finished = script()
  log = (tmp_path / 'out' / 'rows.log').read_text()
  assert finished.returncode == 0, finished.stderr + log
  rows = tmp_path / 'out' / 'rows.jsonl'
  before = rows.read_text()
  found = [json.loads(line) for line in before.splitlines()]
  assert [row['part'] for row in found if 'failed' in row] == []
  assert {row['benchmark'] for row in found if 'benchmark' in row} == {
    'installed',
    'train',
    'decode',
    'recipe',
    'profile',
    'startup',
    'input',
    'packing',
  }
  assert script().returncode == 0
  assert rows.read_text() == before
