"""COMET, through a module that stands for its package."""

import re
import textwrap

import pytest

from t2t_jax.errors import UsageError
from t2t_jax.evaluation.comet_metric import CometMetric
from t2t_jax.evaluation.metrics import result_line

MODEL = 'Unbabel/wmt22-comet-da'

# Scores a sentence by the share of its source's number of words that
# translation and reference have in common; prints where it must not.
PACKAGE = """
  import types

  def download_model(name):
    if name != 'Unbabel/wmt22-comet-da':
      raise KeyError(f"Model '{name}' not supported by COMET.")
    return '/cache/model.ckpt'

  def load_from_checkpoint(path):
    print('loading', path)
    return Words(path)

  class Words:
    def __init__(self, path):
      self.path = path

    def predict(self, samples, batch_size, gpus, progress_bar):
      print('predicting')
      assert progress_bar is False
      if samples[0]['mt'] == 'fail':
        raise RuntimeError('out of memory')
      if samples[0]['mt'] == 'path':
        return types.SimpleNamespace(scores=[len(self.path), gpus])
      return types.SimpleNamespace(scores=[
        len(set(row['mt'].split()) & set(row['ref'].split()))
        / len(row['src'].split())
        for row in samples
      ])
"""


@pytest.fixture
def comet(tmp_path, monkeypatch):
  """The package where a new Python finds it."""
  (tmp_path / 'comet.py').write_text(textwrap.dedent(PACKAGE))
  metadata = tmp_path / 'unbabel_comet-2.2.7.dist-info'
  metadata.mkdir()
  (metadata / 'METADATA').write_text('Name: unbabel-comet\nVersion: 2.2.7\n')
  monkeypatch.setenv('PYTHONPATH', str(tmp_path))


def test_the_score_is_the_mean_of_the_sentences(comet, capfd):
  metric = CometMetric(MODEL)
  sources = ['ü t', 'u', 'v']
  counts = metric.counts(['ä b', '', 'x'], ['ä c', 'b', 'x'], sources)
  assert counts.tolist() == [[0.5, 1], [0, 1], [1, 1]]
  assert metric.score(counts.sum(0)) == 0.5
  assert metric.score(counts[:2].sum(0)) == 0.25
  assert result_line(metric, counts.sum(0)) == (
    f'COMET = 0.5000 (model:{MODEL}|version:unbabel-comet-2.2.7)'
  )
  # The next test set, by the same process.
  assert metric.counts(['a'], ['a'], ['s']).tolist() == [[1, 1]]
  # What the package printed went to standard error.
  out, err = capfd.readouterr()
  assert out == ''
  assert err == 'loading /cache/model.ckpt\npredicting\npredicting\n'


def test_a_checkpoint_file_is_loaded_without_a_download(comet, tmp_path):
  path = tmp_path / 'model.ckpt'
  path.write_bytes(b'')
  metric = CometMetric(str(path), gpus=2)
  counts = metric.counts(['path', ''], ['', ''], ['', ''])
  assert counts[:, 0].tolist() == [len(str(path)), 2]


def assert_refuses(message):
  return pytest.raises(UsageError, match=f'^{re.escape(message)}$')


def test_no_package():
  with assert_refuses(
    f"--comet={MODEL}: needs unbabel-comet (No module named 'comet'); install "
    'it in an environment of its own and name that by '
    '--comet_python=PATH/bin/python'
  ):
    CometMetric(MODEL)


def test_no_such_python():
  with assert_refuses('--comet_python=/none/python: No such file or directory'):
    CometMetric(MODEL, '/none/python')


def test_no_such_model(comet):
  with assert_refuses(
    '--comet=mine: KeyError: "Model \'mine\' not supported by COMET."'
  ):
    CometMetric('mine')


def test_a_model_that_fails(comet):
  with assert_refuses(f'--comet={MODEL}: RuntimeError: out of memory'):
    CometMetric(MODEL).counts(['fail'], ['a'], ['a'])


def test_a_python_that_is_none():
  with assert_refuses(f'--comet={MODEL}: ended without an answer'):
    CometMetric(MODEL, '/bin/true')


def test_no_sources(comet):
  with assert_refuses('--comet: needs the sources too; give --source=FILE'):
    CometMetric(MODEL).counts(['a'], ['a'], None)
