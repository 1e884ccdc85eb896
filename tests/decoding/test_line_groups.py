"""What comes through pipes and files, in groups; lines are counted alike."""

import contextlib
import gzip
import io
import itertools
import os
import sys
import threading

import pytest

from t2t_jax.decoding.lines.line_files import (
  count_lines,
  open_output,
  read_lines,
)
from t2t_jax.decoding.lines.line_groups import arriving_groups, read_groups
from t2t_jax.errors import UsageError


@contextlib.contextmanager
def pipe():
  """Yields both ends; what is still open is closed."""
  reader, writer = os.pipe()
  with open(reader, 'rb', buffering=0), open(writer, 'wb', buffering=0) as end:
    yield reader, end


def never(line):
  raise AssertionError(line)


def test_lines_come_out_while_the_writer_waits():
  with pipe() as (reader, writer):
    groups = arriving_groups(reader, 100, pause=0.02)
    writer.write(b'one\ntwo\nthr')
    assert next(groups) == [b'one', b'two']
    writer.write(b'ee\n\nfi')
    assert next(groups) == [b'three', b'']
    writer.write(b've')
    writer.close()
    assert list(groups) == [[b'five']]


def test_a_group_has_so_many_lines_and_no_more():
  with pipe() as (reader, writer):
    writer.write(b''.join(b'%d\n' % i for i in range(10)))
    groups = arriving_groups(reader, 4, pause=0.02)
    assert [len(next(groups)) for _ in range(3)] == [4, 4, 2]
    writer.close()
    assert list(groups) == []


def test_a_trickle_is_not_waited_for_forever():
  with pipe() as (reader, writer):
    stop = threading.Event()

    def trickle():
      while not stop.wait(0.01):
        writer.write(b'line\n')

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
      groups = arriving_groups(reader, 1000, pause=10, patience=0.1)
      sizes = [len(next(groups)) for _ in range(2)]
    finally:
      stop.set()
      thread.join()
    assert all(1 <= size < 1000 for size in sizes)


def test_long_lines_come_in_many_reads():
  lines = [b'a' * 300_000, b'', b'b' * 70_000]
  with pipe() as (reader, writer):
    data = b'\n'.join(lines) + b'\n'

    def write():
      left = memoryview(data)
      while left:
        left = left[writer.write(left) :]
      writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    found = list(itertools.chain(*arriving_groups(reader, 2)))
    thread.join()
  assert found == lines


def test_groups_of_a_pipe_hold_the_files_lines(tmp_path):
  """Bad bytes are told of by their line in the stream, not in the group."""
  content = 'é\n\x85 \u2028\n\n'.encode() + b'\xff\nlast\r'
  (tmp_path / 'file').write_bytes(content)
  told = []
  expected = list(read_lines(str(tmp_path / 'file'), told.append))
  os.mkfifo(tmp_path / 'pipe')

  def write():
    (tmp_path / 'pipe').write_bytes(content)

  thread = threading.Thread(target=write)
  thread.start()
  lines = read_groups(str(tmp_path / 'pipe'), told.append, 2)
  groups = list(lines.groups)
  thread.join()
  assert list(itertools.chain(*groups)) == expected
  assert max(map(len, groups)) == 2
  # A small group of a pipe runs in small batches.
  assert lines.few is None
  assert [line.replace('/pipe', '/file') for line in told] == [
    f'{tmp_path}/file, line 4: not UTF-8; its bad bytes became U+FFFD'
  ] * 2


def test_of_a_file_in_another_encoding_few_lines_are_named(tmp_path):
  file, told = tmp_path / 'file', []
  file.write_bytes('süß\nin\n'.encode('latin-1') * 50)
  lines = read_groups(str(file), told.append, 7)
  assert list(itertools.chain(*lines.groups)) == ['s\ufffd\ufffd', 'in'] * 50
  bad = 'not UTF-8; its bad bytes became U+FFFD'
  assert told == [
    *(f'{file}, line {number}: {bad}' for number in (1, 3, 5)),
    f'{file}, line 7: {bad}; more such lines are not named',
  ]


