"""What a command shows to a person."""

import io
import sys

from t2t_jax.terminal import ProgressLine, prompt_lines


class Stream(io.StringIO):
  def __init__(self, text='', on_terminal=False):
    super().__init__(text)
    self._on_terminal = on_terminal

  def isatty(self):
    return self._on_terminal

  def reconfigure(self, **_):
    pass


class Clock:
  now = 100.0

  def __call__(self):
    return self.now


def shown(on_terminal, total=1000, **options):
  """What is shown of 150 lines done in 75 seconds, after 100 before."""
  stream, clock = Stream(on_terminal=on_terminal), Clock()
  progress = ProgressLine(stream, clock=clock, **options)
  clock.now = 200.0
  with progress:
    progress.begin(100, total)
    for second in range(1, 76):
      clock.now = 200.0 + second
      progress.update(2.0 * second)
      if second == 40:
        progress.say('a warning')
  return stream.getvalue()


def test_a_log_has_a_line_every_half_minute():
  assert shown(False) == (
    '160 of 1,000 lines, 2.0 lines/s, 7m00s left\n'
    'a warning\n'
    '220 of 1,000 lines, 2.0 lines/s, 6m30s left\n'
    '250 of 1,000 lines, 2.0 lines/s, 6m15s left\n'
  )


def test_a_total_that_nobody_knows():
  assert shown(True, None).endswith('\x1b[K250 lines, 2.0 lines/s\n')
  assert shown(False, None) == 'a warning\n'


def test_a_terminal_has_one_line_that_changes():
  text = shown(True)
  assert text.count('\n') == 2  # of the warning, and at the end
  changes = text.split('\r\x1b[K')
  assert changes[0] == ''
  assert changes[1] == '102 of 1,000 lines, 2.0 lines/s, 7m29s left'
  # Erases the line that it takes the place of.
  assert 'a warning\n' in changes
  assert changes[-1] == '250 of 1,000 lines, 2.0 lines/s, 6m15s left\n'


def test_what_is_not_to_be_shown():
  assert shown(True, shown=False) == 'a warning\n'


def test_a_short_translation_says_nothing():
  stream, clock = Stream(), Clock()
  with ProgressLine(stream, clock=clock) as progress:
    clock.now += 29
    progress.update(10)
  assert stream.getvalue() == ''


def test_a_prompt_stands_on_standard_error(monkeypatch):
  """Where standard output is a file; a terminal's is input()'s own."""
  monkeypatch.setattr(sys, 'stdin', Stream('one\n\ntwo'))
  monkeypatch.setattr(sys, 'stdout', Stream())
  monkeypatch.setattr(sys, 'stderr', Stream())
  assert list(prompt_lines()) == ['one', '', 'two']
  assert sys.stdout.getvalue() == ''
  hint, prompts = sys.stderr.getvalue().split('\n', 1)
  assert 'Ctrl-D' in hint
  assert prompts == '> > > > \n'


def test_ctrl_c_ends_a_prompt(monkeypatch):
  def interrupt(prompt):
    raise KeyboardInterrupt

  monkeypatch.setattr('builtins.input', interrupt)
  monkeypatch.setattr(sys, 'stdin', Stream())
  monkeypatch.setattr(sys, 'stdout', Stream(on_terminal=True))
  monkeypatch.setattr(sys, 'stderr', Stream())
  assert list(prompt_lines()) == []
  assert sys.stderr.getvalue().endswith('ends\n\n')


def test_a_closed_standard_error_is_no_terminal():
  with ProgressLine(None) as progress:
    progress.begin(0, 10)
