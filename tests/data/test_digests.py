"""Checksums of large files: kept, and not trusted for too long."""

import hashlib
import os
import time

import pytest

from t2t_jax.data import digests

LONG_AGO = time.time() - 3600


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch):
  monkeypatch.setattr(digests, 'LARGE', 8)


def write(path, text, changed=LONG_AGO):
  path.write_text(text)
  os.utime(path, (changed, changed))


def ask(path, kept):
  """Returns the digest, and whether the file was read."""
  lines = []
  return digests.file_digest(path, kept, lines.append).hex(), bool(lines)


def sha256(text):
  return hashlib.sha256(text.encode()).hexdigest()


def test_a_large_file_is_read_once(tmp_path):
  file, kept = tmp_path / 'train.en', tmp_path / 'cache' / 'digests'
  write(file, 'a house a tree')
  assert ask(file, kept) == (sha256('a house a tree'), True)
  assert ask(file, kept) == (sha256('a house a tree'), False)
  [note] = kept.iterdir()
  note.write_text('{"size": 14}')  # damaged
  assert ask(file, kept) == (sha256('a house a tree'), True)


@pytest.mark.parametrize(
  ('text', 'seconds_later'), [('a mouse a tree', 1), ('a house, a tree', 0)]
)
def test_a_changed_file_is_read_again(text, seconds_later, tmp_path):
  file = tmp_path / 'train.en'
  write(file, 'a house a tree')
  ask(file, tmp_path / 'kept')
  write(file, text, LONG_AGO + seconds_later)
  assert ask(file, tmp_path / 'kept') == (sha256(text), True)


def test_what_has_just_changed_is_not_kept(tmp_path):
  file = tmp_path / 'train.en'
  write(file, 'a house a tree', time.time())
  assert ask(file, tmp_path / 'kept')[1]
  assert ask(file, tmp_path / 'kept')[1]
  assert not (tmp_path / 'kept').exists()


def test_small_files_and_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
  file, no_directory = tmp_path / 'train.en', tmp_path / 'file'
  write(file, 'a house a tree')
  no_directory.write_text('')
  assert ask(file, no_directory / 'kept')[0] == sha256('a house a tree')
  monkeypatch.setattr(digests, 'LARGE', 100)
  assert ask(file, tmp_path / 'kept') == (sha256('a house a tree'), False)
  assert not (tmp_path / 'kept').exists()
