"""A profile as a table: kernels summed up, parts of the model told apart."""

import json
import os

import pytest
from run_command import run_command

from benchmarks.profile_events import Event, read_origins, summarise


def test_kernels_are_summed_up_by_hand():
  events = [
    Event('fusion.1', 4e6, 'jit(f)/decoder/layer_0/self_attention/dot'),
    Event('fusion.12', 2e6, 'jit(f)/decoder/layer_1/self_attention/dot'),
    Event('dot.3', 1e6, 'jit(f)/encoder/layer_0/feed_forward/dot'),
    Event('copy', 1e6, 'jit(f)/optimizer/add'),
    Event('while.3', 9e6, 'jit(f)/while'),  # of which the others are
  ]
  first, second, others, *parts = summarise(events, updates=2, top=2)
  assert first == {
    'kernel': 'fusion',
    'calls': 1.0,
    'ms': 3.0,
    'share': 0.75,
    'of': 'self-attention',
  }
  assert (second['kernel'], second['of']) == ('dot', 'feed-forward')
  assert (others['kernel'], others['share']) == ('1 others', 0.125)
  assert [(row['of'], row['share']) for row in parts] == [
    ('self-attention', 0.75),
    ('feed-forward', 0.125),
    ('optimizer', 0.125),
    ('forward', 0.875),
    ('update', 0.125),
  ]
  assert [row['kernel'][-4:] for row in parts] == ['part'] * 3 + ['pass'] * 2


def test_origins_stand_in_the_program():
  program = (
    '  %dot.4 = f32[8,8]{1,0} dot(%a, %b), metadata={op_type="dot" '
    'op_name="jit(f)/norm/dot" source_line=3}\n'
    '  ROOT %copy = f32[8]{0} copy(%c)\n'
  )
  assert read_origins(program) == {'dot.4': 'jit(f)/norm/dot'}


@pytest.mark.slow
def test_a_real_profile(monkeypatch):
  monkeypatch.setattr('t2t_jax.cli.use_compile_cache', lambda directory: None)
  monkeypatch.setenv('XLA_FLAGS', '--xla_cpu_enable_fast_math=false')
  finished = run_command(
    'profile',
    *('--size=micro', '--tokens=64', '--length=8', '--updates=2'),
    package='benchmarks',
  )
  assert finished.status == 0, finished.stderr
  assert os.environ['XLA_FLAGS'].split() == [
    '--xla_cpu_enable_fast_math=false',
    '--xla_gpu_enable_command_buffer=',
  ]
  rows = [json.loads(x) for x in finished.lines if x.startswith('{')]
  parts, passes = (
    {r['of']: r['share'] for r in rows if r['kernel'] == f'all of a {name}'}
    for name in ('part', 'pass')
  )
  assert sum(parts.values()) == pytest.approx(1, abs=0.01)
  assert {
    'self-attention',
    'feed-forward',
    'layer norm',
    'dropout',
    'softmax and loss',
    'optimizer',
  } <= set(parts)
  assert {'forward', 'backward', 'update'} <= set(passes)
  clocks = [row for row in rows if row['kernel'].endswith('by the clock')]
  assert [row['ms'] > 0 for row in clocks] == [True, True]
