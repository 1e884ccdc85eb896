"""Kernels read from scheduled HLO, their bytes and operations by hand."""

import json

import pytest

from t2t_jax.planning.kernels import read_kernels

FUSED = """%dots (a: bf16[6,4], b: bf16[4,8]) -> f32[6,8] {
  %a = bf16[6,4]{1,0} parameter(0)
  %b = bf16[4,8]{1,0} parameter(1)
  ROOT %d = f32[6,8]{1,0} dot(%a, %b), lhs_contracting_dims={1}
}

%cuts (a: f32[100,8], i: s32[]) -> f32[1,8] {
  %a = f32[100,8]{1,0} parameter(0)
  %i = s32[] parameter(1)
  %z = s32[] constant(0)
  %c = f32[1,8]{1,0} dynamic-slice(%a, %i, %z), dynamic_slice_sizes={1,8}
  ROOT %n = f32[1,8]{1,0} negate(%c)
}

%puts (a: f32[100,8], x: f32[1,8], i: s32[]) -> f32[100,8] {
  %a = f32[100,8]{1,0} parameter(0)
  %x = f32[1,8]{1,0} parameter(1)
  %i = s32[] parameter(2)
  %z = s32[] constant(0)
  ROOT %u = f32[100,8]{1,0} dynamic-update-slice(%a, %x, %i, %z)
}

%turns (a: f32[6,8]) -> (bf16[8,6], f32[6,8]) {
  %a = f32[6,8]{1,0} parameter(0)
  %h = bf16[6,8]{1,0} convert(%a)
  %t = bf16[8,6]{1,0} transpose(%h), dimensions={1,0}
  ROOT %r = (bf16[8,6]{1,0}, f32[6,8]{1,0}) tuple(%t, %a)
}

%adds (a: f32[100,8], i: s32[5,1], x: f32[5,8]) -> f32[100,8] {
  %a = f32[100,8]{1,0} parameter(0)
  %i = s32[5,1]{1,0} parameter(1)
  %x = f32[5,8]{1,0} parameter(2)
  ROOT %s = f32[100,8]{1,0} scatter(%a, %i, %x), to_apply=%sum
}

%sum (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %s = f32[] add(%a, %b)
}

%sums (a: f32[6,8]) -> f32[6] {
  %a = f32[6,8]{1,0} parameter(0)
  %z = f32[] constant(0)
  ROOT %s = f32[6]{0} reduce(%a, %z), dimensions={1}, to_apply=%sum
}

"""


def kernels(*lines):
  body = '\n'.join(f'  {line}' for line in lines)
  return read_kernels(
    f'HloModule m\n\n{FUSED}ENTRY %e () -> f32[] {{\n{body}\n}}\n'
  )


ARRAYS = (
  '%a = bf16[6,4]{1,0} parameter(0)',
  '%b = bf16[4,8]{1,0} parameter(1)',
  '%f = f32[6,8]{1,0} parameter(2)',
  '%l = f32[100,8]{1,0} parameter(3)',
  '%i = s32[] parameter(4)',
  '%o = f32[1,8]{1,0} parameter(5)',
  '%w = s32[5,1]{1,0} parameter(6)',
  '%v = f32[5,8]{1,0} parameter(7)',
)


