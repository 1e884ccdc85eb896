"""The update as the compilers of devices that are not here make it."""

import importlib.util
import json
import math
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
_ENVIRONMENT = {
  'JAX_PLATFORMS': 'cpu',
  # libtpu keeps its warnings, of which one is looked for, to itself.
  'TPU_MIN_LOG_LEVEL': '1',
  'TPU_STDERR_LOG_LEVEL': '1',
}
_FLAGS = {
  'model.d_model': 128,
  'model.d_ff': 256,
  'model.d_k': 64,
  'model.d_v': 64,
  'model.num_heads': 2,
  'model.num_encoder_layers': 1,
  'model.num_decoder_layers': 1,
  'model.compute_dtype': 'bfloat16',
  # So that what is gathered of a batch is smaller than a table.
  'vocabulary.size': 16000,
  'data.max_tokens': 64,
  'training.global_batch_tokens': 2048,
  'training.microbatch_tokens': 256,
}


def doctor(topology, mesh):
  """Returns the plan of the command, and what was written to standard error.

  A process of its own: this one runs on devices already.
  """
  command = [
    *(sys.executable, '-m', 't2t_jax.doctor', '--config=configs/base.py'),
    *(f'--topology={topology}', f'--mesh={mesh}', '--lengths=32x32', '--json'),
    *(f'--config.{key}={value}' for key, value in _FLAGS.items()),
  ]
  done = subprocess.run(
    command,
    cwd=ROOT,
    env={**os.environ, **_ENVIRONMENT},
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout.splitlines()[-1])[0], done.stderr


def total(plan, kind, axis):
  return sum(
    c['bytes'] * c['count']
    for c in plan['collectives']
    if c['kind'] == kind and c['axes'] == [axis]
  )


def check(topology):
  copies, errors = doctor(topology, '4x1x1')
  assert copies['microbatches'] == 2
  assert 'rematerialization' not in errors
  assert [c['kind'] for c in copies['collectives']] == ['all-reduce']
  parameters = copies['memory']['parameters']
  assert parameters <= total(copies, 'all-reduce', 'data') <= 1.1 * parameters

  halves, pieces, both = (
    _in_pieces(topology, mesh) for mesh in ('2x2x1', '1x4x1', '1x2x2')
  )
  assert total(pieces, 'reduce-scatter', 'fsdp') > 0
  by_fsdp = [plan['compiled_memory'] for plan in (copies, halves, pieces)]
  assert by_fsdp == sorted(by_fsdp, reverse=True)
  for plan in (copies, halves, pieces, both):
    assert 0.3 < plan['memory']['total'] / plan['compiled_memory'] < 3


def _in_pieces(topology, mesh):
  """Returns the plan of a mesh that splits the table, which stays so."""
  plan, errors = doctor(topology, mesh)
  assert 'rematerialization' not in errors
  table = 2 * 16000 * 128
  gathered = [c for c in plan['collectives'] if c['kind'] == 'all-gather']
  assert gathered
  assert all(c['bytes'] < table for c in gathered)
  return plan


def needs_libtpu():
  if not importlib.util.find_spec('libtpu'):
    pytest.skip('needs libtpu: make test-compile')


@pytest.mark.slow
def test_a_tpu_slice():
  needs_libtpu()
  check('v5e:2x2')


@pytest.mark.slow
@pytest.mark.parametrize('name', ['v5e:1x1', 'v5e:2x4', 'v6e:1x2', 'v4:2x2x1'])
def test_slices_that_libtpu_knows(name):
  needs_libtpu()
  count = 'len(topologies.devices_of(topologies.parse(sys.argv[1])))'
  done = subprocess.run(
    [
      *(sys.executable, '-c'),
      f'import sys; from t2t_jax.parallel import topologies; print({count})',
      name,
    ],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
  )
  sides = map(int, name.split(':')[1].split('x'))
  assert int(done.stdout) == math.prod(sides)


def needs_cuda():
  plugins = ('jax_cuda12_plugin', 'jax_cuda13_plugin')
  if not any(map(importlib.util.find_spec, plugins)):
    pytest.skip('needs the CUDA plug-in: make test-compile')


@pytest.mark.slow
def test_gpus_of_a_host():
  needs_cuda()
  check('h200:1x4')


@pytest.mark.slow
@pytest.mark.parametrize('topology', ['h100:1x8', 'a100:1x8'])
def test_gpus_that_are_described(topology):
  """The other descriptions: products and memory are those of their chip."""
  needs_cuda()
  copies, errors = doctor(topology, '8x1x1')
  assert 'rematerialization' not in errors
  assert [c['kind'] for c in copies['collectives']] == ['all-reduce']
  times = copies['times']
  assert 0 < times['products'] < times['kernels'] < 1e-2
