"""Exports do what the model does; what they cannot express they refuse."""

import dataclasses
import json
import subprocess
import sys

import pytest
from tiny_export import LINES, joint_tokenizers, restored
from tiny_translator import tokenizers

from t2t_jax.errors import UsageError
from t2t_jax.exchange.exporting import export, verify
from t2t_jax.exchange.portable_format import run_anywhere
from t2t_jax.exchange.verification import Comparison

VARIANTS = {
  'post_norm': {},
  'pre_norm': {'norm_position': 'pre'},
  'tied_softmax': {'tie_softmax': True, 'softmax_bias': False},
  'biases_and_gelu': {'attention_bias': True, 'activation': 'gelu'},
  'learned_and_swish': {'positions': 'learned', 'activation': 'swish'},
  'relative': {'positions': 'relative'},
  'narrow_heads': {'d_k': 4, 'd_v': 4},
}


def _check(model, kind, output, **options):
  export(model, kind, output, **options)
  for line, agrees in verify(model, kind, output, LINES):
    assert agrees, line


@pytest.mark.parametrize('name', VARIANTS)
def test_ctranslate2(name, tmp_path):
  _check(
    restored(tokenizers(), **VARIANTS[name]), 'ctranslate2', tmp_path / 'out'
  )


def test_ctranslate2_with_one_table_for_all(tmp_path):
  model = restored(
    joint_tokenizers(),
    tie_source_target=True,
    tie_softmax=True,
    softmax_bias=False,
    compute_dtype='bfloat16',  # verified in float32 all the same
  )
  _check(model, 'ctranslate2', tmp_path / 'out')
  names = {path.name for path in (tmp_path / 'out').iterdir()}
  assert names == {
    'config.json',
    'model.bin',
    'shared_vocabulary.json',
    'source.model',
    'target.model',
  }


def test_int8_is_smaller_and_near(tmp_path):
  model = restored(tokenizers())
  export(model, 'ctranslate2', tmp_path / 'whole')
  export(model, 'ctranslate2', tmp_path / 'int8', 'int8')
  sizes = [
    (tmp_path / name / 'model.bin').stat().st_size for name in ('whole', 'int8')
  ]
  assert sizes[1] < 0.8 * sizes[0]
  [(line, agrees)] = verify(model, 'ctranslate2', tmp_path / 'int8', LINES)
  assert not agrees, line  # so the comparison sees what there is to see


@pytest.mark.parametrize(
  'name', ['pre_norm', pytest.param('relative', marks=pytest.mark.slow)]
)
def test_stablehlo(name, tmp_path):
  _check(
    restored(tokenizers(), **VARIANTS[name]), 'stablehlo', tmp_path / 'out'
  )


def test_a_search_that_the_programs_do_not_hold_is_refused(tmp_path):
  model = restored(tokenizers())
  for change, message in (
    ({'method': 'sampling'}, 'config.decoding.method = sampling; expected'),
    (
      {'max_decode_length_offset': 30},
      'config.decoding.max_decode_length_offset = 30; expected at most model',
    ),
  ):
    decoding = dataclasses.replace(model.config.decoding, **change)
    config = dataclasses.replace(model.config, decoding=decoding)
    with pytest.raises(UsageError, match=f'cannot express {message}'):
      export(model._replace(config=config), 'stablehlo', tmp_path / 'out')


def test_no_kernel_of_one_platform_is_in_the_programs():
  model = restored(tokenizers()).model
  on_gpus = dataclasses.replace(
    model, config=dataclasses.replace(model.config, attention_impl='cudnn')
  )
  assert run_anywhere(on_gpus).config.attention_impl == 'xla'
  assert run_anywhere(model).config == model.config


def test_the_script_beside_the_programs_translates_without_this_package(
  tmp_path,
):
  model = restored(joint_tokenizers(), tie_source_target=True)
  export(model, 'stablehlo', tmp_path / 'out')
  script = (tmp_path / 'out' / 'translate.py').read_text()
  hidden = "import sys; sys.modules['t2t_jax'] = None\n"
  (tmp_path / 'out' / 'hidden.py').write_text(hidden + script)
  finished = subprocess.run(
    [sys.executable, 'hidden.py'],
    cwd=tmp_path / 'out',
    input='\n'.join([LINES[0], '', LINES[1]]) + '\n',
    capture_output=True,
    text=True,
  )
  assert finished.returncode == 0, finished.stderr
  ours = [t.text for t in model.translator().translate(LINES[:2])]
  assert finished.stdout.split('\n')[:3] == [ours[0], '', ours[1]]


