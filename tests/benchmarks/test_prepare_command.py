"""The benchmark of preparation, and the text that it can be given."""

import json

import pytest
from run_command import run_command

from benchmarks.variation import vary

GIVEN = [(f'Satz {n} ist hier', f'sentence {n} is here') for n in range(12)]


def _write(directory):
  for side, name in enumerate(('a.de', 'a.en')):
    text = ''.join(pair[side] + '\n' for pair in GIVEN)
    (directory / name).write_text(text)
  return (
    f'--source={directory}/a.de',
    f'--target={directory}/a.en',
  )


def test_a_row_for_each_stage(tmp_path):
  finished = run_command(
    'prepare',
    *_write(tmp_path),
    '--vocabulary_size=300',
    '--plan_pairs=3000',
    package='benchmarks',
  )
  assert finished.status == 0, finished.stderr
  rows = [json.loads(line) for line in finished.lines if line[0] == '{']
  assert [(row['stage'], row['pairs']) for row in rows] == [
    ('read', 12),
    ('vocabulary', 12),
    ('clean, with hashes', 12),
    ('encode, whole lines', 12),
    ('encode', 12),
    ('write', 12),
    ('all of it', 12),
    ('epoch plan', 3000),
  ]
  assert rows[-1]['peak_mib'] > 0
  assert finished.lines[-1].startswith('| epoch plan')


def test_one_side_alone():
  finished = run_command('prepare', '--source=a', package='benchmarks')
  assert finished.status == 2
  assert '--source: expected with --target, found one of both' in (
    finished.stderr
  )


def test_varied_pairs_are_different_and_aligned():
  pairs = list(vary(GIVEN, 132, rare=3, seed=1))
  assert len(set(pairs)) == 132
  assert pairs == list(vary(GIVEN, 132, rare=3, seed=1))
  assert pairs != list(vary(GIVEN, 132, rare=3, seed=2))
  numbers = [
    [{word for word in side.split() if word.isdigit()} for side in pair]
    for pair in vary(GIVEN, 132, rare=1000, seed=1)
  ]
  # The same on both sides; a made-up word may have taken one's place.
  assert sum(bool(source & target) for source, target in numbers) > 120


def test_varied_text_as_files(tmp_path):
  finished = run_command(
    'varied_text',
    *_write(tmp_path),
    '--pairs=100',
    f'--output={tmp_path}/out',
    package='benchmarks',
  )
  assert finished.status == 0, finished.stderr
  for name in ('train.de', 'train.en'):
    assert (tmp_path / 'out' / name).read_text().count('\n') == 100


@pytest.mark.parametrize(
  'flags, message',
  [
    (['--pairs=133'], '--pairs: 12 different pairs give at most 132, found 13'),
    (
      ['--target='],
      '--target: expected one file for each of the 1 of --source',
    ),
  ],
)
def test_mistakes(tmp_path, flags, message):
  finished = run_command(
    'varied_text',
    *_write(tmp_path),
    f'--output={tmp_path}/out',
    *flags,
    package='benchmarks',
  )
  assert finished.status == 2
  assert message in finished.stderr
  assert 'Traceback' not in finished.stderr
