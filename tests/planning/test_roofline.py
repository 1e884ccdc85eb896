"""The data sheet's clocks, by hand."""

import pytest

from t2t_jax.config import from_mapping
from t2t_jax.config_files import load
from t2t_jax.errors import UsageError
from t2t_jax.parallel.chips import CHIPS, chip_of, peak_flops
from t2t_jax.parallel.collectives import Collective
from t2t_jax.parallel.topologies import devices_of, parse
from t2t_jax.planning.roofline import (
  _seconds,
  expected_collectives,
  model_flops,
)


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


def test_a_topology_and_its_links():
  pod = parse('v5e:4x4')
  assert (pod.size, pod.host_size, pod.chip) == (16, 16, CHIPS['v5e'])
  assert pod.bandwidth(16, 1) == 200e9
  assert pod.bandwidth(4, 4) == 100e9
  cluster = parse('h200:2x8')
  assert (cluster.size, cluster.host_size) == (16, 8)
  assert cluster.bandwidth(8, 1) == 450e9
  assert cluster.bandwidth(2, 8) == cluster.bandwidth(16, 1) == 50e9


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('v5e', 'expected such as v5e:16x16'),
    ('v5x:4x4', "found 'v5x'. Did you mean 'v5"),
    ('v5e:4x4x4', 'expected 2 numbers of at least 1 for v5e'),
    ('v5p:4x4', 'expected 3 numbers of at least 1 for v5p'),
    ('h200:0x8', 'expected 2 numbers of at least 1 for h200'),
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


def test_chips_by_what_jax_calls_them():
  assert chip_of('TPU v5 lite') is CHIPS['v5e']
  assert chip_of('TPU v5') is CHIPS['v5p']
  assert chip_of('NVIDIA H200') is CHIPS['h200']
  assert chip_of('cpu') is None
  assert peak_flops(['NVIDIA H200', 'NVIDIA A100']) == 989e12 + 312e12
  assert peak_flops(['NVIDIA H200', 'cpu']) is None


def test_a_ring_by_hand():
  pod, sizes = parse('v5e:4x4'), {'data': 4, 'fsdp': 4, 'tensor': 1}
  reduce = Collective('all-reduce', ('data',), 4, 10**9, 2)
  assert _seconds(reduce, pod, sizes) == pytest.approx(2 * 2 * 0.75 / 100)
  gather = Collective('all-gather', ('data', 'fsdp'), 16, 10**9, 1)
  assert _seconds(gather, pod, sizes) == pytest.approx(15 / 16 / 200)


def test_collectives_that_a_mesh_asks_for():
  config = from_mapping(load('configs/base.py'))
  found = expected_collectives(
    config, {'data': 2, 'fsdp': 4, 'tensor': 1}, (96, 64, 64), 2, 1000, 800
  )
  assert found == [
    Collective('all-reduce', ('data',), 2, 1000, 1),
    Collective('all-gather', ('fsdp',), 4, 3200, 4),
    Collective('reduce-scatter', ('fsdp',), 4, 3200, 2),
  ]
