"""benchmarks.translate: a trained model on lines, and mistakes in its flags."""

import json

import pytest
from run_command import run_command

from benchmarks import rounds


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
  monkeypatch.setenv('HOME', str(tmp_path))  # of the compile cache
  monkeypatch.setattr(rounds, 'PAUSE_S', 0)


@pytest.fixture
def text(tmp_path):
  (tmp_path / 'source').write_text('He runs.\nThe dog sees a cat.\nmore\n')
  (tmp_path / 'reference').write_text('Er läuft.\nDer Hund sieht.\nmehr\n')
  return f'--source={tmp_path / "source"}'


def benchmark(*arguments):
  return run_command('translate', *arguments, package='benchmarks')


@pytest.mark.slow
def test_it_measures_and_tells(trained, text):
  pytest.importorskip('ctranslate2')
  finished = benchmark(
    trained.flag,
    text,
    text.replace('source', 'reference'),
    '--peers=ours,ours-likely,ctranslate2',
    '--lines=2',
    '--repeats=2',
    '--length_penalty_alpha=0.5',
  )
  assert finished.status == 0, finished.stderr
  records = [json.loads(x) for x in finished.lines if x.startswith('{')]
  assert [r['peer'] for r in records] == ['ours', 'ours-likely', 'ctranslate2']
  for record in records:
    assert (record['benchmark'], record['lines']) == ('translate', 2)
    assert record['length_penalty_alpha'] == 0.5
    assert len(record['seconds']) == 2
    assert record['lines_per_s'] == pytest.approx(
      2 / record['median_s'], rel=0.01
    )
    assert 0 <= record['bleu'] <= 100
    assert {'versions', 'commit', 'cpu', 'threads'} <= set(record)
  assert 'same_lines' not in records[0]
  assert records[1]['same_lines'] == 1
  # So young a model does not end, and CTranslate2's longest output is longer.
  assert 0 <= records[2]['same_lines'] <= 1
  header, *_ = [x for x in finished.lines if x.startswith('|')]
  assert 'BLEU' in header


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ([], '--workdir: expected the directory of a run, found none'),
    (['--workdir=run'], '--source: expected a text file, found none'),
    (
      ['--workdir=run', '--source=no'],
      '--source: expected a text file, found no',
    ),
    (
      ['--workdir=run', '--source=empty'],
      'empty: expected lines of text, found none',
    ),
    (
      ['--workdir=run', '--source=source', '--reference=short'],
      '--reference: expected 3 lines, as --source has, found 1',
    ),
    (
      ['--workdir=run', '--peers=our'],
      '--peers: expected some of ours, ours-likely, ours-bfloat16, '
      'ours-likely-bfloat16, ctranslate2, ctranslate2-int8, found '
      "'our'. Did you mean 'ours'?",
    ),
  ],
)
@pytest.mark.usefixtures('text')
def test_a_mistake_is_one_line(tmp_path, monkeypatch, arguments, message):
  (tmp_path / 'short').write_text('one\n')
  (tmp_path / 'empty').touch()
  monkeypatch.chdir(tmp_path)
  finished = benchmark(*arguments)
  assert finished.stderr == f'translate: {message}\n'
  assert (finished.status, finished.stdout) == (2, '')
