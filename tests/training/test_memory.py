"""The estimate of memory, and the microbatches that follow from it."""

import dataclasses
import math

import flax.linen as nn
import jax
import pytest
from tiny_run import make_config

from t2t_jax.config import MeshConfig
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.arrays import abstract_arrays
from t2t_jax.parallel.mesh import AXES, create_mesh
from t2t_jax.training import compiled_step, microbatches
from t2t_jax.training.memory import (
  abstract_state,
  activation_bytes,
  estimate,
  split_bytes,
)
from t2t_jax.training.microbatches import device_memory, within_memory
from t2t_jax.training.train_state import FirstState, build_state

ONE = dict.fromkeys(AXES, 1)


@pytest.fixture(scope='module')
def config(tmp_path_factory):
  return make_config(tmp_path_factory.mktemp('text'), training__ema_decay=0.9)


def model_of(config):
  return Transformer(
    config.model, source_vocab_size=30, target_vocab_size=30, pad_id=0
  )


@pytest.fixture(scope='module')
def state(config):
  return abstract_state(config, model_of(config))


@pytest.mark.parametrize('sizes', [(1, 1, 1), (2, 2, 2), (1, 8, 1), (4, 1, 2)])
def test_state_on_a_device_is_what_the_mesh_puts_there(config, state, sizes):
  count = sizes[0] * sizes[1] * sizes[2]
  mesh = create_mesh(MeshConfig(*sizes), jax.devices()[:count])
  arrays = abstract_arrays(lambda: build_state(config, model_of(config)), mesh)
  expected = sum(
    x.dtype.itemsize * math.prod(x.sharding.shard_shape(x.shape))
    for x in jax.tree.leaves(arrays)
  )
  assert split_bytes(state, dict(mesh.shape)) == expected


def test_parts_of_the_estimate(config, state):
  memory = estimate(config, state, ONE, (16, 8, 8), 1)
  parameters = split_bytes(state.params, ONE)
  assert memory.parameters == memory.gradients == parameters
  # Two moments, the average, and the counts.
  assert 0 < memory.optimizer - 3 * parameters < 100
  assert memory.total == sum(dataclasses.astuple(memory))
  halves = estimate(config, state, ONE, (16, 8, 8), 2)
  assert halves.gradients == 2 * parameters
  assert 2 * halves.activations == memory.activations


def test_activations_by_hand(config):
  # One row of 6 source and 5 target tokens; width 16, inner 16, 2 heads of 8,
  # float32; of each sub-layer 9 bytes: input, layer norm, a byte of dropout.
  model = config.model
  encoder = 4 * (2 * (6 + 6) * 16 + 6 * 16) + 4 * 2 * 6 * 6 + 2 * 6 * 16 * 9
  attentions = 4 * (2 * (5 + 5) * 16 + 2 * (5 + 6) * 16 + 5 * 16)
  decoder = attentions + 4 * 2 * 5 * (5 + 6) + 3 * 5 * 16 * 9
  embedded = 2 * 4 * 16 * (6 + 5)
  assert activation_bytes(model, 6, 5) == (
    encoder + decoder + embedded + max(encoder, decoder)
  )


@pytest.mark.parametrize('remat', ['none', 'dots', 'full'])
def test_activations_are_what_autodiff_keeps(config, remat):
  """Of a loop over layers: one that is written out repeats some of it."""
  ids = jax.numpy.zeros((8, 32), int)

  def kept_and_estimated(layers):
    model_config = dataclasses.replace(
      config.model,
      remat=remat,
      scan_layers=True,
      num_encoder_layers=layers,
      num_decoder_layers=layers,
      d_model=64,
      d_ff=256,
      compute_dtype='bfloat16',
    )
    model = Transformer(model_config, 30, 30, 0)

    def features(params):
      return model.apply(
        {'params': params},
        ids,
        ids,
        deterministic=False,
        rngs={'dropout': jax.random.key(1)},
        method='features',
      )[0]

    params = jax.eval_shape(
      lambda: nn.unbox(model.init(jax.random.key(0), ids, ids)['params'])
    )
    kept = jax.eval_shape(lambda p: jax.vjp(features, p)[1], params)
    of_rows = [
      x for x in jax.tree.leaves(kept) if 8 in x.shape[:2] and 32 in x.shape
    ]
    measured = sum(x.size * x.dtype.itemsize for x in of_rows) / 8
    return measured, activation_bytes(model_config, 32, 32)

  # What does not grow with the layers is another matter.
  few, many = kept_and_estimated(2), kept_and_estimated(6)
  assert 0.7 < (many[1] - few[1]) / (many[0] - few[0]) < 1.5


