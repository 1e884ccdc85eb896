"""What a program's kernels take, by hand."""

import dataclasses

import pytest
from tiny_run import make_config

from t2t_jax.parallel.chips import CHIPS
from t2t_jax.parallel.topologies import parse
from t2t_jax.planning.kernel_time import kernel_seconds
from t2t_jax.planning.plan import plan
from t2t_jax.planning.report import lines
from t2t_jax.planning.subject import from_lengths

_TPU = """HloModule m

%body (t: f32[8]) -> f32[8] {
  %t = f32[8]{0} parameter(0)
  ROOT %f = f32[8]{0} fusion(%t), calls=%c, CYCLES{"estimated_cycles":"400"}
}

ENTRY %e (a: f32[8]) -> f32[8] {
  %a = f32[8]{0} parameter(0)
  %b = f32[8]{0} copy(%a), CYCLES{"estimated_cycles":"300"}
  %r = f32[8]{0} all-reduce(%b), to_apply=%sum
  ROOT %w = f32[8]{0} while(%r), condition=%no, body=%body, TRIPS
}
"""
_TPU = _TPU.replace('CYCLES', 'backend_config=').replace(
  'TRIPS', 'backend_config={"known_trip_count":{"n":"3"}}'
)
_GPU = """HloModule m

%dots (a: bf16[64,32], b: bf16[32,16]) -> f32[64,16] {
  %a = bf16[64,32]{1,0} parameter(0)
  %b = bf16[32,16]{1,0} parameter(1)
  ROOT %d = f32[64,16]{1,0} dot(%a, %b), lhs_contracting_dims={1}
}

ENTRY %e (a: bf16[64,32], b: bf16[32,16]) -> f32[64,16] {
  %a = bf16[64,32]{1,0} parameter(0)
  %b = bf16[32,16]{1,0} parameter(1)
  %x = f32[64,16]{1,0} fusion(%a, %b), kind=kCustom, calls=%dots
  ROOT %r = f32[64,16]{1,0} all-reduce(%x), to_apply=%sum
}
"""


def test_a_tpu_tells_its_cycles():
  assert kernel_seconds(_TPU, CHIPS['v5e']) == pytest.approx(
    (300 + 3 * 400) / 1.5e9
  )
  # Of a chip whose clock is not known nothing is said.
  assert kernel_seconds(_TPU, CHIPS['v6e']) is None


def test_a_gpu_moves_bytes_or_computes():
  """So small a product takes as long as its bytes; collectives are apart."""
  moved = 2 * 64 * 32 + 2 * 32 * 16 + 4 * 64 * 16
  assert kernel_seconds(_GPU, CHIPS['h200']) == pytest.approx(moved / 4.8e12)


def test_clocks_are_those_of_the_peaks():
  """128 x 128 products and sums a cycle in each of a chip's matrix units."""
  for name, units in (('v4', 8), ('v5e', 4), ('v5p', 8)):
    chip = CHIPS[name]
    peak = 2 * units * 128**2 * chip.clock
    assert peak == pytest.approx(chip.peak_flops, rel=0.01)


@pytest.mark.parametrize(
  ('name', 'said'),
  [
    ('v5e:2x2', ', kernels 2 ms (as its compiler estimates), links '),
    ('h200:1x4', ', kernels 2 ms, links '),
  ],
)
def test_a_plan_says_whose_time_it_is(tmp_path, name, said):
  subject, topology = from_lengths(make_config(tmp_path), '8x8'), parse(name)
  found = plan(subject, topology, (4, 1, 1), 2**40)
  times = dataclasses.replace(found.times, kernels=2e-3)
  found = dataclasses.replace(found, times=times)
  assert any(said in line for line in lines(found, topology))
