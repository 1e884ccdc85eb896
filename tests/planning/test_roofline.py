"""The data sheet's clocks, by hand."""

import dataclasses
from types import SimpleNamespace

import pytest

from t2t_jax.config import from_mapping
from t2t_jax.config_files import load
from t2t_jax.errors import UsageError
from t2t_jax.parallel import topologies
from t2t_jax.parallel.chips import CHIPS, chip_of, peak_flops
from t2t_jax.parallel.collectives import Collective
from t2t_jax.parallel.topologies import devices_of, parse
from t2t_jax.planning.roofline import (
  Times,
  estimate_times,
  expected_collectives,
  model_flops,
)
from t2t_jax.training.memory import Memory


def test_flops_are_six_a_parameter_and_token():
  """For short rows, whose attention weights cost next to nothing."""
  config = from_mapping(load('configs/base.py'))
  flops = model_flops(config.model, 37000, (100, 1, 1))
  d, f, heads = 512, 2048, 8 * 128
  layers = 6 * (2 * d * heads + 2 * d * f) + 6 * (4 * d * heads + 2 * d * f)
  assert flops == pytest.approx(6 * 100 * (layers + 37000 * d), rel=0.01)


def test_flops_of_attention_grow_with_the_square():
  model = from_mapping(load('configs/base.py')).model
  short = model_flops(model, 37000, (1, 64, 64))
  long = model_flops(model, 37000, (1, 128, 128))
  # 18 attentions of 8 heads of 64 + 64: 2 n^2 (64 + 64) 8, three times.
  assert long - 2 * short == 3 * 18 * 2 * 8 * 128 * (128**2 - 2 * 64**2)


def test_a_topology():
  pod = parse('v5p:2x2x4')
  assert (pod.size, pod.host_size, pod.chip) == (16, 16, CHIPS['v5p'])
  assert pod.grid == (2, 2, 4)
  cluster = parse('h200:2x8')
  assert (cluster.size, cluster.host_size, cluster.grid) == (16, 8, ())


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('v5e', 'expected such as v5e:16x16'),
    ('v5x:4x4', "found 'v5x'. Did you mean 'v5"),
    ('v5e:4x4x4', 'expected 2 numbers of at least 1 for v5e'),
    ('v5p:4x4', 'expected 3 numbers of at least 1 for v5p'),
    ('h200:0x8', 'expected 2 numbers of at least 1 for h200'),
    ('v5e:1000x1000', 'expected at most 65,536 chips, found 1,000,000'),
  ],
)
def test_topologies_that_are_none(name, message):
  with pytest.raises(UsageError) as error:
    parse(name)
  assert str(error.value).startswith(f'--topology={name}: ')
  assert message in str(error.value)


@pytest.mark.parametrize(
  ('name', 'extra'), [('v5e:2x2', 'jax[tpu]'), ('h200:1x8', 'jax[cuda12]')]
)
def test_a_compiler_that_is_not_installed(name, extra, monkeypatch):
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  with pytest.raises(UsageError) as error:
    devices_of(parse(name))
  assert str(error.value).endswith(f'needs its compiler: pip install "{extra}"')


@pytest.mark.parametrize(
  ('name', 'options'),
  [
    ('v5e:4x4', {'chips_per_host_bounds': (2, 2, 1)}),
    ('v5e:1x1', {'chips_per_host_bounds': (1, 1, 1)}),
    (
      'v4:2x2x4',
      {'chips_per_host_bounds': (2, 2, 1), 'chip_config_name': 'megacore'},
    ),
  ],
)
def test_a_device_of_a_slice_is_a_chip(name, options, monkeypatch):
  topology, asked = parse(name), []

  def describe(*arguments, **keywords):
    asked.append((arguments, keywords))
    devices = [SimpleNamespace(id=i) for i in reversed(range(topology.size))]
    return SimpleNamespace(devices=devices)

  monkeypatch.setattr('importlib.util.find_spec', lambda name: name)
  monkeypatch.setattr(topologies, 'look_for_no_device', lambda: None)
  monkeypatch.setattr('jax.experimental.topologies.get_topology_desc', describe)
  ids = [device.id for device in devices_of(topology)]
  assert ids == list(range(topology.size))
  assert asked == [((name, 'tpu'), options)]
  with pytest.raises(UsageError, match='expected 8 devices, the compiler has'):
    devices_of(dataclasses.replace(topology, size=8))


def test_chips_by_what_jax_calls_them():
  assert chip_of('TPU v5 lite') is CHIPS['v5e']
  assert chip_of('TPU v5') is CHIPS['v5p']
  assert chip_of('NVIDIA H200') is CHIPS['h200']
  assert chip_of('cpu') is None
  assert peak_flops(['NVIDIA H200', 'NVIDIA A100']) == 989e12 + 312e12
  assert peak_flops(['NVIDIA H200', 'cpu']) is None


def test_collectives_that_a_mesh_asks_for():
  """Of base: 512 numbers a position, 2 bytes where it computes in bfloat16."""
  config = from_mapping(load('configs/base.py'))
  model = dataclasses.replace(config.model, compute_dtype='bfloat16')
  config = dataclasses.replace(config, model=model)
  sizes = {'data': 2, 'fsdp': 4, 'tensor': 1}
  # 24 rows of 64 + 64 positions on each of a copy's four devices.
  looked_up = 4 * 24 * 128 * 512 * 4
  decoded = 4 * 24 * 64 * 512 * 2
  assert expected_collectives(config, sizes, (384, 64, 64), 2, 1000, 800) == [
    Collective('all-reduce', ('data',), 2, 1000, 1),
    Collective('all-gather', ('fsdp',), 4, 1600, 4),
    Collective('reduce-scatter', ('fsdp',), 4, 3200, 2),
    Collective('reduce-scatter', ('fsdp',), 4, looked_up, 2),
    Collective('all-gather', ('fsdp',), 4, looked_up, 2),
    Collective('all-gather', ('fsdp',), 4, decoded, 2),
    Collective('all-reduce', ('fsdp',), 4, decoded, 2),
  ]


@pytest.mark.parametrize(
  ('times', 'least', 'apart', 'limit'),
  [
    (Times(5, 2, 1, 0), 5, 8, 'products'),
    # By formula: products, then memory.
    (Times(2, 5, 1, 2), 5, 10, 'kernels'),
    # Compiled: the kernels' own time in place of the memory's.
    (Times(3, 5, 4, 3, 6), 6, 13, 'links'),
    (Times(2, 0, 3, 4, 2.5), 4, 9.5, 'network'),
    (Times(4, 0, 3, 1, 7), 7, 11, 'products'),
  ],
)
def test_the_slowest_clock_and_all_of_them(times, least, apart, limit):
  assert (times.least, times.apart, times.limit) == (least, apart, limit)


def test_rows_of_padding_are_computed():
  """10 rows on 8 devices are 16."""
  config = from_mapping(load('configs/base.py'))
  topology = parse('h200:1x8')
  memory = Memory(1, 1, 1, 1, 1)

  def products(rows):
    sizes = {'data': 8, 'fsdp': 1, 'tensor': 1}
    shape = rows, 64, 64
    times = estimate_times(
      config, topology, sizes, shape, 37000, 1, memory, collectives=[]
    )
    return times.products

  assert products(10) == products(16) == 2 * products(8) > 0
