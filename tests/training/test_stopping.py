"""Being told to stop."""

import os
import signal
import sys

import pytest

from t2t_jax.training.stopping import Stopped, StopSignal, stop_at_once


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_noted(number):
  with StopSignal() as stop:
    assert not stop
    os.kill(os.getpid(), number)
    assert stop
    assert stop.name == signal.Signals(number).name


def test_a_second_sigterm_changes_nothing():
  with StopSignal() as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.name == 'SIGTERM'


def test_a_second_interrupt_ends_at_once():
  with StopSignal():
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
      os.kill(os.getpid(), signal.SIGINT)


def test_the_handlers_before_come_back():
  before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
  with StopSignal():
    assert signal.getsignal(signal.SIGTERM) != before[0]
  after = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
  assert after == before


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_where_nothing_is_to_be_saved_it_stops_at_once(number):
  before = signal.getsignal(number)
  with (
    pytest.raises(Stopped, match=f'stopped by {number.name} after the end'),
    stop_at_once('after the end'),
  ):
    os.kill(os.getpid(), number)
  assert signal.getsignal(number) is before


def test_what_a_destructor_swallows_is_raised_again(monkeypatch):
  """Without the lines that Python writes of it; those of others stay."""
  told = []
  monkeypatch.setattr(
    sys, 'unraisablehook', lambda it: told.append(it.exc_type)
  )

  class Killed:
    def __del__(self):
      os.kill(os.getpid(), signal.SIGTERM)

  class Broken:
    def __del__(self):
      raise ZeroDivisionError

  with stop_at_once('in the middle') as check:
    check()
    Killed()
    Broken()
    with pytest.raises(Stopped, match='stopped by SIGTERM in the middle'):
      check()
  assert told == [ZeroDivisionError]
  Broken()
  assert told == [ZeroDivisionError] * 2
