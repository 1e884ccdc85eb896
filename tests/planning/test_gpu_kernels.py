"""What the update became on a GPU that is not here: its kernels."""

import importlib.util
import json
import math
import os
import pathlib
import subprocess
import sys

import pytest
from run_command import run_command

from t2t_jax.config import from_mapping
from t2t_jax.config_files import load
from t2t_jax.parallel.hlo import arrays_of, read_program
from t2t_jax.planning.kernels import read_kernels
from t2t_jax.planning.roofline import model_flops

ROOT = pathlib.Path(__file__).parents[2]
ROWS, LENGTH, D, HEADS, VOCAB = 256, 48, 128, 2, 8000
_SETTINGS = {
  'model.d_model': D,
  'model.d_ff': 512,
  'model.num_heads': HEADS,
  'model.num_encoder_layers': 1,
  'model.num_decoder_layers': 1,
  'vocabulary.size': VOCAB,
  'training.global_batch_tokens': ROWS * LENGTH,
  'training.microbatch_tokens': ROWS * LENGTH,
}


@pytest.fixture(scope='module')
def hlo(tmp_path_factory):
  """The program's text, as the command compiles it."""
  plugins = ('jax_cuda12_plugin', 'jax_cuda13_plugin')
  if not any(map(importlib.util.find_spec, plugins)):
    pytest.skip('needs the CUDA plug-in: make test-compile')
  file = tmp_path_factory.mktemp('hlo') / 'update.hlo'
  done = subprocess.run(
    [
      *(sys.executable, '-m', 'benchmarks.hlo', '--config=configs/base.py'),
      *(f'--config.{key}={value}' for key, value in _SETTINGS.items()),
      '--config.model.compute_dtype=bfloat16',
      *('--topology=h200:1x1', f'--lengths={LENGTH}x{LENGTH}'),
      f'--save={file}',
    ],
    cwd=ROOT,
    env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  rows = [json.loads(row) for row in done.stdout.splitlines() if row[:1] == '{']
  kinds = {row['group']: row['kernels'] for row in rows if row['by'] == 'kind'}
  # Three attentions of a layer of each stack, forward and backward.
  assert kinds['attention'] == 6
  return file.read_text()


@pytest.mark.slow
def test_operations_are_those_of_the_formula(hlo):
  mapping = load('configs/base.py').to_dict()
  for key, value in _SETTINGS.items():
    section, field = key.split('.')
    mapping[section][field] = value
  model = from_mapping(mapping).model
  expected = model_flops(model, VOCAB, (ROWS, LENGTH, LENGTH))
  # Attention makes its weights anew; the table has rows of padding.
  assert 1 < sum(k.count * k.flops for k in read_kernels(hlo)) / expected < 1.05


@pytest.mark.slow
def test_neither_all_logits_nor_attention_weights_exist(hlo):
  largest = ROWS * LENGTH * VOCAB
  weights = ROWS * HEADS * LENGTH * LENGTH
  shapes = [
    array
    for body in read_program(hlo).computations.values()
    for instruction in body
    for array in arrays_of(instruction.shape)
  ]
  assert max(array.size for array in shapes) < largest
  assert all(
    sorted(array.dims) != sorted((ROWS, HEADS, LENGTH, LENGTH))
    and (len(array.dims) != 3 or array.size != weights)
    for array in shapes
  )


@pytest.mark.slow
def test_activations_are_neither_transposed_nor_copied(hlo):
  activation = ROWS * LENGTH * D
  moved = [
    (kernel.name, kernel.result, kernel.source)
    for kernel in read_kernels(hlo)
    # What the compiler copies for its loops was traced from nothing.
    if kernel.kind == 'move'
    and kernel.source
    and any(
      array.dtype == 'bf16' and math.prod(array.dims) >= activation
      for array in arrays_of(kernel.result)
    )
  ]
  assert moved == []


@pytest.mark.slow
def test_the_backward_pass_of_norms_writes_no_float32(hlo):
  activation = ROWS * LENGTH * D
  wide = [
    (kernel.name, kernel.result)
    for kernel in read_kernels(hlo)
    if '/norm/' in kernel.source
    and any(
      array.dtype == 'f32' and array.size >= activation
      for array in arrays_of(kernel.result)
    )
  ]
  assert wide == []


@pytest.mark.slow
def test_a_tpu_has_other_kernels():
  done = run_command(
    'hlo',
    '--config=configs/base.py',
    '--topology=v5e:2x2',
    package='benchmarks',
  )
  assert done.status == 2
  assert '--topology=v5e:2x2: expected GPUs, such as h200:1x1' in done.stderr