@pytest.mark.parametrize(
  ('line', 'kind', 'size', 'flops'),
  [
    # 2 m n k; both factors are read, the result is written.
    (
      'f32[6,8]{1,0} fusion(%a, %b), kind=kCustom, calls=%dots',
      'product',
      48 + 64 + 192,
      2 * 6 * 8 * 4,
    ),
    # Of a large array a row: that, its number, and the result.
    (
      'f32[1,8]{1,0} fusion(%l, %i), kind=kLoop, calls=%cuts',
      'elementwise',
      32 + 4 + 32,
      0,
    ),
    # A row written where it belongs.
    (
      'f32[100,8]{1,0} fusion(%l, %o, %i), kind=kLoop, calls=%puts',
      'move',
      32 + 4 + 32,
      0,
    ),
    (
      '(bf16[8,6]{1,0}, f32[6,8]{1,0}) fusion(%f), kind=kInput, calls=%turns',
      'move',
      192 + 96 + 192,
      0,
    ),
    # Five rows read, added to five that are read and written.
    (
      'f32[100,8]{1,0} fusion(%l, %w, %v), kind=kInput, calls=%adds',
      'scatter',
      20 + 3 * 160,
      0,
    ),
    ('f32[6]{0} fusion(%f), kind=kInput, calls=%sums', 'reduce', 216, 0),
    ('f32[6,8]{0,1} copy(%f)', 'move', 384, 0),
    ('f32[6,8]{1,0} all-reduce(%f), to_apply=%sum', 'all-reduce', 384, 0),
  ],
)
def test_bytes_and_operations_of_a_kernel(line, kind, size, flops):
  [kernel] = kernels(*ARRAYS, f'%x = {line}')
  assert (kernel.kind, kernel.bytes, kernel.flops) == (kind, size, flops)
  assert (kernel.name, kernel.count) == ('x', 1)


def test_a_product_of_cublas_with_its_room_to_work_in():
  config = {
    'gemm_backend_config': {
      'dot_dimension_numbers': {'lhs_contracting_dimensions': ['1']},
      'epilogue': 'BIAS_RELU',
    }
  }
  [kernel] = kernels(
    *ARRAYS,
    '%x = (bf16[6,8]{1,0}, s8[4194304]{0}) custom-call(%a, %b), '
    'custom_call_target="__cublas$lt$matmul", metadata={op_name="jit(f)/y"}, '
    f'backend_config={json.dumps(config)}',
  )
  assert (kernel.kind, kernel.source) == ('product', 'jit(f)/y')
  assert kernel.bytes == 48 + 64 + 96
  assert kernel.flops == 2 * 6 * 8 * 4


@pytest.mark.parametrize(('name', 'products'), [('', 2), ('Backward', 5)])
def test_attention_of_cudnn(name, products):
  config = {
    'cudnn_fmha_backend_config': {
      'intermediate_tensor_shape': {'dimensions': ['3', '2', '5', '7']}
    }
  }
  [kernel] = kernels(
    '%q = bf16[3,5,2,64]{3,1,2,0} parameter(0)',
    '%k = bf16[3,7,2,64]{3,1,2,0} parameter(1)',
    '%x = (bf16[3,5,2,64]{3,1,2,0}, u8[0]{0}) custom-call(%q, %k, %k), '
    f'custom_call_target="__cudnn$fmhaSoftmax{name}", '
    f'backend_config={json.dumps(config)}',
  )
  assert kernel.kind == 'attention'
  assert kernel.flops == products * 2 * 3 * 2 * 5 * 7 * 64


def test_a_kernel_in_a_loop_counts_as_often_as_it_turns():
  before = (
    '%body (t: f32[6,8]) -> f32[6,8] {\n'
    '  %t = f32[6,8]{1,0} parameter(0)\n'
    '  ROOT %c = f32[6,8]{1,0} copy(%t)\n}\n'
    'ENTRY %e () -> f32[] {\n'
    '  %f = f32[6,8]{1,0} parameter(0)\n'
    '  %w = f32[6,8]{1,0} while(%f), condition=%no, body=%body, '
    'backend_config={"known_trip_count":{"n":"3"}}\n}\n'
  )
  [kernel] = read_kernels(before)
  assert (kernel.name, kernel.count) == ('c', 3)


def test_the_least_time_is_that_of_the_slower_of_two():
  [kernel] = kernels(
    *ARRAYS, '%x = f32[6,8]{1,0} fusion(%a, %b), kind=kCustom, calls=%dots'
  )
  assert kernel.seconds(flops=384, bandwidth=304) == pytest.approx(1)
  assert kernel.seconds(flops=192, bandwidth=304) == pytest.approx(2)
  assert kernel.seconds(flops=384, bandwidth=76) == pytest.approx(4)
