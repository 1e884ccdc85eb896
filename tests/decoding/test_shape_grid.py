"""The grid of shapes, and lines cut to fit it."""

import pytest

from t2t_jax.decoding.lines.line_text import one_line, split_lines
from t2t_jax.decoding.shapes import FEW_ROWS, ShapeGrid, first_lengths


def grid(longest=100, batch_tokens=4096, beam_size=4, devices=1):
  return ShapeGrid(longest, batch_tokens, beam_size, devices)


def test_lengths_double_up_to_the_longest():
  assert grid().source_lengths() == (16, 32, 64, 100)
  assert grid(longest=64).source_lengths() == (16, 32, 64)
  assert grid(longest=5).source_lengths() == (5,)
  for length in range(1, 101):
    padded = grid().padded_length(length)
    assert length <= padded
    assert length <= 16 or padded < 2 * length


@pytest.mark.parametrize('devices', [1, 3, 8])
@pytest.mark.parametrize('batch_tokens', [1, 500, 4096, 100_000])
def test_batches_keep_to_the_token_budget(devices, batch_tokens):
  shapes = grid(batch_tokens=batch_tokens, devices=devices)
  for rows, length in shapes.shapes():
    assert rows % devices == 0
    of_one = rows // devices
    assert of_one * length * 4 <= batch_tokens or of_one == 1
  # At most a full and a small shape for each length.
  assert len(shapes.shapes()) <= 2 * len(shapes.source_lengths())


def test_few_lines_run_in_few_rows():
  assert grid().rows(16, few=False) == 64
  assert grid().rows(16, few=True) == FEW_ROWS
  assert grid(batch_tokens=128).rows(16, few=True) == 2


def test_each_device_has_as_much_as_one_alone():
  assert grid(devices=8).rows(16, few=False) == 8 * 64
  # Few lines are shared out.
  for devices, rows in ((2, 8), (3, 9), (8, 8), (16, 16)):
    assert grid(devices=devices).rows(16, few=True) == rows
  for rows in (64, 51, 32, 28):
    of_one = grid().last_rows(rows)
    assert grid(devices=8).last_rows(8 * rows) == 8 * of_one


def test_a_batch_shrinks_to_a_quarter():
  assert grid().last_rows(64) == 16
  assert grid().last_rows(51) == 13
  assert grid().last_rows(32) == FEW_ROWS
  # It would save less than it takes to compile.
  assert grid().last_rows(28) == 28
  assert grid().last_rows(FEW_ROWS) == FEW_ROWS


def test_every_thread_gets_a_batch():
  shapes = ShapeGrid(100, 4096, 4, 1, at_once=2)

  def rows(count):
    return [rows for rows, _, _ in shapes.batches([10] * count, few=False)]

  assert rows(64) == [32, 32]
  assert rows(20) == [32]  # half a batch does for them
  assert rows(65) == rows(96) == [64, 32]
  assert rows(97) == rows(128) == [64, 64]
  assert {(64, 16), (32, 16), (FEW_ROWS, 16)} < set(shapes.shapes())


@pytest.mark.parametrize('few', [False, True])
def test_batches_hold_every_line_once_in_its_own_shape(few):
  lengths = [3, 100, 9, 8, 41, 9, 1, 12, 13] * 40
  shapes = grid()
  seen = []
  for rows, length, indices in shapes.batches(lengths, few):
    assert (rows, length) in shapes.shapes()
    assert 1 <= len(indices) <= rows
    assert {shapes.padded_length(lengths[i]) for i in indices} == {length}
    seen += indices
  assert sorted(seen) == list(range(len(lengths)))
  assert [lengths[i] for i in seen] == sorted(lengths, reverse=True)


def test_caches_start_short_only_where_that_saves_a_third():
  assert first_lengths(16, 65) == (24,)
  assert first_lengths(16, 35) == ()
  # A parser's: at most twice what is needed, but for the last.
  assert first_lengths(32, 331) == (44, 88, 176)
  for source_length in (8, 64, 256):
    for first in first_lengths(source_length, source_length + 49):
      assert source_length < first <= (source_length + 49) / 1.5


def encode(lines):
  """One token a character that is not a space."""
  return [[ord(c) for c in line if c != ' '] for line in lines]


def test_long_lines_are_split_between_words_and_lose_nothing():
  line = 'abc de fghij k lmnop qrs tu vwxyz'
  [parts] = split_lines([line], encode, 9)
  assert [token for part in parts for token in part] == encode([line])[0]
  assert all(1 <= len(part) <= 9 for part in parts)
  ends = {''.join(map(chr, part))[-1] for part in parts}
  assert ends <= set('cejpksuz')


def test_a_long_word_is_cut_between_tokens():
  [parts] = split_lines(['ab ' + 'x' * 25], encode, 10)
  assert [len(part) for part in parts] == [2, 10, 10, 5]


def test_lines_without_tokens_have_no_parts():
  lines = ['', ' ', 'a b', '\u3000', '\t \n', 'c']
  assert split_lines(lines, encode, 9) == [
    [], [], [[97, 98]], [], [], [[99]],
  ]  # fmt: skip


def test_output_is_one_line_for_everyone_who_splits_lines():
  breaks = [
    chr(code)
    for code in range(0x110000)
    if len(f'a{chr(code)}b'.splitlines()) > 1
  ]
  assert {'\n', '\r', '\x85', '\u2028'} <= set(breaks)
  for character in breaks:
    assert one_line(f'a{character}b') == 'a b'
  assert one_line('a\u00a0b\tc') == 'a\u00a0b\tc'
