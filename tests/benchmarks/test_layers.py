"""The layers of Table 1: what they compute, what they cost, the command."""

import functools
import json
import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from quick_compile import COMPILER_OPTIONS
from run_command import run_command

from benchmarks import table1
from benchmarks.crossings import crossing, exponent
from benchmarks.layers_picture import check_picture
from t2t_jax.errors import UsageError
from t2t_jax.model.attention import dot_product_attention

quick_jit = functools.partial(jax.jit, compiler_options=COMPILER_OPTIONS)


def inputs(length, d=8, seed=0):
  rng = np.random.default_rng(seed)
  return rng.normal(size=(2, length, d)).astype(np.float32)


@pytest.mark.parametrize(('length', 'r'), [(1, 3), (7, 3), (13, 9), (4, 33)])
def test_restricted_is_the_full_one_masked(length, r):
  place = np.arange(length)
  is_near = abs(place[:, None] - place) <= r // 2

  @quick_jit
  def both(x_BND):
    x_BNHK = x_BND.reshape(2, length, 2, 4)
    masked = dot_product_attention(x_BNHK, x_BNHK, x_BNHK, is_near)
    return table1.restricted_attention(x_BND, 2, r), masked

  found, expected = both(inputs(length))
  np.testing.assert_allclose(found, expected.reshape(found.shape), atol=1e-5)


def products(layer, length):
  """XLA's count of a layer's operations, products nearly all."""
  x_BND = jax.ShapeDtypeStruct((1, length, 64), jnp.float32)
  return jax.jit(layer).lower(x_BND).cost_analysis()['flops']


def test_restricted_costs_r_n_d():
  def layer(r):
    return functools.partial(table1.restricted_attention, num_heads=1, r=r)

  # Two products of 3/2 r n d, and the softmax of 3/2 r n.
  for length, r in ((256, 33), (1024, 33), (1024, 65)):
    expected = 2 * 2 * 1.5 * (r - 1) * length * 64
    assert products(layer(r), length) == pytest.approx(expected, rel=0.08)
  full = functools.partial(table1.self_attention, num_heads=1)
  expected = 2 * 2 * 1024**2 * 64
  assert products(full, 1024) == pytest.approx(expected, rel=0.08)


def test_the_recurrent_layer_goes_position_by_position():
  x_BND = inputs(5)
  w, u = np.random.default_rng(1).normal(size=(2, 8, 8)).astype(np.float32)
  found = quick_jit(table1.recurrent)(x_BND, w, u)
  h = np.zeros((2, 8))
  for n in range(5):
    h = np.tanh(x_BND[:, n] @ w + h @ u)
    np.testing.assert_allclose(found[:, n], h, atol=1e-4)


def test_the_convolution_sees_its_neighbours():
  x_BND = inputs(6)
  kernel = np.random.default_rng(1).normal(size=(3, 8, 8)).astype(np.float32)
  padded = np.pad(x_BND, ((0, 0), (1, 1), (0, 0)))
  expected = sum(padded[:, i : i + 6] @ kernel[i] for i in range(3))
  found = quick_jit(table1.convolutional)(kernel, x_BND)
  np.testing.assert_allclose(found, expected, atol=1e-4)


def test_formulas_cross_where_they_are_said_to():
  sizes = table1.Sizes(d=64, heads=1, r=9, k=3)
  for name, at in table1.CROSSINGS.items():
    full, other = table1.FORMULAS['self-attention'], table1.FORMULAS[name]
    assert full(sizes, at(sizes)) == other(sizes, at(sizes))


def test_exponents_and_crossings_of_exact_times():
  lengths = (4, 8, 16, 32, 64)
  square = {n: 1e-6 * n * n for n in lengths}
  line = {n: 2e-5 * n for n in lengths}
  assert exponent(square) == pytest.approx(2)
  assert exponent(line) == pytest.approx(1)
  assert exponent({4: 1.0}) is None
  assert crossing(square, line) == 20
  assert crossing(line, square) is None  # it is the faster one in the end
  assert crossing(square, dict.fromkeys(lengths, 1e-9)) is None
  # Overheads hide the order of the short ones; the last crossing counts.
  assert crossing(square | {4: 1.0}, line) == 20


def test_it_measures_and_tells(tmp_path):
  picture = tmp_path / 'layers.png'
  finished = run_command(
    'layers',
    '--lengths=4,8',
    '--d=8',
    '--heads=2',
    '--r=3',
    '--batch=1',
    '--repeats=2',
    '--backward',
    '--clock=cpu',
    f'--picture={picture}',
    package='benchmarks',
  )
  assert finished.status == 0, finished.stderr
  records = [json.loads(x) for x in finished.lines if x.startswith('{')]
  assert [(r['layer'], r['n']) for r in records] == [
    (name, n) for n in (4, 8) for name in table1.FORMULAS
  ]
  for record in records:
    assert record['backward'] and len(record['seconds']) == 2
    formula = table1.FORMULAS[record['layer']]
    operations = formula(table1.Sizes(8, 2, 3, 3), record['n'])
    assert record['ns_per_operation'] == pytest.approx(
      1e9 * record['best_s'] / operations, abs=1e-6
    )
    assert {'versions', 'commit', 'cpu', 'threads'} <= set(record)
  rows = [x for x in finished.lines if x.startswith('| ')]
  assert len(rows) == 2 + 8 + 2 + 4
  assert rows[-1].startswith('| convolutional  | k n d^2 |')
  assert ' | 24 ' in rows[-1]
  assert picture.read_bytes().startswith(b'\x89PNG')
  assert math.isfinite(records[0]['best_s'])


@pytest.mark.parametrize(
  ('flag', 'message'),
  [
    (
      '--lengths=8,4',
      '--lengths=8,4: expected ascending numbers above 0, such',
    ),
    ('--lengths=a', '--lengths=a: expected ascending numbers above 0, such as'),
    ('--r=4', '--r=4: expected an odd number of at least 3'),
    ('--heads=3', '--heads=3: expected a divisor of --d=256'),
    ('--picture=a.pdf', '--picture=a.pdf: expected a .png file in a directory'),
  ],
)
def test_a_mistake_is_one_line(flag, message):
  finished = run_command('layers', flag, package='benchmarks')
  assert finished.stderr.startswith(f'layers: {message}')
  assert (finished.status, finished.stdout) == (2, '')


def test_without_matplotlib(monkeypatch):
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  with pytest.raises(UsageError) as error:
    check_picture(pathlib.Path('a.png'))
  assert str(error.value) == (
    '--picture=a.png: needs matplotlib, which is not installed; pip install '
    "'t2t_jax[plot]'"
  )
