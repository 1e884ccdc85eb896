"""Kernels in groups, by hand, and the command on a file of HLO."""

import json

import pytest
from run_command import run_command

from benchmarks.kernel_groups import costliest, part_of_kernel, summarise
from t2t_jax.planning.kernels import Kernel

PRODUCT = Kernel('p', 'product', 'jit(f)/jvp()/dot', 'f32[2]', 100, 5000, 3)
COPY = Kernel('c', 'move', '', 'f32[2]', 700, 0, 1)
SMALL = Kernel('s', 'move', '', 'f32[2]', 10, 0, 20)


def test_a_group_takes_the_time_of_its_kernels():
  rows = summarise([COPY, PRODUCT, SMALL], lambda k: k.kind, 1000.0, 100.0)
  assert [row['group'] for row in rows] == ['product', 'move', 'all']
  # 3 x 5 s of operations; 7 s and 20 x 0.1 s of bytes.
  assert [row['ms'] for row in rows] == pytest.approx([15e3, 9e3, 24e3])
  assert [row['kernels'] for row in rows] == [3, 21, 24]
  assert [row['share'] for row in rows] == pytest.approx([15 / 24, 9 / 24, 1])
  assert rows[-1]['gbytes'] == pytest.approx(1200e-9)
  assert rows[-1]['gflops'] == pytest.approx(15000e-9)
  assert costliest([SMALL, COPY, PRODUCT], 1000.0, 100.0) == [
    PRODUCT,
    COPY,
    SMALL,
  ]


@pytest.mark.parametrize(
  ('source', 'part'),
  [
    ('jvp(Transformer.features)/Transformer.encode/x', 'embedding, forward'),
    (
      'transpose(jvp(Transformer.features))/Transformer.encode/x',
      'embedding, backward',
    ),
    ('vmap(jvp())/while/body/exp', 'softmax and loss'),
    ('optimizer/sqrt', 'optimizer'),
  ],
)
def test_a_part_has_two_ways(source, part):
  source = f'jit(train_step)/{source}'
  kernel = Kernel('k', 'reduce', source, 'f32[2]', 1, 1, 1)
  assert part_of_kernel(kernel) == part


def test_a_file_of_hlo(tmp_path):
  file = tmp_path / 'update.hlo'
  file.write_text(
    'HloModule m, is_scheduled=true\n\n'
    'ENTRY %e (f: f32[6,8]) -> f32[6,8] {\n'
    '  %f = f32[6,8]{1,0} parameter(0)\n'
    '  ROOT %c = f32[6,8]{0,1} copy(%f)\n}\n'
  )
  done = run_command('hlo', f'--hlo={file}', package='benchmarks')
  assert done.status == 0, done.stderr
  assert json.loads(done.lines[0])['gbytes'] == pytest.approx(384e-9)
  assert done.lines[-1].startswith('| c      | move | 1 ')


def test_a_file_without_kernels(tmp_path):
  file = tmp_path / 'empty.hlo'
  file.write_text('HloModule m\n')
  done = run_command('hlo', f'--hlo={file}', package='benchmarks')
  assert done.status == 2
  assert f'--hlo={file}: expected scheduled HLO, found none' in done.stderr
