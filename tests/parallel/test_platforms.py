"""What a config leaves to the platform."""

import dataclasses
import types

import jax
import numpy as np
import pytest

from t2t_jax.config import MeshConfig, from_mapping
from t2t_jax.config_files import load
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel import platforms
from t2t_jax.parallel.mesh import create_mesh
from t2t_jax.parallel.platforms import (
  compiles_beside,
  on_mesh,
  on_platform,
  platform_of,
)
from t2t_jax.training.memory import abstract_state


def config_with(**model):
  config = from_mapping(load('configs/base.py'))
  return dataclasses.replace(
    config, model=dataclasses.replace(config.model, **model)
  )


def chosen(config, platform, device=None):
  found = on_platform(config, platform, device)
  # A choice that is made stays.
  assert on_platform(found, 'cpu') == found
  return found.model.attention_impl, found.training.loss_chunk


@pytest.mark.parametrize(
  ('platform', 'impl', 'chunk'),
  [
    ('cpu', 'reference', 512),
    ('gpu', 'cudnn', 8192),
    ('tpu', 'reference', 4096),
  ],
)
def test_what_each_platform_takes(platform, impl, chunk):
  config = config_with(compute_dtype='bfloat16')
  assert chosen(config, platform) == (impl, chunk)


@pytest.mark.parametrize(
  'changes',
  [
    {'compute_dtype': 'float32'},
    {'attention_dropout_rate': 0.1},
    {'positions': 'relative'},
    {'d_v': 32},
    {'d_k': 12, 'd_v': 12},
  ],
)
def test_what_cudnn_does_not_compute_the_reference_does(changes):
  config = config_with(**{'compute_dtype': 'bfloat16'} | changes)
  assert chosen(config, 'gpu')[0] == 'reference'


@pytest.fixture
def untried():
  platforms._why_cudnn_fails.cache_clear()
  yield
  platforms._why_cudnn_fails.cache_clear()


def test_a_device_without_cudnn_takes_the_reference(untried, capsys):
  config = config_with(compute_dtype='bfloat16')
  assert chosen(config, 'gpu', jax.devices()[0])[0] == 'reference'
  assert "cuDNN's attention cannot be used on cpu: " in capsys.readouterr().err


def test_why_the_kernel_is_not_used_is_said_once(untried, capsys, monkeypatch):
  def broken(*args):
    raise NotImplementedError('CUDNN_STATUS_NOT_SUPPORTED\nat line 1')

  monkeypatch.setattr(platforms, 'fused_attention', broken)
  config = config_with(compute_dtype='bfloat16')
  for _ in range(2):
    assert chosen(config, 'gpu', jax.devices()[0])[0] == 'reference'
  assert capsys.readouterr().err == (
    "cuDNN's attention cannot be used on cpu: CUDNN_STATUS_NOT_SUPPORTED; the "
    'slower attention_impl = reference is\n'
  )


def test_a_kernel_that_compiles_is_used_in_silence(
  untried, capsys, monkeypatch
):
  monkeypatch.setattr(
    platforms, 'fused_attention', lambda q_BTHK, *rest: q_BTHK
  )
  config = config_with(compute_dtype='bfloat16')
  assert chosen(config, 'gpu', jax.devices()[0])[0] == 'cudnn'
  assert capsys.readouterr().err == ''


def test_what_is_beyond_the_limits_is_not_tried(untried, capsys, monkeypatch):
  def must_not_be_called(*args):
    raise AssertionError

  monkeypatch.setattr(platforms, 'fused_attention', must_not_be_called)
  assert chosen(config_with(), 'gpu', jax.devices()[0])[0] == 'reference'
  assert capsys.readouterr().err == ''


def test_a_mistake_of_ours_in_the_trial_is_not_hidden(untried, monkeypatch):
  def wrong(*args):
    raise TypeError('a wrong call')

  monkeypatch.setattr(platforms, 'fused_attention', wrong)
  with pytest.raises(TypeError, match='a wrong call'):
    chosen(config_with(compute_dtype='bfloat16'), 'gpu', jax.devices()[0])


def test_each_process_tries_a_device_of_its_own(monkeypatch):
  """The mesh's first device is another process's."""
  devices = jax.devices()
  if len(devices) < 2:
    pytest.skip('needs two devices')
  tried = []
  monkeypatch.setattr(jax, 'local_devices', lambda: devices[1:])
  monkeypatch.setattr(
    platforms,
    'on_platform',
    lambda config, platform, device: tried.append(device),
  )
  mesh = create_mesh(MeshConfig(2, 1, 1), devices[:2])
  on_mesh(config_with(), mesh)
  monkeypatch.setattr(jax, 'local_devices', lambda: devices[2:])
  on_mesh(config_with(), mesh)
  assert tried == [devices[1], None]


def test_what_a_config_says_stays():
  config = config_with(compute_dtype='bfloat16', attention_impl='xla')
  training = dataclasses.replace(config.training, loss_chunk=7)
  config = dataclasses.replace(config, training=training)
  assert on_platform(config, 'gpu') == config


def test_the_devices_of_a_mesh():
  mesh = create_mesh(MeshConfig(1, 1, 1), jax.devices()[:1])
  assert on_mesh(config_with(), mesh) == on_platform(config_with(), 'cpu')


@pytest.mark.parametrize(
  ('name', 'platform'),
  [
    ('cuda', 'gpu'),
    ('rocm', 'gpu'),
    ('gpu', 'gpu'),
    ('tpu', 'tpu'),
    ('METAL', 'cpu'),
  ],
)
def test_names_of_platforms(name, platform):
  assert platform_of(types.SimpleNamespace(platform=name)) == platform


@pytest.mark.parametrize(
  ('name', 'beside'), [('cpu', True), ('cuda', False), ('tpu', True)]
)
def test_gpus_compile_before_updates(name, beside):
  device = types.SimpleNamespace(platform=name)
  mesh = types.SimpleNamespace(devices=np.array([[[device]]]))
  assert compiles_beside(mesh) == beside


def test_parameters_are_made_where_cudnn_is_not():
  """As a plan for GPUs by formula asks for, on any machine."""
  config = on_platform(config_with(compute_dtype='bfloat16'), 'gpu')
  assert config.model.attention_impl == 'cudnn'
  model = Transformer(config.model, 37000, 37000, 0)
  state = abstract_state(config, model)
  assert state.params['target_embedding'].value.shape == (37120, 512)