def test_safetensors(tmp_path):
  model = restored(tokenizers())
  _check(model, 'safetensors', tmp_path / 'out')
  assert json.loads((tmp_path / 'out' / 'config.json').read_text())
  other = restored(tokenizers(), seed=1)
  [(line, agrees)] = verify(other, 'safetensors', tmp_path / 'out', LINES)
  assert not agrees
  assert 'differ: decoder/layer_0/' in line


def test_another_model_is_found_to_differ(tmp_path):
  export(restored(tokenizers()), 'ctranslate2', tmp_path / 'out')
  other = restored(tokenizers(), seed=1)
  [(line, agrees)] = verify(other, 'ctranslate2', tmp_path / 'out', LINES)
  assert not agrees
  assert 'lines 1, 2' in line


@pytest.mark.parametrize(
  ('kind', 'changes', 'message'),
  [
    (
      'ctranslate2',
      {'d_v': 4},
      'config.model.d_v = 4; expected d_v = d_k = 8',
    ),
    (
      'marian',
      {'norm_position': 'pre'},
      'config.model.norm_position = pre; expected post',
    ),
    (
      'marian',
      {'positions': 'relative'},
      'config.model.positions = relative; expected sinusoidal',
    ),
    ('marian', {'d_k': 4}, 'config.model.d_k = 4; expected 8'),
    (
      'ctranslate2',
      {'num_encoder_layers': 0},
      'config.model.num_encoder_layers = 0; expected at least 1',
    ),
  ],
)
def test_what_a_format_cannot_express_is_refused(
  kind, changes, message, tmp_path
):
  model = restored(tokenizers(), **changes)
  with pytest.raises(UsageError) as refusal:
    export(model, kind, tmp_path / 'out')
  assert str(refusal.value) == f'--format={kind}: cannot express {message}'
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  ('name', 'value', 'expected'),
  [('mbr', 'chrf', 'none'), ('min_length', 3, 0), ('no_repeat_ngram', 2, 0)],
)
def test_what_the_programs_do_not_do_is_refused(
  name, value, expected, tmp_path
):
  model = restored(tokenizers())
  decoding = dataclasses.replace(model.config.decoding, **{name: value})
  model = model._replace(
    config=dataclasses.replace(model.config, decoding=decoding)
  )
  with pytest.raises(UsageError) as refusal:
    export(model, 'stablehlo', tmp_path / 'out')
  assert str(refusal.value) == (
    f'--format=stablehlo: cannot express config.decoding.{name} = {value}; '
    f'expected {expected}'
  )


def test_nothing_is_overwritten_and_nothing_is_left_half(tmp_path, monkeypatch):
  model = restored(tokenizers())
  (tmp_path / 'file').write_text('mine')
  with pytest.raises(UsageError, match=f'^--output={tmp_path}: expected a new'):
    export(model, 'safetensors', tmp_path)
  with pytest.raises(UsageError, match=r'found a file$'):
    export(model, 'safetensors', tmp_path / 'file')

  def fail(*_):
    raise OSError('disk full')

  monkeypatch.setattr('t2t_jax.exchange.safetensors_format.write', fail)
  with pytest.raises(OSError, match='disk full'):
    export(model, 'safetensors', tmp_path / 'out')
  assert [path.name for path in tmp_path.iterdir()] == ['file']


def test_quantization_is_ctranslate2s(tmp_path):
  with pytest.raises(UsageError, match=r'^--quantization=int8: expected'):
    export(restored(tokenizers()), 'marian', tmp_path / 'out', 'int8')


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'ctranslate2', None)
  with pytest.raises(UsageError, match=r'pip install "t2t_jax\[export\]"$'):
    export(restored(tokenizers()), 'ctranslate2', tmp_path / 'out')


def test_what_a_comparison_says():
  comparison = Comparison(5, 3, 1, (4,), 0.5, 1e-4)
  assert not comparison.agrees
  assert comparison.describe('X') == (
    'X: 3 of 5 translations have the same tokens; 1 part at a tie (within '
    '0.0001); lines 4 differ; scores differ by at most 5.0e-01 (allowed: '
    '0.0001)'
  )
  assert Comparison(5, 4, 1, (), 1e-5, 1e-4).agrees
