"""Sentence pairs of a split, whatever kind of corpus they come from."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from t2t_jax.config import DataConfig
from t2t_jax.data import (
  archives,
  digests,
  inflection,
  prepared_tfds,
  text_files,
  trees,
)
from t2t_jax.errors import UsageError, nearest

_SPLITS = ('train', 'dev')
# Kinds of files that hold both sides, and what reads their pairs.
_ONE_FILE = {'trees': trees.read_pairs, 'inflection': inflection.read_pairs}
# WMT's names of what is in the file: newstest2014-deen-src.en.sgm.
_SGM_PART = re.compile(r'(-[a-z]{4})?-(src|ref)$')


def read_split(data: DataConfig, split: str) -> Iterator[tuple[str, str]]:
  """Yields the (source, target) sentences of a split, in the corpus's order.

  Where a text has no source files, as a language model's, sources are empty.

  Args:
    data: where the text comes from.
    split: 'train', 'dev', or one of `test_set_names(data)`.

  Raises:
    UsageError: an unknown split, or text that cannot be read; while the pairs
      are taken, where only reading can show it.
  """
  for _, pairs in read_corpora(data, split):
    yield from pairs


def read_corpora(
  data: DataConfig, split: str
) -> Iterator[tuple[str, Iterator[tuple[str, str]]]]:
  """Yields (name, sentence pairs) of each corpus that a split is made of.

  A corpus is a pair of text files, named after its source file.

  Args, Raises: as `read_split`.
  """
  names = (*_SPLITS, *test_set_names(data))
  if split not in names:
    raise UsageError(
      f"expected one of the splits {', '.join(names)}, found '{split}'."
      f'{nearest(split, names)}'
    )
  if data.kind == 'text':
    for paths in text_paths(data, split):
      if len(paths) == 1:
        lines = text_files.read_lines(paths[0])
        yield paths[0].name, (('', line) for line in lines)
      else:
        yield paths[0].name, text_files.read_pairs(*paths)
  elif data.kind in _ONE_FILE:
    for path in _files(data, split, 'source'):
      yield path.name, _ONE_FILE[data.kind](path)
  elif data.kind == 'tfds':
    split = _tfds_split(data, split)
    yield split, prepared_tfds.read(data, split)
  else:
    yield split, _generate(data, split)


def test_set_names(data: DataConfig) -> tuple[str, ...]:
  """Returns the names of the test sets, each unlike the others.

  A pair of text files is named after its source file (a target file that is
  alone after itself), without language, .gz, #2 and what WMT's .sgm files add:
  newstest2014.en.gz -> newstest2014. Where two agree (or one is called train
  or dev) the later becomes name-2 and so on.
  """
  if data.kind == 'tfds':
    return ('test',) if data.tfds_test_split else ()
  if data.kind == 'generated':
    return ('heldout',)
  names: list[str] = []
  files, language = data.test_source, data.source_language
  if not files:
    files, language = data.test_target, data.target_language
  for file in files:
    stem = name = _stem(file, language)
    number = 2
    while name in (*_SPLITS, *names):
      name, number = f'{stem}-{number}', number + 1
    names.append(name)
  return tuple(names)


def content_digest(
  data: DataConfig, progress: Callable[[str], None] = lambda _: None
) -> str:
  """Returns a SHA-256 over the training and dev text, quick to compute.

  Files are hashed as they lie (a .gz compressed, an archive whole, with the
  member's name, a table with the column's number); a generated corpus by its
  grammar's program text, which with seed and counts decides every sentence.
  Those of large files are kept in data.cache_dir; `progress` gets a line for
  each that is not there.
  """
  if data.kind == 'text':
    paths = [
      path
      for split in _SPLITS
      for together in text_paths(data, split)
      for path in together
    ]
  elif data.kind in _ONE_FILE:
    paths = [
      path for split in _SPLITS for path in _files(data, split, 'source')
    ]
  elif data.kind == 'tfds':
    paths = prepared_tfds.files(
      data, (data.tfds_train_split, data.tfds_dev_split)
    )
  else:
    import t2t_jax.data.grammar as grammar

    paths = sorted(Path(grammar.__path__[0]).rglob('*.py'))
  kept = Path(data.cache_dir).expanduser() / 'digests'
  digest = hashlib.sha256()
  read: dict[Path, bytes] = {}  # an archive has many members
  for path in paths:
    place = archives.split(path)
    if place.file not in read:
      read[place.file] = digests.file_digest(place.file, kept, progress)
    digest.update(read[place.file] + place.within.encode())
  return digest.hexdigest()


def text_paths(data: DataConfig, split: str) -> list[tuple[Path, ...]]:
  """Returns the files of a split that belong together, source and target.

  The target alone where a text has no source files.
  """
  sides = [
    files
    for side in ('source', 'target')
    if (files := _files(data, split, side))
  ]
  return list(zip(*sides, strict=True))


def _files(data: DataConfig, split: str, side: str) -> list[Path]:
  field, chosen = split, slice(None)
  if split not in _SPLITS:
    place = test_set_names(data).index(split)
    field, chosen = 'test', slice(place, place + 1)
  return [
    text_files.find(data.directory, name, f'data.{field}_{side}')
    for name in getattr(data, f'{field}_{side}')[chosen]
  ]


def _tfds_split(data: DataConfig, split: str) -> str:
  return {'train': data.tfds_train_split, 'dev': data.tfds_dev_split}.get(
    split, data.tfds_test_split
  )


def _generate(data: DataConfig, split: str) -> Iterator[tuple[str, str]]:
  from t2t_jax.data import grammar

  count = {
    'train': data.generated_train_pairs,
    'dev': data.generated_dev_pairs,
    'heldout': data.generated_test_pairs,
  }[split]
  return grammar.generate(split, data.generated_seed, count)


def _stem(name: str, language: str) -> str:
  stem = Path(archives.split(Path(name)).name).name.removesuffix('.gz')
  is_sgm = stem.endswith('.sgm')
  stem = stem.removesuffix('.sgm')
  shorter, dot, suffix = stem.rpartition('.')
  if dot and shorter and (suffix == language or suffix.isalpha()):
    stem = shorter
  return _SGM_PART.sub('', stem) if is_sgm else stem
