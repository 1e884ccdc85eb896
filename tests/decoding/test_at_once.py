"""Searches that run at one time."""

import threading

import jax
import pytest

from t2t_jax.decoding.search import at_once
from t2t_jax.decoding.search.at_once import Program, run_at_once
from t2t_jax.parallel.mesh import decoding_mesh
from tests.tiny_translator import translator_with

PATIENCE_S = 30


def test_a_cpu_searches_a_batch_a_core(monkeypatch):
  for cpus, expected in ((1, 1), (2, 2), (64, 8)):
    monkeypatch.setattr(at_once, 'usable_cpus', lambda cpus=cpus: cpus)
    assert at_once.searches_at_once(None) == expected
  several = decoding_mesh()
  assert several.size > 1
  one = jax.sharding.Mesh(several.devices[:1], several.axis_names)
  assert at_once.searches_at_once(one) == 8
  # Programs that speak with each other must start in one order everywhere.
  assert at_once.searches_at_once(several) == 1
  monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
  assert at_once.searches_at_once(None) == 1


def test_results_come_in_order_from_so_many_at_one_time():
  meeting = threading.Barrier(3)
  seen = set()

  def call(item):
    meeting.wait(PATIENCE_S)  # breaks unless three are there
    seen.add(threading.get_ident())
    return -item

  assert list(run_at_once(call, range(12), 3)) == [-i for i in range(12)]
  assert len(seen) == 3


def test_items_are_taken_as_they_are_needed():
  taken = []

  def items():
    for item in range(100):
      taken.append(item)
      yield item

  results = run_at_once(str, items(), 2)
  assert [next(results) for _ in range(3)] == ['0', '1', '2']
  assert len(taken) <= 6
  results.close()
  assert len(taken) <= 6


def test_an_error_comes_where_its_result_would():
  def call(item):
    if item == 3:
      raise ValueError('item 3')
    return item

  results = run_at_once(call, range(9), 2)
  assert [next(results) for _ in range(3)] == [0, 1, 2]
  with pytest.raises(ValueError, match='item 3'):
    next(results)


def test_who_stops_early_waits_for_nothing_that_has_not_begun():
  begun, go_on = [], threading.Event()

  def call(item):
    begun.append(item)
    if item:
      assert go_on.wait(PATIENCE_S)

  results = run_at_once(call, range(50), 2)
  assert next(results) is None
  go_on.set()
  results.close()
  assert len(begun) <= 4


def test_threads_compile_a_program_once():
  traced = []

  def function(x):
    traced.append(x)
    return x + 1

  program = Program(function)
  numbers = list(run_at_once(program, [jax.numpy.ones(3)] * 8, 8))
  assert len(traced) == program.num_compiled() == 1
  assert all((x == 2).all() for x in numbers)


def test_results_do_not_depend_on_how_many_are_searched(monkeypatch):
  lines = [f'{"a b c d e f g h i"[: 1 + n % 17]}' for n in range(40)]
  found = []
  for cpus in (1, 3):
    monkeypatch.setattr(at_once, 'usable_cpus', lambda cpus=cpus: cpus)
    translator = translator_with(batch_tokens=256)
    assert translator.grid.at_once == cpus
    found.append(translator.translate(lines, nbest=2))
  one, three = found
  assert [x.text for x in one] == [x.text for x in three]
  scores = [[h.score for x in y for h in x.hypotheses] for y in found]
  assert scores[0] == pytest.approx(scores[1], abs=1e-5)