@pytest.mark.parametrize('count', [0, 1, 8, 9, 25])
def test_groups_of_a_file_are_of_one_size(tmp_path, count):
  """Only a file that is short as a whole runs in small batches."""
  (tmp_path / 'in').write_text(''.join(f'{i}\n' for i in range(count)))
  lines = read_groups(str(tmp_path / 'in'), never, 10)
  groups = list(lines.groups)
  assert lines.few is (count <= 8)
  assert list(itertools.chain(*groups)) == [str(i) for i in range(count)]
  assert all(len(group) == 10 for group in groups[:-1])


def test_flush_gives_each_line_before_the_next_one_comes(monkeypatch):
  with pipe() as (reader, writer), open(os.dup(reader), 'rb') as file:
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(file))
    lines = read_groups('-', never, 100, flush=True)
    assert lines.few is True
    for word in ('one', 'two'):
      writer.write(f'{word}\n'.encode())
      assert next(lines.groups) == [word]
    writer.close()
    assert list(lines.groups) == []


def test_closed_standard_input(monkeypatch):
  monkeypatch.setattr(sys, 'stdin', None)
  with pytest.raises(UsageError, match='--input=-: standard input is closed'):
    read_groups('-', never, 10)


def test_a_byte_order_mark_is_no_text(tmp_path):
  (tmp_path / 'in').write_bytes(b'\xef\xbb\xbfone\n\xef\xbb\xbftwo\n')
  groups = list(read_groups(str(tmp_path / 'in'), never, 10).groups)
  assert groups == [['one', '\ufefftwo']]


def test_a_pipe_of_a_packed_file_is_unpacked(tmp_path):
  os.mkfifo(tmp_path / 'in.gz')
  packed = gzip.compress(b'one\ntwo\n')
  writer = threading.Thread(
    target=(tmp_path / 'in.gz').write_bytes, args=[packed]
  )
  writer.start()
  groups = list(read_groups(str(tmp_path / 'in.gz'), never, 10).groups)
  writer.join()
  assert groups == [['one', 'two']]


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no such device')
def test_a_full_disk_is_named():
  with (
    pytest.raises(OSError, match='No space left') as error,
    open_output('/dev/full') as file,
  ):
    file.write('line\n')
  assert error.value.filename == '/dev/full'


def test_a_damaged_gzip_file_is_named(tmp_path):
  damaged = gzip.compress(b'line\n' * 1000)[:-20]
  (tmp_path / 'in.gz').write_bytes(damaged)
  with pytest.raises(UsageError, match=r'in\.gz: cannot be read: '):
    list(read_groups(str(tmp_path / 'in.gz'), never, 10).groups)
  assert count_lines(str(tmp_path / 'in.gz')) is None


@pytest.mark.parametrize(
  'content',
  [b'', b'\n', b'a', b'a\nb\n', b'a\nb', b'\r\xc2\x85\n\xe2\x80\xa8\n'],
)
def test_lines_are_counted_as_they_are_read(tmp_path, content):
  (tmp_path / 'in').write_bytes(content)
  (tmp_path / 'in.gz').write_bytes(gzip.compress(content))
  count = len(list(read_lines(str(tmp_path / 'in'), never)))
  assert count_lines(str(tmp_path / 'in')) == count
  assert count_lines(str(tmp_path / 'in.gz')) == count


def test_lines_ahead_on_standard_input_are_counted(tmp_path, monkeypatch):
  (tmp_path / 'in').write_bytes(b'a\nb\nc')
  with open(tmp_path / 'in', encoding='utf-8') as file:
    monkeypatch.setattr(sys, 'stdin', file)
    assert count_lines('-') == 3
    assert file.read() == 'a\nb\nc'
  with pipe() as (reader, _), open(os.dup(reader), encoding='utf-8') as file:
    monkeypatch.setattr(sys, 'stdin', file)
    assert count_lines('-') is None
  monkeypatch.setattr(sys, 'stdin', None)
  assert count_lines('-') is None
  assert count_lines(str(tmp_path / 'none')) is None
