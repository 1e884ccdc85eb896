"""The commands export and import_weights, on the workdir of a tiny run."""

import json

import pytest
from run_command import run_command

LINES = 'The dog sleeps.\nA small child sees the big house.\n'


@pytest.fixture
def lines(tmp_path):
  (tmp_path / 'lines.en').write_text(LINES)
  return f'--verify={tmp_path / "lines.en"}'


def assert_refuses(name, arguments, message):
  finished = run_command(name, *arguments)
  assert finished.status == 2
  assert finished.stderr == f'{name}: {message}\n'


def test_ctranslate2(trained, tmp_path, lines):
  flags = (
    '--format=ctranslate2',
    f'--output={tmp_path / "out"}',
    '--checkpoint=latest',
  )
  finished = run_command('export', trained.flag, *flags, lines)
  assert finished.status == 0, finished.stderr
  assert finished.lines[0] == (
    f'{tmp_path / "out"}: checkpoint 4 as ctranslate2'
  )
  assert 'CTranslate2: 2 of 2 translations have the same' in finished.lines[1]
  assert_refuses(
    'export',
    (trained.flag, *flags),
    f'--output={tmp_path / "out"}: expected a new or an empty directory, '
    'found files in it',
  )


def test_sides_that_differ_are_status_1(trained, tmp_path, lines, monkeypatch):
  monkeypatch.setattr('t2t_jax.exchange.exporting.TOLERANCE', 0.0)
  flags = ('--format=ctranslate2', f'--output={tmp_path / "out"}', lines)
  finished = run_command('export', trained.flag, *flags)
  assert finished.status == 1
  assert finished.stderr.endswith('lines.en: the two sides differ\n')


def test_to_marian_and_back(trained, tmp_path):
  """The quickstart's model is pre-norm, which MarianMT is not."""
  finished = run_command(
    'export', trained.flag, '--format=marian', f'--output={tmp_path / "out"}'
  )
  if finished.status == 2:
    assert 'cannot express config.model.norm_position' in finished.stderr
    return
  finished = run_command(
    'import_weights', f'--from={tmp_path / "out"}', f'--workdir={tmp_path}/run'
  )
  assert finished.status == 0, finished.stderr
  assert json.loads((tmp_path / 'run' / 'config.json').read_text())


def test_mistakes(trained, tmp_path):
  assert_refuses(
    'export',
    (trained.flag,),
    '--format: expected ctranslate2, marian, stablehlo or safetensors, found '
    'none',
  )
  assert_refuses(
    'export',
    (trained.flag, '--format=marian'),
    '--output: expected a directory, found none',
  )
  output = f'--output={tmp_path / "out"}'
  assert_refuses(
    'export',
    (trained.flag, '--format=marian', output, '--verify=nowhere'),
    '--verify=nowhere: No such file or directory',
  )
  (tmp_path / 'empty').write_text('')
  empty = f'--verify={tmp_path / "empty"}'
  assert_refuses(
    'export',
    (trained.flag, '--format=marian', output, empty),
    f'{tmp_path / "empty"}: expected lines of text, found none',
  )
  assert_refuses(
    'import_weights',
    ('--workdir=w',),
    '--from: expected a MarianMT folder, found none',
  )
  assert_refuses(
    'import_weights',
    ('--from=nowhere', '--workdir=w'),
    '--from=nowhere: no such directory',
  )
