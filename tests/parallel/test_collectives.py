"""Collectives read from programs: from text, and from what XLA compiles."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from quick_compile import COMPILER_OPTIONS

from t2t_jax.config import MeshConfig
from t2t_jax.parallel.collectives import Collective, read_collectives
from t2t_jax.parallel.mesh import create_mesh

MESH = {'data': 2, 'fsdp': 2, 'tensor': 2}


def entry(*lines, before=''):
  """Returns HLO text with `lines` in its entry computation."""
  body = '\n'.join(f'  {line}' for line in lines)
  main = f'ENTRY %main (p: f32[8]) -> f32[8] {{\n{body}\n}}\n'
  return f'HloModule m\n\n{before}\n{main}'


def reduced(groups, shape='f32[16,4]{1,0:T(8,128)}'):
  return (
    f'%all-reduce.1 = {shape} all-reduce(%p), channel_id=1, '
    f'replica_groups={groups}, use_global_device_ids=true, to_apply=%add'
  )


@pytest.mark.parametrize(
  ('groups', 'axes'),
  [
    ('{{0,1},{2,3},{4,5},{6,7}}', ('tensor',)),
    ('{{0,2},{1,3},{4,6},{5,7}}', ('fsdp',)),
    ('{{0,4},{1,5},{2,6},{3,7}}', ('data',)),
    ('{{0,1,2,3},{4,5,6,7}}', ('fsdp', 'tensor')),
    ('[4,2]<=[8]', ('tensor',)),
    ('[4,2]<=[4,2]T(1,0)', ('fsdp',)),
    ('[4,2]<=[2,2,2]T(0,2,1)', ('fsdp',)),
    ('[1,8]<=[8]', ('data', 'fsdp', 'tensor')),
    ("mesh['a'=2,'b'=4] {'b'}", ('fsdp', 'tensor')),
    ("mesh['a'=2,'b'=4] {'b':(1)2}", ('fsdp',)),
    ("mesh['a'=2,'b'=4] {'b':(2)2}", ('tensor',)),
    ("mesh['a'=4,'b'=2], device_ids=([2,4]T(1,0)) {'b'}", ('data',)),
    ("mesh['a'=2,'b'=2,'c'=2] {'a','c'}", ('data', 'tensor')),
  ],
)
def test_groups_name_the_axes(groups, axes):
  [found] = read_collectives(entry(reduced(groups)), MESH)
  assert (found.kind, found.axes, found.bytes) == ('all-reduce', axes, 256)
  assert found.group_size == 2 ** len(axes)


def test_one_device_exchanges_nothing():
  groups = '{{0},{1},{2},{3},{4},{5},{6},{7}}'
  assert read_collectives(entry(reduced(groups)), MESH) == []


@pytest.mark.parametrize(
  ('line', 'kind', 'size'),
  [
    ('bf16[8,4] all-gather(%p)', 'all-gather', 64),
    ('(bf16[4,4], bf16[8,4]) all-gather-start(%p)', 'all-gather', 64),
    ('f32[4] reduce-scatter(%p)', 'reduce-scatter', 32),
    ('(f32[8], f32[4]) reduce-scatter-start(%p)', 'reduce-scatter', 32),
    ('(f32[8], f32[2,3]) all-reduce(%p, %q)', 'all-reduce', 56),
    ('(f32[4], f32[4]) all-to-all(%p, %q)', 'all-to-all', 32),
    ('pred[8] all-gather(%p)', 'all-gather', 8),
    ('s8[8] all-gather(%p)', 'all-gather', 8),
  ],
)
def test_bytes_are_those_of_the_whole_array(line, kind, size):
  text = entry(f'%x = {line}, channel_id=1, replica_groups=[4,2]<=[8]')
  assert read_collectives(text, MESH) == [
    Collective(kind, ('tensor',), 2, size, 1)
  ]


def test_pairs_of_a_permutation_name_its_axis():
  text = entry(
    '%x = f32[4] collective-permute(%p), channel_id=1, '
    'source_target_pairs={{0,4},{4,0}}'
  )
  [found] = read_collectives(text, MESH)
  assert (found.kind, found.axes) == ('collective-permute', ('data',))


LOOPS = """%inner (t: s32[]) -> f32[4] {
  %all-reduce.2 = f32[4] all-reduce(%t), channel_id=2, replica_groups=[4,2]<=[8]
}

%body (t: s32[]) -> s32[] {
  %while.2 = s32[] while(%t), condition=%less, body=%inner
}

%less (t: s32[]) -> pred[] {
  %constant.3 = s32[]{:T(128)} constant(5)
  ROOT %lt = pred[] compare(%t, %constant.3), direction=LT
}
"""


def test_loops_count_as_often_as_they_turn():
  text = entry(
    '%while.1 = s32[] while(%p), condition=%c, body=%body, '
    'backend_config={"known_trip_count":{"n":"3"}}',
    before=LOOPS,
  )
  assert read_collectives(text, MESH) == [
    Collective('all-reduce', ('tensor',), 2, 16, 15)
  ]


def test_a_tpu_writes_a_reduce_scatter_as_a_fusion():
  before = """%all-reduce-scatter.7 (i: f32[8]) -> f32[4] {
  %all-reduce.2 = f32[8] all-reduce(%i), channel_id=1, replica_groups=[4,2]<=[8]
  ROOT %dynamic-slice.5 = f32[4] dynamic-slice(%all-reduce.2, %m)
}
"""
  twice = [
    f'%f.{i} = f32[4] fusion(%p), kind=kCustom, calls=%all-reduce-scatter.7'
    for i in range(2)
  ]
  # Two of them may share a channel.
  assert read_collectives(entry(*twice, before=before), MESH) == [
    Collective('reduce-scatter', ('tensor',), 2, 32, 2)
  ]


def test_a_gather_hidden_behind_other_work_counts_once():
  gather = '%g = f32[8] all-gather(%i), channel_id=4, replica_groups=[4,2]<=[8]'
  before = '\n'.join(
    f'%{name} (i: f32[4]) -> f32[8] {{\n  {gather}\n}}\n'
    for name in ('fused_computation.1', 'async_collective_fusion.2')
  )
  text = entry(
    '%a = f32[8] fusion(%p), kind=kCustom, calls=%fused_computation.1',
    '%b = f32[8] fusion(%a), kind=kCustom, calls=%async_collective_fusion.2',
    before=before,
  )
  assert read_collectives(text, MESH) == [
    Collective('all-gather', ('tensor',), 2, 32, 1)
  ]


def test_a_program_that_xla_compiled():
  mesh = create_mesh(MeshConfig(2, 4, 1), jax.devices()[:8])

  def array(shape, *spec):
    sharding = NamedSharding(mesh, PartitionSpec(*spec))
    return jax.ShapeDtypeStruct(shape, jnp.float32, sharding=sharding)

  # Contracted over an axis that `fsdp` splits: a sum of 16 x 32 floats there.
  program = jax.jit(
    lambda x, w: x @ w,
    out_shardings=NamedSharding(mesh, PartitionSpec()),
    compiler_options=COMPILER_OPTIONS,
  )
  compiled = program.lower(
    array((16, 64), None, 'fsdp'), array((64, 32), 'fsdp', None)
  ).compile()
  assert read_collectives(compiled.as_text(), mesh.shape) == [
    Collective('all-reduce', ('fsdp',), 4, 4 * 16 * 32, 1)
  ]