def test_less_is_estimated_where_less_is_kept(config):
  kept = [
    activation_bytes(
      dataclasses.replace(
        config.model, remat=remat, num_encoder_layers=6, num_decoder_layers=6
      ),
      32,
      32,
    )
    for remat in ('none', 'dots', 'full')
  ]
  assert kept[0] > kept[1] > kept[2]


def split(config, state, memory, sizes=ONE):
  return within_memory(config, state, sizes, [(16, 8, 8)], memory)


def test_memory_bounds_the_microbatches(config, state):
  """128 tokens a side an update, at most 128 a device."""
  most = 2**40
  assert split(config, state, most) == 1
  training = dataclasses.replace(config.training, microbatch_tokens=48)
  tokens = dataclasses.replace(config, training=training)
  assert split(tokens, state, most) == 3
  assert split(tokens, state, most, ONE | {'data': 2}) == 2
  needed = estimate(config, state, ONE, (16, 8, 8), 1).total
  assert split(config, state, needed / 0.9 + 2) == 1
  assert split(config, state, needed / 0.9 - 2) == 2
  # One row a device is the end of it.
  assert split(config, state, 1) == 16
  assert split(config, state, 1, ONE | {'data': 4}) == 4


def test_memory_of_a_device(config, monkeypatch):
  devices = jax.local_devices()
  monkeypatch.setattr(microbatches.os, 'sysconf', lambda name: 3000)
  assert device_memory(config, devices) == 3000 * 3000 // len(devices)
  training = dataclasses.replace(config.training, device_memory_gib=1.5)
  config = dataclasses.replace(config, training=training)
  assert device_memory(config, devices) == 3 * 2**29


def test_a_run_keeps_its_split(config):
  mesh = create_mesh(MeshConfig(1, 1, 1), jax.devices()[:1])
  found = microbatches.choose_microbatches(
    config, model_of(config), mesh, [(16, 8, 8)], 1, recorded=7
  )
  assert found == 7


@pytest.mark.parametrize(
  ('by_compiler', 'found'),
  [({}, 1), ({1: 101}, 2), ({1: 200, 2: 101}, 4), ({1: None, 2: None}, 4)],
)
def test_the_compiler_corrects_the_estimate(
  config, monkeypatch, by_compiler, found
):
  """On an accelerator, which stands in by name; 100 bytes a device, of which
  the estimate is told to need few. None: the compiler makes no program."""
  asked = []

  def compile_step(config, model, bos_id, mesh, shape, parts):
    asked.append(parts)
    if shape[0] > 2 and by_compiler.get(parts, 100) is None:
      raise RuntimeError('RESOURCE_EXHAUSTED: Ran out of memory on HBM')
    return parts

  for name, stand_in in {
    'platform_of': lambda device: 'tpu',
    'device_memory': lambda config, devices: 100,
    'within_memory': lambda *arguments: 1,
  }.items():
    monkeypatch.setattr(microbatches, name, stand_in)
  monkeypatch.setattr(compiled_step, 'compile_step', compile_step)
  monkeypatch.setattr(
    compiled_step, 'memory_of', lambda parts: by_compiler.get(parts, 100)
  )
  mesh = create_mesh(MeshConfig(2, 1, 1), jax.devices()[:2])

  def choose(rows):
    shapes, model = [(rows, 8, 8)], model_of(config)
    return microbatches.choose_microbatches(
      config, model, mesh, shapes, 1, recorded=None
    )

  assert choose(16) == found == asked[-1]
  # One row a device is the end of it.
  assert choose(2) == 1


def test_hosts_cut_a_batch_by_the_least_memory(config, monkeypatch):
  most = []

  def within_memory(config, state, sizes, shapes, memory):
    most.append(memory)
    return 3

  monkeypatch.setattr(microbatches, 'within_memory', within_memory)
  monkeypatch.setattr(
    microbatches.hosts, 'exchange', lambda topic, mine: [mine, 7, 2**60]
  )
  mesh = create_mesh(MeshConfig(1, 1, 1), jax.devices()[:1])
  found = microbatches.choose_microbatches(
    config, model_of(config), mesh, [(16, 8, 8)], 1, recorded=None
  )
  assert (found, most) == (3, [7])


def test_a_state_is_traced_once_for_all_who_ask(tmp_path, monkeypatch):
  """Each trace of a base model's initialisation costs half a second."""
  config = make_config(tmp_path, training__seed=4711)
  traced = []

  def counted(*arguments):
    traced.append(arguments)
    return build_state(*arguments)

  monkeypatch.setattr('t2t_jax.training.train_state.build_state', counted)
  mesh = create_mesh(config.mesh)
  abstract_state(config, model_of(config))
  abstract_arrays(FirstState(config, model_of(config)), mesh)
  assert len(traced) == 1
