"""What MFU is measured against: products, and the choice of their width."""

import time

import jax
import jax.numpy as jnp
import pytest

from benchmarks import products as products_lib
from benchmarks.products import Products, fastest, make_products


def test_operations_are_those_of_the_program(monkeypatch):
  """XLA's own count of a chain, times the chains of a call."""
  width, programs = 64, []
  monkeypatch.setattr(products_lib, '_FLOPS', {'cpu': 1e7})
  jit = jax.jit

  def counted(function):
    made = jit(function)

    def call(*arrays):
      programs.append(made.lower(*arrays).cost_analysis()['flops'])
      return jnp.zeros((width, width))

    return call

  monkeypatch.setattr(jax, 'jit', counted)
  products = make_products('float32', width)
  monkeypatch.undo()
  programs.clear()
  products.job()
  assert products.width == width
  assert sum(programs) == pytest.approx(products.flops, rel=1e-6)
  assert len(programs) == 5


def test_the_fastest_width_is_taken_and_compiling_does_not_count():
  calls = []

  def candidate(width, first, later):
    def job():
      time.sleep(later if width in calls else first)
      calls.append(width)

    return Products(job, 1e9, width)

  found = fastest([candidate(1, 0, 0.02), candidate(2, 0.1, 0.005)])
  assert found.width == 2
  # In turn, as what is compared is.
  assert calls == [1, 2] * 4


def test_it_is_a_rate_that_is_compared():
  slow = Products(lambda: time.sleep(0.002), 1e6, 1)
  fast = Products(lambda: time.sleep(0.008), 1e9, 2)
  assert fastest([slow, fast]).width == 2


def test_another_clock_decides():
  clock = iter([0, 0] + [0, 1, 0, 2] * 3)
  candidates = [Products(lambda: None, 1e9, width) for width in (1, 2)]
  assert fastest(candidates, lambda: next(clock)).width == 1
