"""The command: its records, its table, and mistakes in its flags."""

import gzip
import json

import pytest
from run_command import run_command

from benchmarks import rounds
from benchmarks.sentences import equal_length_groups, file_lengths


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
  monkeypatch.setattr(rounds, 'PAUSE_S', 0)
  # Of the peer's process, which begins jax anew; and where its compile cache
  # lies.
  monkeypatch.setenv('JAX_DISABLE_MOST_OPTIMIZATIONS', '1')
  monkeypatch.setenv('HOME', str(tmp_path))


def decode(*arguments):
  return run_command('decode', *arguments, package='benchmarks')


def test_it_measures_and_tells(tmp_path):
  file = tmp_path / 'lines.gz'
  file.write_bytes(gzip.compress(b'one two three\n\none\none two three four\n'))
  finished = decode(
    '--size=micro',
    '--peers=ours',
    f'--lengths={file}',
    '--sentences=2,0',
    '--beam_size=2',
    '--repeats=2',
    '--max_decode_length_offset=1',
  )
  assert finished.status == 0, finished.stderr
  records = [json.loads(x) for x in finished.lines if x.startswith('{')]
  assert [record['sentences'] for record in records] == [2, 3]
  # With EOS: 4 and 2; 4, 2 and 5.
  assert [record['tokens'] for record in records] == [6, 11]
  for record in records:
    assert (record['benchmark'], record['peer']) == ('decode', 'ours')
    assert (record['size'], record['beam']) == ('micro', 2)
    assert len(record['seconds']) == 2
    assert record['best_s'] == min(record['seconds']) > 0
    assert record['sentences_per_s'] == pytest.approx(
      record['sentences'] / record['median_s'], rel=0.01
    )
    assert {'versions', 'commit', 'cpu', 'threads'} <= set(record)
  header, _, *rows = [x for x in finished.lines if x.startswith('|')]
  assert 'sentences/s' in header
  assert len(rows) == 2


def test_a_peer_that_fails_is_told_of(tmp_path, monkeypatch):
  engine = tmp_path / 'ctranslate2.py'
  engine.write_text("raise RuntimeError('expected AVX,\\n found none')\n")
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.setattr('benchmarks.machine.describe', lambda *packages: {})
  finished = decode('--size=micro', '--peers=ctranslate2')
  why = 'RuntimeError: expected AVX, found none'
  assert finished.status == 1
  assert f'\nctranslate2: failed, {why}\n' in finished.stderr
  record, header, _, row = finished.lines
  assert json.loads(record) == {
    'benchmark': 'decode',
    'size': 'micro',
    'peer': 'ctranslate2',
    'failed': why,
  }
  assert 'failed' in header
  assert why in row


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (
      ['--size=smal'],
      "--size: expected some of tiny, small, base, big, micro, found 'smal'. "
      "Did you mean 'small'?",
    ),
    (
      ['--peers=ours,marian'],
      '--peers: expected some of ours, ours-bfloat16, ctranslate2, '
      'ctranslate2-int8, torch, '
      "found 'marian'.",
    ),
    (
      ['--sentences=64,0'],
      '--sentences: expected numbers above 0 (0, all, needs --lengths), '
      "found '0'",
    ),
    (
      ['--lengths=no.txt'],
      '--lengths=no.txt: expected a text file, found none',
    ),
    (
      ['--lengths=two.txt', '--vocabulary=no.model'],
      '--vocabulary=no.model: expected a SentencePiece model, found none',
    ),
    (
      ['--lengths=two.txt', '--sentences=3', '--size=micro', '--peers=ours'],
      '--sentences: expected at most the 2 lines with tokens of two.txt, '
      'found 3',
    ),
    (
      ['--lengths=long.txt'],
      '--lengths=long.txt: line 2: expected at most 255 tokens, found 256',
    ),
  ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, arguments, message):
  (tmp_path / 'two.txt').write_text('a b\n\nc\n')
  (tmp_path / 'long.txt').write_text('a\n' + 'b ' * 256 + '\n')
  monkeypatch.chdir(tmp_path)
  finished = decode(*arguments)
  assert finished.stderr == f'decode: {message}\n'
  assert (finished.status, finished.stdout) == (2, '')


def test_subwords_count(tmp_path):
  import sentencepiece

  text, model = tmp_path / 'text', tmp_path / 'model'
  text.write_text('red cats see blue dogs\n' * 20)
  sentencepiece.SentencePieceTrainer.train(
    input=str(text), model_prefix=str(model), vocab_size=17, minloglevel=2
  )
  encoder = sentencepiece.SentencePieceProcessor(f'{model}.model')
  expected = len(encoder.encode('red cats see blue dogs')) + 1
  assert expected > 6
  lengths = file_lengths(str(text), f'{model}.model', longest=256)
  assert lengths == [expected] * 20


def test_groups_are_of_equal_length_longest_first():
  assert equal_length_groups([[4, 2], [4, 4, 2], [5, 2]]) == [[1], [0, 2]]
