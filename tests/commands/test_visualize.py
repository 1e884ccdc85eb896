"""visualize: pages, pictures and alignments of a tiny run's model."""

import json
import re

import pytest
from run_command import run_command

LINES = ['The dog sleeps.', 'He runs.']


def _visualize(trained, *arguments, **options):
  finished = run_command('visualize', trained.flag, *arguments, **options)
  assert finished.status == 0, finished.stderr
  return finished


def test_a_page_of_the_models_translation(trained, tmp_path):
  output = tmp_path / 'a.html'
  finished = _visualize(
    trained, f'--source={LINES[0]}', f'--output={output}', '--heads=2'
  )
  assert finished.stderr == (
    f'attention of average of checkpoints 2, 4\nwrote {output}\n'
  )
  page = output.read_text()
  data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
  assert data['start']['heads'] == [1]
  translated = run_command(
    'translate', trained.flag, stdin=LINES[0].encode()
  ).lines
  assert data['sentences'][0]['texts'] == [LINES[0], *translated]


def test_alignments_of_lines(trained, tmp_path):
  (tmp_path / 'in').write_text('\n'.join([LINES[0], '', 'x ' * 500, LINES[1]]))
  (tmp_path / 'de').write_text('Der Hund schläft.\n\nx\nEr rennt jetzt.\n')
  arguments = [
    f'--source=@{tmp_path / "in"}',
    f'--target=@{tmp_path / "de"}',
  ]
  finished = _visualize(trained, *arguments, '--output=-')
  assert re.search(
    r'\nsentence 3: not aligned: source of \d+ tokens, expected at most \d+\n',
    finished.stderr,
  )
  rows = [line.split() for line in finished.lines]
  assert [[link.split('-')[1] for link in row] for row in rows] == [
    ['0', '1', '2'],
    [],
    [],
    ['0', '1', '2'],
  ]
  sources = [
    int(link.split('-')[0]) for row in (rows[0], rows[3]) for link in row
  ]
  assert all(0 <= source < 3 for source in sources)
  sure = _visualize(trained, *arguments, '--output=-', '--threshold=1')
  assert sure.lines == [''] * 4
  output = tmp_path / 'a.pharaoh'
  _visualize(trained, *arguments, f'--output={output}')
  assert output.read_text() == finished.stdout


def test_a_picture(trained, tmp_path):
  pytest.importorskip('matplotlib')
  output = tmp_path / 'a.png'
  _visualize(
    trained,
    '--source=He runs.',
    '--target=Er rennt.',
    f'--output={output}',
    '--kind=encoder',
    '--level=piece',
  )
  assert output.read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize(
  'arguments, message',
  [
    ([], '--source: expected a sentence or @FILE, found none'),
    (
      ['--source=a', '--output=a.pdf'],
      '--output: expected FILE.html, FILE.png, FILE.pharaoh or -, found '
      "'a.pdf'",
    ),
    (
      ['--source=a', '--output='],
      '--output: expected FILE.html, FILE.png, FILE.pharaoh or -, found none',
    ),
    (
      ['--source=a', '--output=absent/a.png'],
      '--output=absent/a.png: expected a directory absent, found none',
    ),
    (
      ['--source=a', '--kind=encodr'],
      "--kind: expected cross or encoder or decoder, found 'encodr'. "
      "Did you mean 'encoder'?",
    ),
    (
      ['--source=a', '--level=line'],
      "--level: expected word or piece, found 'line'.",
    ),
    (['--source=a', '--layer=2'], "--layer: expected 1 to 1, found '2'"),
    (['--source=a', '--heads=1,3'], "--heads: expected 1 to 2, found '3'"),
    (['--source=a', '--heads=x'], "--heads: expected 1 to 2, found 'x'"),
    (
      ['--source=a', '--heads='],
      '--heads: expected numbers from 1 to 2, found none',
    ),
    (
      ['--source=@missing.txt'],
      '--source=missing.txt: No such file or directory',
    ),
    (
      ['--source=@-', '--target=a'],
      '--target: expected 0 lines, as in --source, found 1',
    ),
    (
      ['--source=a', '--target=@./a.html'],
      '--output=a.html: is the --target, which would be lost',
    ),
    (
      ['--source=@-', '--target=@-'],
      '--target=-: standard input can be read once, and was read already',
    ),
    (
      ['--source=a', '--threshold=2'],
      'flag --threshold=2: 2.0 is not a number in the range [0.0, 1.0]',
    ),
  ],
)
def test_mistakes_are_one_line(trained, arguments, message):
  finished = run_command(
    'visualize', trained.flag, '--output=a.html', *arguments
  )
  assert finished.stderr == f'visualize: {message}\n'
  assert (finished.status, finished.stdout) == (2, '')


def test_a_page_needs_a_sentence_and_a_picture_no_more_than_one(
  trained, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  nothing = run_command(
    'visualize', trained.flag, '--source=  ', '--output=a.html'
  )
  assert nothing.status == 2
  assert nothing.stderr.endswith(
    'sentence 1: left out: it is empty\n'
    'visualize: --source: expected a sentence to show, found none\n'
  )
  pytest.importorskip('matplotlib')
  two = run_command(
    'visualize',
    trained.flag,
    '--source=@-',
    '--output=a.png',
    stdin='\n'.join(LINES).encode(),
  )
  assert two.stderr.endswith(
    'visualize: --output=a.png: a picture shows one sentence, found 2 in '
    '--source; write .html\n'
  )
