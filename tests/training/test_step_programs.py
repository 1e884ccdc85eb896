"""Programs of updates that are compiled before their turn."""

import threading
import time

import pytest

from t2t_jax.training.step_programs import StepPrograms

A, B, C = (8, 4, 4), (4, 8, 8), (2, 16, 16)


class Lowered:
  """Stands for a program. B's compiling waits to be let, C's fails."""

  def __init__(self, shape, log, let):
    self.shape, self.log, self.let = shape, log, let

  def compile(self):
    self.log.append(self.shape)
    if self.shape == B:
      assert self.let.wait(timeout=10)
    if self.shape == C:
      raise RuntimeError('too large')
    return f'update of {self.shape}'


def until(condition):
  for _ in range(10_000):
    if condition():
      return
    time.sleep(0.001)
  raise AssertionError('waited for ten seconds')


def programs_of(coming, monkeypatch, cpus=1, beside=True):
  monkeypatch.setattr(
    't2t_jax.training.step_programs.usable_cpus', lambda: cpus
  )
  log, let = [], threading.Event()
  programs = StepPrograms(
    lambda shape: Lowered(shape, log, let), coming, beside=beside
  )
  return programs, log, let


def test_nothing_is_compiled_before_the_first_update(monkeypatch):
  programs, log, _ = programs_of([A, B], monkeypatch)
  programs.close()
  assert log == []


def test_each_shape_is_compiled_once_in_the_order_of_need(monkeypatch):
  programs, log, let = programs_of([B, A], monkeypatch)
  let.set()
  assert [programs[B], programs[A], programs[B]] == [
    f'update of {B}',
    f'update of {A}',
    f'update of {B}',
  ]
  programs.close()
  assert log == [B, A]


def test_the_first_shape_is_compiled_alone(monkeypatch):
  programs, log, let = programs_of([B, A], monkeypatch, cpus=4)
  asking = threading.Thread(target=programs.__getitem__, args=(B,))
  asking.start()
  until(lambda: log and programs._made)
  assert list(programs._made) == log == [B]
  let.set()
  asking.join()
  assert programs[A]
  programs.close()


def test_where_updates_would_disturb_the_first_waits_for_all(monkeypatch):
  programs, log, let = programs_of([A, C, B], monkeypatch, beside=False)
  asking = threading.Thread(target=programs.__getitem__, args=(A,))
  asking.start()
  until(lambda: B in log)
  assert asking.is_alive()
  let.set()
  asking.join(timeout=10)
  assert not asking.is_alive()
  programs.close()
  assert log == [A, C, B]


def test_a_shape_that_was_not_foreseen_is_compiled_too(monkeypatch):
  programs, _, let = programs_of([], monkeypatch)
  let.set()
  assert programs[B] == f'update of {B}'
  programs.close()


def test_what_cannot_be_compiled_is_told_when_it_is_needed(monkeypatch):
  programs, _, let = programs_of([A, C], monkeypatch)
  let.set()
  assert programs[A]
  with pytest.raises(RuntimeError, match='too large'):
    programs[C]
  programs.close()


def test_what_waits_for_its_turn_is_dropped_at_the_end(monkeypatch):
  programs, log, let = programs_of([A, B, C], monkeypatch)
  assert programs[A]
  until(lambda: B in log)
  closing = threading.Thread(target=programs.close)
  closing.start()
  until(programs._made[C].cancelled)
  let.set()
  closing.join()
  assert log == [A, B]
