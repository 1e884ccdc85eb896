"""Outputs hold whole lines, whatever ends the writing, and can be gone on."""

import contextlib
import io
import json
import os
import re
import resource
import signal
import sys

import pytest

from t2t_jax.decoding.lines import results_file
from t2t_jax.decoding.lines.results import signals_held, write_all
from t2t_jax.decoding.lines.results_file import open_results
from t2t_jax.errors import UsageError

SETTINGS = {'workdir': '/runs/base', 'beam_size': 4, 'nbest': None}
LINES = [f'line {i}' for i in range(10)]
# Two lines of output each, as of an n-best list.
WHOLE = ''.join(f'{line}, a\n{line}, b\n' for line in LINES)


class Broken(Exception):
  """Stands for whatever ends a translation."""


@pytest.fixture
def output(tmp_path):
  return tmp_path / 'out'


def note_of(output):
  return output.with_name('out.progress.json')


def translate(output, *, lines=LINES, stop=None, size=3, resume=False, **other):
  """Writes results in groups of `size`; raises Broken after `stop` lines."""
  settings = SETTINGS | other
  groups = [lines[i : i + size] for i in range(0, len(lines), size)]
  with open_results(str(output), settings, resume=resume) as results:
    done = results.lines_done
    for group in results.skip_done(groups):
      if done == stop:
        raise Broken
      results.write(group, ''.join(f'{x}, a\n{x}, b\n' for x in group))
      done += len(group)


def break_off(output, stop=6):
  with pytest.raises(Broken):
    translate(output, stop=stop)


def assert_refuses(message):
  return pytest.raises(UsageError, match=re.escape(message))


def test_a_complete_file_is_alone_and_is_replaced(output):
  for _ in range(2):
    translate(output)
    assert output.read_text() == WHOLE
    assert os.listdir(output.parent) == ['out']
  translate(output, lines=[])
  assert output.read_text() == ''


def test_going_on_gives_the_same_file(output):
  break_off(output)
  assert output.read_text() == ''.join(WHOLE.splitlines(True)[:12])
  note = json.loads(note_of(output).read_text())
  assert (note['lines'], note['bytes']) == (6, output.stat().st_size)
  with pytest.raises(Broken):
    translate(output, stop=9, resume=True)
  translate(output, resume=True, size=2)
  assert output.read_text() == WHOLE
  assert not note_of(output).exists()


def test_what_a_killed_process_left_is_cut(output, monkeypatch):
  """The note may lag behind the output, which may end in half a sentence."""
  monkeypatch.setattr(results_file, '_NOTE_SECONDS', 1e9)
  break_off(output)
  note = json.loads(note_of(output).read_text())
  half = output.read_text() + 'line 6, a\nline 6'
  output.write_text(half)
  translate(output, resume=True)
  assert output.read_text() == WHOLE
  # Killed with the note of 6 lines when 8 were written.
  output.write_text(half + ', b\nline 7, a\nline 7, b\nli')
  note_of(output).write_text(json.dumps(note))
  translate(output, resume=True, size=4)
  assert output.read_text() == WHOLE


def test_resume_begins_what_was_never_begun(output):
  translate(output, resume=True)
  assert output.read_text() == WHOLE
  output.write_text('')
  translate(output, resume=True)
  assert output.read_text() == WHOLE


def test_all_lines_done_but_not_the_end(output):
  break_off(output)
  translate(output, lines=LINES[:6], resume=True)
  assert output.read_text() == ''.join(WHOLE.splitlines(True)[:12])
  assert not note_of(output).exists()


def test_a_failure_before_the_first_result_changes_nothing(output):
  output.write_text('of another day\n')
  break_off(output, stop=0)
  assert output.read_text() == 'of another day\n'
  assert not note_of(output).exists()


def test_an_unfinished_file_is_not_overwritten(output):
  break_off(output)
  with assert_refuses(
    f'--output={output}: holds the first 6 lines of a translation that was '
    'broken off; --resume goes on, deleting it begins anew'
  ):
    translate(output)
  output.unlink()
  translate(output)
  assert output.read_text() == WHOLE


def test_a_complete_file_is_not_resumed(output):
  output.write_text('one\n')
  with assert_refuses(
    f'--resume: expected {output}.progress.json beside {output}, found none: '
    'out is complete, or was not written by this command'
  ):
    translate(output, resume=True)


def test_other_settings_are_listed(output):
  break_off(output)
  with assert_refuses(
    f'--resume: {output} was begun with other settings: beam_size: 4 -> 1, '
    'format: None -> json. Give those again, or delete it to begin anew'
  ):
    translate(output, resume=True, beam_size=1, format='json')


@pytest.mark.parametrize('lines', [LINES[:5], ['other', *LINES[1:]], []])
def test_other_input_is_refused(output, lines):
  break_off(output)
  before = output.read_bytes()
  with assert_refuses(
    f'--resume: {output} was made from other input: its first 6 lines differ. '
    'Give the same, or delete out to begin anew'
  ):
    translate(output, lines=lines, resume=True)
  assert output.read_bytes() == before


