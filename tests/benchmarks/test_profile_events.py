"""A profile as a table: kernels summed up, parts of the model told apart."""

import json

import pytest
from run_command import run_command

from benchmarks.profile_events import Event, read_origins, summarise


def test_kernels_are_summed_up_by_hand():
  events = [
    Event('fusion.1', 4e6, 'jit(f)/decoder/layer_0/self_attention/dot'),
    Event('fusion.12', 2e6, 'jit(f)/decoder/layer_1/self_attention/dot'),
    Event('dot.3', 1e6, 'jit(f)/encoder/layer_0/feed_forward/dot'),
    Event('copy', 1e6, 'jit(f)/add'),
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
    ('optimizer and the rest', 0.125),
  ]


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
  finished = run_command(
    'profile',
    *('--size=micro', '--tokens=64', '--length=8', '--updates=2'),
    package='benchmarks',
  )
  assert finished.status == 0, finished.stderr
  rows = [json.loads(x) for x in finished.lines if x.startswith('{')]
  parts = {row['of']: row['share'] for row in rows if 'calls' not in row}
  assert sum(parts.values()) == pytest.approx(1, abs=0.01)
  assert {'self-attention', 'feed-forward', 'softmax and loss'} <= set(parts)
