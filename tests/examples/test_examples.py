"""Every script of examples/ runs, and prints and writes what it says."""

import ast
import json
import math
import pathlib
import runpy
import sys
import threading
import urllib.request

import pytest
from tiny_run import read_rows

from t2t_jax import Translator, UsageError, Workdir

EXAMPLES = pathlib.Path(__file__).parents[2] / 'examples'
SCRIPTS = sorted(EXAMPLES.glob('*.py'))
SENTENCE = 'the red cats see'


@pytest.fixture
def run(monkeypatch, capsys):
  """Runs `python examples/NAME.py ARGUMENTS` here; returns what it printed."""

  def run(name, *arguments):
    monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / f'{name}.py'), run_name='__main__')
    return capsys.readouterr().out.split('\n')[:-1]

  return run


# --- with a trained model -----------------------------------------------------


def test_translate_in_three_lines(run, workdir):
  lines = run('translate_in_three_lines', workdir, SENTENCE, 'blue dogs')
  assert len(lines) == 2
  assert all(lines)


def test_plot_attention(run, workdir, tmp_path):
  output = tmp_path / 'attention.html'
  *rows, columns, told = run('plot_attention', workdir, SENTENCE, output)
  assert columns.split() == ['th', 're', 'ca', 'se', '</']
  assert rows[-1].split()[0] == '</s>'
  assert all(set(row[-15:]) <= set(' ░▒▓█') for row in rows)
  assert told == f'wrote {output}'
  assert output.read_text().startswith('<!DOCTYPE html>')


@pytest.mark.slow
def test_plot_attention_as_a_picture(run, workdir, tmp_path):
  pytest.importorskip('matplotlib')
  run('plot_attention', workdir, SENTENCE, tmp_path / 'attention.png')
  assert (tmp_path / 'attention.png').read_bytes()[1:4] == b'PNG'


def test_rescore_n_best(run, workdir):
  rows = [
    [float(figure) for figure in line.split()[:3]]
    for line in run('rescore_n_best', workdir, workdir, SENTENCE, '0.5')
  ]
  assert len(rows) == 4
  assert rows == sorted(rows, reverse=True)
  for total, mine, theirs in rows:
    assert total == pytest.approx(mine + 0.5 * theirs, abs=2e-3)


def test_minimum_bayes_risk(run, workdir):
  *drawn, by_chrf, by_words = run('minimum_bayes_risk', workdir, SENTENCE, 8)
  counts = [int(line.split(' x ')[0]) for line in drawn]
  assert 1 <= sum(counts) <= 8
  assert 0 < float(by_chrf.split()[2].rstrip(':')) <= 100
  assert by_words.startswith('by shared words: ')


@pytest.mark.slow
def test_constrained(run, workdir):
  free, prefix, phrase = (
    line.split(maxsplit=2)
    for line in run('constrained', workdir, SENTENCE, 'der dogs', 'seht')
  )
  assert [free[0], prefix[0], phrase[0]] == ['free', 'prefix', 'phrase']
  assert prefix[2].startswith('der dogs')
  assert 'seht' in phrase[2]


def test_sentence_vectors(run, workdir):
  """Padding, which the longest sentence brings, changes nothing."""
  lines = run(
    'sentence_vectors', workdir, SENTENCE, 'blue dogs', SENTENCE, 'the ' * 9
  )
  cosines = [float(line.split()[0]) for line in lines]
  assert cosines[0] == cosines[2] == 1
  assert cosines[1] < 1
  alone = run('sentence_vectors', workdir, SENTENCE, 'blue dogs')
  assert float(alone[1].split()[0]) == pytest.approx(cosines[1], abs=2e-3)


def test_back_translation(run, workdir, tmp_path):
  (tmp_path / 'lines').write_text(f'{SENTENCE}\n\nblue dogs\n')
  [told] = run('back_translation', workdir, tmp_path / 'lines', tmp_path / 'o')
  sources = (tmp_path / 'o.source').read_text().split('\n')[:-1]
  targets = (tmp_path / 'o.target').read_text().split('\n')[:-1]
  assert told.startswith(f'{len(targets)} of 3 lines')
  assert len(sources) == len(targets)
  assert set(targets) <= {SENTENCE, 'blue dogs'}