def test_a_file_that_lost_its_end(output):
  break_off(output)
  size = output.stat().st_size
  os.truncate(output, size - 1)
  with assert_refuses(
    f'--resume: expected at least {size} bytes in {output}, found {size - 1}; '
    'delete it to begin anew'
  ):
    translate(output, resume=True)


@pytest.mark.parametrize('content', ['{', '[]', '{"lines": 1}'])
def test_a_damaged_note(output, content):
  break_off(output)
  note_of(output).write_text(content)
  with assert_refuses(
    f'{output}.progress.json: expected how far out is, found something else; '
    'delete both to begin anew'
  ):
    translate(output, resume=True)


def test_one_process_writes_a_file(output):
  with (
    open_results(str(output), SETTINGS, resume=False),
    assert_refuses(f'--output={output}: another process is writing it'),
  ):
    translate(output)


def test_one_that_is_being_written_is_not_called_broken_off(output):
  break_off(output)
  with (
    open_results(str(output), SETTINGS, resume=True),
    assert_refuses(f'--output={output}: another process is writing it'),
  ):
    translate(output)


def test_standard_output_and_devices_keep_nothing(monkeypatch):
  for name in ('-', '/dev/null'):
    with assert_refuses(
      f'--resume: expected a file as --output, found --output={name}'
    ):
      translate(name, resume=True)
  translate('/dev/null')
  stream = io.TextIOWrapper(io.BytesIO())
  monkeypatch.setattr(sys, 'stdout', stream)
  translate('-')
  assert stream.buffer.getvalue().decode() == WHOLE
  monkeypatch.setattr(sys, 'stdout', None)
  with assert_refuses('--output=-: standard output is closed'):
    translate('-')


def test_a_reader_that_went_away(tmp_path):
  """`translate | head`: the command knows this error, and says nothing."""
  os.mkfifo(tmp_path / 'pipe')
  reader = os.open(tmp_path / 'pipe', os.O_RDONLY | os.O_NONBLOCK)
  with open_results(str(tmp_path / 'pipe'), SETTINGS, resume=False) as results:
    os.close(reader)
    with pytest.raises(BrokenPipeError) as error:
      results.write(['line'], 'line\n')
  assert error.value.filename is None


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no such device')
def test_a_full_device_is_named():
  with pytest.raises(OSError, match='No space left on device') as error:
    translate('/dev/full')
  assert error.value.filename == '/dev/full'


@contextlib.contextmanager
def files_of_at_most(size):
  """A full disk, as far as files can show one."""
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_whole_lines(output):
  lines = [f'{"long " * 200}{i}' for i in range(10)]
  with (
    # Where it ends is in the middle of the third group's results.
    files_of_at_most(15_000),
    pytest.raises(OSError, match='File too large') as error,
  ):
    translate(output, lines=lines)
  assert error.value.filename == str(output)
  written = output.read_text().splitlines(True)
  assert len(written) == 12
  assert all(line.endswith('\n') for line in written)
  translate(output, lines=lines, resume=True)
  expected = ''.join(f'{line}, a\n{line}, b\n' for line in lines)
  assert output.read_text() == expected


class SlowFile(io.RawIOBase):
  """Takes three bytes at a time; some signals come at the first."""

  def __init__(self, signals):
    self.taken, self._signals = b'', signals

  def write(self, data):
    for number in self._signals:
      signal.raise_signal(number)
    self._signals = ()
    self.taken += bytes(data[:3])
    return len(data[:3])


def write_held(file):
  with signals_held():
    write_all(file, b'a whole line\n')


@pytest.fixture
def interruptible():
  """SIGINT raises KeyboardInterrupt, also where a shell started the tests in
  the background and had it ignored."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('interruptible')
def test_a_signal_waits_for_whole_lines():
  file = SlowFile([signal.SIGINT])
  handler = signal.getsignal(signal.SIGINT)
  with pytest.raises(KeyboardInterrupt):
    write_held(file)
  assert file.taken == b'a whole line\n'
  assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.usefixtures('interruptible')
def test_a_second_signal_does_not_wait():
  file = SlowFile([signal.SIGINT, signal.SIGINT])
  with pytest.raises(KeyboardInterrupt):
    write_held(file)
  assert file.taken == b''


def test_what_a_second_signal_tore_is_cut(output, monkeypatch):
  def torn(raw, data):
    raw.write(data[:5])
    raise KeyboardInterrupt

  break_off(output)
  monkeypatch.setattr(results_file, 'write_all', torn)
  with pytest.raises(KeyboardInterrupt):
    translate(output, resume=True)
  assert output.read_text() == ''.join(WHOLE.splitlines(True)[:12])
