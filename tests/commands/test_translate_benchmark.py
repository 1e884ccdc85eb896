"""benchmarks.translate: a trained model on lines, and mistakes in its flags."""

import json

import pytest
from run_command import run_command

from benchmarks import rounds


@pytest.fixture(autouse=True)
def quick(monkeypatch):
  monkeypatch.setattr('t2t_jax.cli.use_compile_cache', lambda directory: None)
  monkeypatch.setattr(rounds, 'PAUSE_S', 0)


def benchmark(*arguments):
  return run_command('translate', *arguments, package='benchmarks')


def test_it_measures_and_tells(trained, tmp_path):
  pytest.importorskip('ctranslate2')
  source, reference = tmp_path / 'source', tmp_path / 'reference'
  source.write_text('He runs.\nThe dog sees a cat.\nmore\n')
  finished = benchmark(
    trained.flag, f'--source={source}', '--peers=ours', '--lines=2'
  )
  assert finished.status == 0, finished.stderr