def test_serve(workdir):
  module = runpy.run_path(str(EXAMPLES / 'serve.py'))
  translator = Translator.from_workdir(workdir)
  server = module['make_server'](translator, 0)
  threading.Thread(target=server.handle_request).start()
  lines = [SENTENCE, 'blue <dogs> ü']
  direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
  address = f'http://localhost:{server.server_port}'
  with direct.open(address, '\n'.join(lines).encode(), 60) as answer:
    found = [json.loads(line) for line in answer]
  server.server_close()
  assert [one['text'] for one in found] == [
    translation.text for translation in translator.translate(lines)
  ]


# --- training -----------------------------------------------------------------


def test_length_buckets(run, tiny_configs):
  lines = run('length_buckets', 'configs/quickstart.py')
  start = next(i for i, line in enumerate(lines) if 'updates an' in line)
  updates = float(lines[start].split()[2])
  shapes = [line.split() for line in lines[start:] if ' rows of ' in line]
  per_epoch = [float(words[words.index('batches') - 1]) for words in shapes]
  assert sum(per_epoch) == pytest.approx(updates, abs=0.1)
  assert all(int(words[0]) * int(words[3]) <= 512 for words in shapes)
  assert lines[-1].count(' | ') == 1


@pytest.mark.slow
def test_own_layer(run, tiny_configs, tmp_path):
  lines = run('own_layer', tmp_path, 4)
  for name in ('paper', 'own'):
    [dev] = [
      line for line in lines if line.startswith(name) and 'dev nll' in line
    ]
    assert math.isfinite(float(dev.split()[dev.split().index('nll') + 1]))
  assert Workdir(tmp_path / 'own').read_run()['modules'] == {
    'feed_forward': 'GatedFeedForward',
    'norm': 'rms_norm',
  }
  assert 'modules' not in Workdir(tmp_path / 'paper').read_run()
  with pytest.raises(
    UsageError,
    match=r'trained with, feed_forward=GatedFeedForward, norm=rms_norm, '
    r"found the paper's; only Python takes",
  ):
    Translator.from_workdir(tmp_path / 'own')


@pytest.mark.slow
def test_custom_training_loop(run, tiny_configs):
  lines = run('custom_training_loop', 120)
  losses = [float(line.split()[-1]) for line in lines if ': loss ' in line]
  assert len(losses) == 4  # updates 1, 51, 101, 120
  assert losses[-1] < losses[0] - 1


@pytest.mark.slow
def test_train_on_own_pairs(run, tmp_path):
  """It learns, with the settings that the script shows."""
  script = runpy.run_path(str(EXAMPLES / 'train_on_own_pairs.py'))
  assert script['in_words'](407) == 'four hundred and seven'
  assert script['in_words'](80) == 'eighty'
  lines = run('train_on_own_pairs', tmp_path / 'run')
  [told] = [line for line in lines if 'unseen numbers' in line]
  assert int(told.split()[0]) >= 90


@pytest.mark.slow
def test_fine_tune(run, workdir, tmp_path):
  (tmp_path / 'in').write_text(f'{SENTENCE}\n' * 60)
  (tmp_path / 'out').write_text('small dogs see the big cats\n' * 60)
  tuned = tmp_path / 'tuned'
  lines = run(
    'fine_tune', workdir, tmp_path / 'in', tmp_path / 'out', tuned, 100
  )
  for name, line in zip((workdir, tuned), lines[-2:], strict=True):
    assert line.startswith(f'{name}: BLEU = ')
  assert Workdir(tuned).read_config().training.init_from == workdir
  first, *_, last = read_rows(tuned, 'train')
  assert last['nll'] < first['nll'] - 0.1


# --- the gallery --------------------------------------------------------------


@pytest.mark.parametrize('script', SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_how_it_is_run(script):
  docstring = ast.get_docstring(ast.parse(script.read_text())) or ''
  assert f'  python examples/{script.name}' in docstring
  assert f'[{script.name}]({script.name})' in (
    EXAMPLES / 'README.md'
  ).read_text(encoding='utf-8')


def test_every_script_has_a_test():
  tests = {name.removeprefix('test_') for name in globals()}
  assert {script.stem for script in SCRIPTS} <= tests
