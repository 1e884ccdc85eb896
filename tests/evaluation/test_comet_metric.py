"""COMET, through a module that stands for its package."""

import importlib.metadata
import re
import sys
import types

import pytest

from t2t_jax.errors import UsageError
from t2t_jax.evaluation.comet_metric import CometMetric
from t2t_jax.evaluation.metrics import result_line

MODEL = 'Unbabel/wmt22-comet-da'


class Words:
  """Scores a sentence by the words that its translation and reference share."""

  def __init__(self, checkpoint):
    self.checkpoint, self.calls = checkpoint, []

  def predict(self, samples, batch_size, gpus, progress_bar):
    assert progress_bar is False
    self.calls.append((samples, gpus))
    scores = [
      len(set(row['mt'].split()) & set(row['ref'].split()))
      / max(1, len(row['src'].split()))
      for row in samples
    ]
    return types.SimpleNamespace(scores=scores, system_score=None)


@pytest.fixture
def comet(monkeypatch):
  """The package's two functions; `loaded` is what was loaded."""
  module = types.ModuleType('comet')
  module.loaded = []

  def download_model(name):
    if name != MODEL:
      raise KeyError(f"Model '{name}' not supported by COMET.")
    return f'/cache/{name}/model.ckpt'

  def load_from_checkpoint(path):
    module.loaded.append(Words(path))
    return module.loaded[-1]

  module.download_model = download_model
  module.load_from_checkpoint = load_from_checkpoint
  monkeypatch.setitem(sys.modules, 'comet', module)
  monkeypatch.setattr(importlib.metadata, 'version', lambda name: f'{name} 2')
  return module


def test_the_score_is_the_mean_of_the_sentences(comet):
  metric = CometMetric(MODEL, gpus=1)
  counts = metric.counts(['a b', '', 'x'], ['a c', 'b', 'x'], ['s t', 'u', 'v'])
  assert counts.tolist() == [[0.5, 1], [0, 1], [1, 1]]
  assert metric.score(counts.sum(0)) == 0.5
  assert metric.score(counts[:2].sum(0)) == 0.25
  assert result_line(metric, counts.sum(0)) == (
    f'COMET = 0.5000 (model:{MODEL}|version:unbabel-comet 2)'
  )
  (model,) = comet.loaded
  assert model.checkpoint == f'/cache/{MODEL}/model.ckpt'
  ((samples, gpus),) = model.calls
  assert samples[0] == {'src': 's t', 'mt': 'a b', 'ref': 'a c'}
  assert (len(samples), gpus) == (3, 1)


def test_a_checkpoint_file_is_loaded_without_a_download(comet, tmp_path):
  path = tmp_path / 'model.ckpt'
  path.write_bytes(b'')
  CometMetric(str(path))
  assert comet.loaded[0].checkpoint == str(path)


def _refuses(message):
  return pytest.raises(UsageError, match=f'^{re.escape(message)}')


def test_no_package(monkeypatch):
  monkeypatch.setitem(sys.modules, 'comet', None)
  with _refuses(f'--comet={MODEL}: needs the package comet (') as error:
    CometMetric(MODEL)
  assert str(error.value).endswith('; pip install unbabel-comet')


def test_no_such_model(comet):
  with _refuses("--comet=mine: cannot be loaded: \"Model 'mine' not supported"):
    CometMetric('mine')


def test_no_sources(comet):
  with _refuses('--comet: needs the sources too; give --source=FILE'):
    CometMetric(MODEL).counts(['a'], ['a'], None)
