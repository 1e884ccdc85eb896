"""Exports of trained models: outputs that end by themselves, weights that mean
something, every variant that training knows."""

import jax
import pytest
from tiny_run import make_config, write_text

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.data.text_files import read_lines
from t2t_jax.decoding.restored import restore
from t2t_jax.exchange.exporting import export, verify
from t2t_jax.training.loop import train

pytestmark = pytest.mark.slow

VARIANTS = {
  'post_norm': {},
  'pre_norm': {'model__norm_position': 'pre'},
  'three_tables': {
    'model__tie_source_target': False,
    'model__tie_softmax': False,
    'model__softmax_bias': True,
  },
  'biases_and_gelu': {
    'model__attention_bias': True,
    'model__activation': 'gelu',
  },
  'learned_and_swish': {
    'model__positions': 'learned',
    'model__activation': 'swish',
  },
  'relative': {'model__positions': 'relative'},
  'narrow_heads': {'model__d_k': 4, 'model__d_v': 4},
}


@pytest.fixture(scope='module')
def text(tmp_path_factory):
  directory = tmp_path_factory.mktemp('text')
  write_text(directory)
  return directory


@pytest.mark.parametrize('name', VARIANTS)
def test_a_trained_model(name, text, tmp_path):
  config = make_config(
    text,
    training__steps=300,
    training__max_shapes=1,
    evaluation__every_steps=300,
    checkpoint__every_steps=100,
    **VARIANTS[name],
  )
  workdir = Workdir(tmp_path / 'run')
  train(config, workdir, lambda line: None)
  model = restore(workdir)
  lines = list(read_lines(text / 'train.en'))
  translations = model.translator().translate(lines)
  assert len({t.text for t in translations}) > len(lines) // 2  # it learned
  for kind in ('ctranslate2', 'stablehlo'):
    export(model, kind, tmp_path / kind)
    for line, agrees in verify(model, kind, tmp_path / kind, lines):
      assert agrees, line
  assert jax.device_count() == 8  # restored to all of them
