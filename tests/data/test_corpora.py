"""Text of every kind, and the message for each way in which it can be bad."""

import gzip
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from data_configs import make_config, write_lines

from t2t_jax.data import corpora, text_files
from t2t_jax.errors import UsageError

FIXTURES = Path(__file__).parent / 'fixtures'


def read(directory, split='train', **changes):
  return list(corpora.read_split(make_config(directory, **changes).data, split))


def read_tfds(directory, split='train', **changes):
  settings = {'kind': 'tfds', 'tfds_name': 'tiny_translate/de-en', **changes}
  return read(directory, split, **settings)


def expect_error(expected, function, *args, **kwargs):
  with pytest.raises(UsageError, match=re.escape(expected)) as caught:
    function(*args, **kwargs)
  assert '\n' not in str(caught.value)


@pytest.fixture
def corpus(tmp_path):
  write_lines(tmp_path / 'train.en', ['a', 'b', 'c'])
  write_lines(tmp_path / 'train.de', ['A', 'B', 'C'])
  write_lines(tmp_path / 'dev.en', ['d'])
  write_lines(tmp_path / 'dev.de', ['D'])
  return tmp_path


@pytest.fixture(scope='session')
def tfds_directory(tmp_path_factory):
  directory = tmp_path_factory.mktemp('tfds')
  with tarfile.open(FIXTURES / 'tfds.tar.gz') as archive:
    archive.extractall(directory, filter='data')
  return directory


def test_reads_pairs_in_order(corpus):
  assert read(corpus) == [('a', 'A'), ('b', 'B'), ('c', 'C')]
  assert read(corpus, 'dev') == [('d', 'D')]


def test_several_files_in_turn_plain_gzipped_or_absolute(corpus, tmp_path):
  more = tmp_path / 'elsewhere'
  more.mkdir()
  (corpus / 'more.en.gz').write_bytes(gzip.compress(b'x\ny\n'))
  write_lines(more / 'more.de', ['X', 'Y'])
  pairs = read(
    corpus,
    train_source=('train.en', 'more.en'),
    train_target=('train.de', str(more / 'more.de')),
  )
  assert pairs[2:] == [('c', 'C'), ('x', 'X'), ('y', 'Y')]


def test_a_line_ends_at_newline_alone(tmp_path):
  path = tmp_path / 'lines'
  odd = 'a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\rh'
  path.write_bytes(f'\ufeff{odd}\r\n\n \nlast\ufeff'.encode())
  assert list(text_files.read_lines(path)) == [odd, '', ' ', 'last\ufeff']


def test_missing_file_names_the_nearest(corpus):
  expect_error(
    f'config.data.train_source: there is no file {corpus}/trian.en, plain or '
    ".gz. Did you mean 'train.en'?",
    read,
    corpus,
    train_source=('trian.en',),
  )


def test_missing_directory(tmp_path):
  expect_error(
    f'config.data.train_source: expected the file {tmp_path}/no/train.en, but '
    f'there is no directory {tmp_path}/no',
    read,
    tmp_path / 'no',
  )


@pytest.mark.parametrize(
  ('source', 'target', 'counts', 'shorter'),
  [(3, 5, '3 and 5', 'train.en'), (4, 3, '4 and 3', 'train.de')],
)
def test_unequal_line_counts(corpus, source, target, counts, shorter):
  write_lines(corpus / 'train.en', ['x'] * source)
  write_lines(corpus / 'train.de', ['y'] * target)
  expect_error(
    f'{corpus}/train.en and {corpus}/train.de: expected equal numbers of '
    f'lines, found {counts}; {corpus}/{shorter} ends at line 3',
    read,
    corpus,
  )


@pytest.mark.parametrize('empty', ['train.de', 'more.de'])
def test_a_file_without_a_line_is_refused(corpus, empty):
  # Also one of several, whose pairs nobody would miss.
  for name in ('more.en', 'more.de'):
    write_lines(corpus / name, ['x'])
  (corpus / empty).write_text('')
  sides = {
    'train_source': ('train.en', 'more.en'),
    'train_target': ('train.de', 'more.de'),
  }
  expect_error(
    f'{corpus}/{empty}: expected lines of text, found none',
    read,
    corpus,
    **sides,
  )


def test_bad_utf8_names_file_and_line(corpus):
  (corpus / 'train.de').write_bytes('A\nü'.encode() + b'b\xff\nC\n')
  expect_error(
    f'{corpus}/train.de, line 2: expected UTF-8, found the byte 0xff at byte 4',
    read,
    corpus,
  )


@pytest.mark.parametrize(
  'content',
  [
    b'not gzip\n',
    gzip.compress(b'one line\n' * 1000)[:40],
    gzip.compress(b'one line\n' * 1000)[:-8] + b'12345678',
  ],
  ids=['text', 'cut short', 'changed'],
)
def test_damaged_gzip_names_the_file(tmp_path, content):
  path = tmp_path / 'train.en.gz'
  path.write_bytes(content)
  expect_error(
    f'{path}: expected a whole gzip file, found a damaged one after line',
    lambda: list(text_files.read_lines(path)),
  )


