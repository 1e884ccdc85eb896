"""A parser end to end: it learns a grammar's trees, and is asked for some."""

import json
import re
import types

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache
from run_command import run_command

from t2t_jax.data import trees
from t2t_jax.data.linear_trees import restore

DETERMINERS, NOUNS, VERBS = ('the', 'a'), ('dog', 'cat', 'end'), ('sees', 'is')
LINES = ['the dog sees a cat .', '', 'a (strange) line']
_TINY = {
  'model.d_model': 32,
  'model.d_ff': 64,
  'model.d_k': 8,
  'model.d_v': 8,
  'model.num_heads': 2,
  'model.num_encoder_layers': 1,
  'model.num_decoder_layers': 1,
  'data.max_tokens': 48,
  'vocabulary.kind': 'segmented',
  'training.steps': 200,
  'training.global_batch_tokens': 512,
  'training.max_shapes': 1,
  'optimizer.peak_learning_rate': 0.01,
  'optimizer.warmup_steps': 20,
  'checkpoint.every_steps': 100,
  'evaluation.every_steps': 200,
  'evaluation.bleu_beam_size': 3,  # the search is compiled once
  'decoding.beam_size': 3,
  'decoding.max_decode_length_offset': 9,
  'logging.tensorboard': 'false',
}
pytestmark = pytest.mark.slow


def treebank():
  """Every sentence of a grammar, its trees spread over lines."""
  for one in DETERMINERS:
    for subject in NOUNS:
      for verb in VERBS:
        for thing in NOUNS:
          yield (
            f'(ROOT (S (NP-SBJ (DT {one}) (NN {subject}))\n  (VP (VB {verb})'
            f' (NP (DT a) (NN {thing}))) (. .)))\n'
          )


@pytest.fixture(scope='module')
def parser(tmp_path_factory):
  """Its workdir's flag, and what its training printed."""
  directory = tmp_path_factory.mktemp('parser')
  for name in ('train', 'dev', 'test'):
    sentences = list(treebank())
    kept = sentences if name == 'train' else sentences[::9]
    (directory / f'{name}.ptb').write_text(''.join(kept))
  before = jax.config.jax_compilation_cache_dir
  finished = run_command(
    'main',
    '--config=configs/parsing.py:small',
    f'--workdir={directory / "run"}',
    f'--config.data.directory={directory}',
    f'--config.data.cache_dir={directory / "cache"}',
    f'--config.logging.compile_cache_dir={directory / "compiled"}',
    *(f'--config.{key}={value}' for key, value in _TINY.items()),
  )
  assert finished.status == 0, finished.stderr
  yield types.SimpleNamespace(
    flag=f'--workdir={directory / "run"}',
    directory=directory,
    finished=finished,
  )
  jax.config.update('jax_compilation_cache_dir', before)
  compilation_cache.reset_cache()


def words_of(text):
  """The words of a well-formed tree; it is read by brackets alone."""
  depths = [0]
  for mark in re.findall('[()]', text):
    depths.append(depths[-1] + (1 if mark == '(' else -1))
  assert depths[-1] == 0 and min(depths[1:-1]) > 0, text
  return re.findall(r' ([^()\s]+)\)', text)


def test_it_learns_every_bracket(parser):
  assert re.search(
    r'^step 200  dev nll .*  bracket F1 100.00  ', parser.finished.stderr, re.M
  )
  for name in ('dev', 'test'):
    assert re.search(
      rf'^{name} bracket F1 = 100.00 \(precision ', parser.finished.stdout, re.M
    )
  rows = (parser.directory / 'run' / 'metrics.jsonl').read_text().splitlines()
  dev = [row for row in map(json.loads, rows) if row['kind'] == 'dev']
  assert [set(row) >= {'nll', 'bracket_f1'} for row in dev] == [True]
  tests = [row for row in map(json.loads, rows) if row['kind'] == 'test']
  assert [row['test_set'] for row in tests] == ['dev', 'test']
  assert all(row['bracket_f1_errors'] == 0 for row in tests)


def test_lines_become_trees_over_their_words(parser):
  stdin = '\n'.join([*LINES, '']).encode()
  plain = run_command('translate', parser.flag, stdin=stdin)
  assert plain.status == 0, plain.stderr
  first, empty, strange = plain.lines
  assert empty == ''
  assert words_of(first) == LINES[0].split()
  assert words_of(strange) == ['a', '-LRB-strange-RRB-', 'line']
  assert first == (
    '(TOP (S (NP (XX the) (XX dog)) '
    '(VP (XX sees) (NP (XX a) (XX cat))) (XX .)))'
  )

  nbest = run_command('translate', parser.flag, '--nbest=2', stdin=stdin)
  fields = [line.split(' ||| ') for line in nbest.lines]
  assert fields[0][:2] == ['0', first]
  for number, text, _ in fields:
    line = LINES[int(number)].replace('(', '-LRB-').replace(')', '-RRB-')
    assert words_of(text) == line.split() if line else text == ''

  as_json = run_command('translate', parser.flag, '--format=json', stdin=stdin)
  value = json.loads(as_json.lines[0])
  assert value['text'] == first
  restored = restore(value['tokens'], LINES[0].split())
  assert trees.write(restored) == first


def test_trees_are_scored_as_targets(parser, tmp_path):
  sentence = LINES[0]
  stdin = f'{sentence}\n'.encode()
  found = run_command('translate', parser.flag, '--format=json', stdin=stdin)
  value = json.loads(found.lines[0])
  (tmp_path / 'source').write_text(sentence + '\n')
  (tmp_path / 'target').write_text(' '.join(value['tokens']) + '\n')
  scored = run_command(
    'score',
    parser.flag,
    f'--source={tmp_path / "source"}',
    f'--target={tmp_path / "target"}',
  )
  assert scored.status == 0, scored.stderr
  score, log_prob, _ = map(float, scored.lines[0].split('\t'))
  assert score == pytest.approx(value['score'], abs=1e-4)
  assert log_prob == pytest.approx(value['log_prob'], abs=1e-4)


def test_evaluate_counts_brackets(parser, tmp_path):
  of_run = run_command(
    'evaluate', parser.flag, f'--output={tmp_path}', '--json'
  )
  assert of_run.status == 0, of_run.stderr
  found = of_run.last_json['test_sets']['test']
  assert found['sentences'] == found['bracket_f1_trees'] == 4
  references = [
    trees.write(tree) for tree in trees.read_file(parser.directory / 'test.ptb')
  ]
  (tmp_path / 'gold').write_text('\n'.join([*references, '']))
  of_files = run_command(
    'evaluate',
    f'--hypothesis={tmp_path / "test.txt"}',
    f'--reference={tmp_path / "gold"}',
    '--metrics=bracket_f1',
    '--json',
  )
  assert of_files.last_json['systems'][0]['bracket_f1'] == found['bracket_f1']
