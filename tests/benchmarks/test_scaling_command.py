"""The scaling table by formula, made in two goes."""

import json

from run_command import run_command

_FLAGS = ('--configs=base', '--batches=0,1024', '--nocompile')


def test_rows_are_made_once(tmp_path):
  output = tmp_path / 'rows.jsonl'
  flags = (*_FLAGS, f'--output={output}', '--topologies=v5e:2x2')
  first = run_command('scaling', *flags, package='benchmarks')
  assert first.status == 0, first.stderr
  rows = [json.loads(line) for line in output.read_text().splitlines()]
  # The config's 25,000 tokens an update, and 1,024 on each of four chips.
  assert [row['shape'] for row in rows] == [[384, 64, 64], [64, 64, 64]]
  assert all(row['devices'] == 4 and row['fits'] for row in rows)
  assert first.lines[2].startswith('| base | 4 (v5e:2x2) | 24,576 | ')

  before = output.read_text()
  again = run_command(
    'scaling',
    *(*_FLAGS, f'--output={output}', '--topologies=v5e:2x2,h200:1x8'),
    package='benchmarks',
  )
  after = output.read_text()
  assert after.startswith(before)
  assert len(after.splitlines()) == 4
  assert again.lines[2] == first.lines[2]
  assert '| base | 8 (h200:1x8) | ' in again.stdout


def test_layers_written_out_are_rows_of_their_own(tmp_path):
  output = tmp_path / 'rows.jsonl'
  flags = (*_FLAGS, f'--output={output}', '--topologies=v5e:2x2')
  run_command('scaling', *flags, package='benchmarks')
  found = run_command(
    'scaling', *flags, '--layers=written_out', package='benchmarks'
  )
  assert found.status == 0, found.stderr
  loop, _, written_out, _ = map(json.loads, output.read_text().splitlines())
  # Formulas do not tell them apart but by the copy of the stacked layers.
  assert loop['key'] != written_out['key']
  assert loop['shape'] == written_out['shape']
  assert found.stdout.count('| base | 4 (v5e:2x2) | ') == 2
