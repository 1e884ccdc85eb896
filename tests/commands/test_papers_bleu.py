"""`evaluate --workdir` alone tells BLEU as the config's paper counted it."""

import importlib.util
import json
import math
import shutil
import sys

import pytest
from run_command import run_command

from t2t_jax.config_files import load_config

SOURCES = ['The dog sleeps.', 'A small child sees the big house.', 'He runs.']


@pytest.fixture
def of_base(trained, tmp_path):
  """The flag of a workdir that tells what one of base.py does, and more."""
  workdir = shutil.copytree(trained.directory, tmp_path / 'run')
  file = workdir / 'config.json'
  config = json.loads(file.read_text())
  assert config['evaluation']['report'] == ['bleu', 'chrf++', 'ter']
  report = load_config('configs/base.py').evaluation.report
  config['evaluation']['report'] = [*report, 'multi_bleu']
  file.write_text(json.dumps(config))
  return f'--workdir={workdir}'


@pytest.fixture
def files(trained, tmp_path):
  """Flags of sources, and as references what they become after a compound."""
  source, reference = tmp_path / 'en', tmp_path / 'de'
  source.write_text(''.join(f'{line}\n' for line in SOURCES))
  finished = run_command('translate', trained.flag, stdin=source.read_bytes())
  reference.write_text(
    ''.join(f'rich-text {line}\n' for line in finished.lines)
  )
  return f'--source={source}', f'--reference={reference}'


@pytest.mark.skipif(
  importlib.util.find_spec('sacremoses') is None, reason='no sacremoses'
)
def test_the_papers_bleu_needs_no_flags(of_base, files, tmp_path):
  output = tmp_path / 'out'
  finished = run_command(
    'evaluate', of_base, *files, f'--output={output}', '--json'
  )
  assert (finished.status, finished.stderr) == (0, '')
  (scores,) = finished.last_json['test_sets'].values()
  told = ['bleu', 'bleu_compounds', 'chrf++', 'ter', 'multi_bleu']
  assert [key for key in scores if f'{key}_signature' in scores] == told
  assert 'tok:13a' in scores['bleu_signature']
  # All n-grams are found; a compound is one of Moses' tokens, or three.
  length = scores['multi_bleu_hypothesis_length']
  for key, tokens in (('multi_bleu', 1), ('bleu_compounds', 3)):
    ratio = (length + tokens * len(SOURCES)) / length
    assert scores[key] == pytest.approx(100 * math.exp(1 - ratio))
    assert 'tok:moses-de-sacremoses-' in scores[f'{key}_signature']
  # So has the file of the translations, in that language.
  again = run_command(
    'evaluate',
    f'--hypothesis={output}',
    files[1],
    '--direction=en-de',
    '--metrics=bleu_compounds,multi_bleu',
    '--json',
  ).last_json['systems'][0]
  for key in ('bleu_compounds', 'multi_bleu'):
    assert again[key] == scores[key]


def test_a_missing_package_leaves_out_what_only_the_config_asks_for(
  of_base, files, tmp_path, monkeypatch
):
  monkeypatch.setitem(sys.modules, 'sacremoses', None)
  finished = run_command('evaluate', of_base, *files)
  message = (
    'Moses\' tokens need the package sacremoses; pip install "t2t_jax[moses]"\n'
  )
  assert finished.status == 0
  assert finished.stderr == (
    f'bleu_compounds is left out: {message}multi_bleu is left out: {message}'
  )
  names = [line.split(' = ')[0] for line in finished.lines if ' = ' in line]
  assert names[:3] == ['en: BLEU', 'en: chrF2++', 'en: TER']
  for flag in ('--metrics=bleu_compounds', '--tokenize=moses'):
    output = tmp_path / 'out'
    finished = run_command(
      'evaluate', of_base, *files, flag, f'--output={output}'
    )
    assert (finished.status, finished.stderr) == (2, f'evaluate: {message}')
    assert not output.exists()