def test_unreadable_file(tmp_path):
  expect_error(
    f'{tmp_path}: cannot be read (Is a directory)',
    lambda: list(text_files.read_lines(tmp_path)),
  )


def test_names_of_test_sets(corpus):
  (corpus / 'sub').mkdir()
  sources = (
    'newstest2014.en',
    'test_2016_flickr.en.gz',
    'sub/newstest2014.en',
    'dev.en',
    'test.tok.en',
    'plain',
  )
  for name in sources:
    content = f'{name}\n'.encode()
    packed = gzip.compress(content) if name.endswith('.gz') else content
    (corpus / name).write_bytes(packed)
  settings = {'test_source': sources, 'test_target': sources}
  names = corpora.test_set_names(make_config(corpus, **settings).data)
  assert names == (
    'newstest2014',
    'test_2016_flickr',
    'newstest2014-2',
    'dev-2',
    'test.tok',
    'plain',
  )
  for source, name in zip(sources, names, strict=True):
    assert read(corpus, name, **settings) == [(source, source)]


def test_unknown_split(corpus):
  expect_error(
    "expected one of the splits train, dev, found 'dve'. Did you mean 'dev'?",
    read,
    corpus,
    'dve',
  )


def test_generated_corpus(tmp_path):
  settings = {
    'kind': 'generated',
    'generated_train_pairs': 30,
    'generated_dev_pairs': 20,
    'generated_test_pairs': 10,
  }
  data = make_config(tmp_path, **settings).data
  assert corpora.test_set_names(data) == ('heldout',)
  for split, count in (('train', 30), ('dev', 20), ('heldout', 10)):
    pairs = read(tmp_path, split, **settings)
    assert len(pairs) == count
    assert pairs == read(tmp_path, split, **settings)
  assert corpora.content_digest(data) == corpora.content_digest(data)


def test_prepared_tfds_is_read_in_order_and_newest_version(tfds_directory):
  for split, name, count in (
    ('train', 'train', 12),
    ('dev', 'validation', 4),
    ('test', 'test', 4),
  ):
    assert read_tfds(tfds_directory, split) == [
      (
        f'{name} sentence {n} of 1.10.0 – naïve',
        f'{name}-Satz {n} von 1.10.0 – schön 😀',
      )
      for n in range(count)
    ]


def test_prepared_tfds_slices_versions_and_direction(tfds_directory):
  changed = read_tfds(
    tfds_directory,
    tfds_name='tiny_translate/de-en:1.9.0',
    tfds_train_split='train[2:4]',
    source_language='de',
    target_language='en',
  )
  assert [source for source, _ in changed] == [
    'train-Satz 2 von 1.9.0 – schön 😀',
    'train-Satz 3 von 1.9.0 – schön 😀',
  ]


def test_prepared_tfds_needs_no_tensorflow(tfds_directory):
  code = (
    'import sys; from pathlib import Path; '
    'from data_configs import make_config; from t2t_jax.data import corpora; '
    "assert 'tensorflow_datasets' not in sys.modules; "
    f'config = make_config(Path({str(tfds_directory)!r}), kind="tfds", '
    'tfds_name="tiny_translate/de-en"); '
    'pairs = list(corpora.read_split(config.data, "train")); '
    'digest = corpora.content_digest(config.data); '
    "assert 'tensorflow' not in sys.modules and 'jax' not in sys.modules; "
    'print(len(pairs), len(digest))'
  )
  done = subprocess.run(
    [sys.executable, '-W', 'error', '-c', code],
    env={'PYTHONPATH': f'{Path(__file__).parent}:{Path(__file__).parents[2]}'},
    capture_output=True,
    text=True,
  )
  assert done.stdout == '12 64\n', done.stderr


@pytest.mark.parametrize(
  ('changes', 'expected'),
  [
    (
      {'tfds_name': 'tiny_translate/en-de'},
      'found tfrecord_translate/de-en, tiny_translate/de-en. Did you mean '
      "'tiny_translate/de-en'?",
    ),
    (
      {'tfds_name': 'tfrecord_translate/de-en'},
      'expected a data set prepared as array_record, found tfrecord',
    ),
    (
      {'target_language': 'fr'},
      "1.10.0 holds de, en, found 'fr'",
    ),
    (
      {'tfds_train_split': 'trian'},
      'expected one of the splits train, validation, test or a slice of one, '
      "found 'trian'. Did you mean 'train'?",
    ),
    (
      {'tfds_train_split': 'train[:'},
      "or a slice of one, found 'train[:'",
    ),
  ],
  ids=['name', 'format', 'language', 'split', 'slice'],
)
def test_prepared_tfds_errors(tfds_directory, changes, expected):
  expect_error(expected, read_tfds, tfds_directory, **changes)


def test_nothing_prepared(tmp_path):
  expect_error(
    "config.data.tfds_name: there is no prepared 'tiny_translate/de-en' below "
    f'{tmp_path}, found none',
    read_tfds,
    tmp_path,
  )
