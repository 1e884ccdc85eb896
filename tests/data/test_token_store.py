"""Preparation against plain Python: content, counts, cache and its dangers."""

import itertools
import json
import multiprocessing
import re
import shutil

import numpy as np
import pytest
from data_configs import make_config, write_lines

from t2t_jax.data import token_store
from t2t_jax.data.token_files import TokenStore, TokenWriter
from t2t_jax.errors import UsageError

SEGMENTED = {'vocabulary_kind': 'segmented', 'size': 1000}


def quiet(_):
  pass


def prepare(directory, progress=quiet, **changes):
  return token_store.prepare(make_config(directory, **changes), progress)


def write_corpus(directory, train, dev=(('d e', 'D E'),)):
  for split, pairs in (('train', train), ('dev', dev)):
    for side, language in enumerate(('en', 'de')):
      write_lines(
        directory / f'{split}.{language}', [pair[side] for pair in pairs]
      )


def sentences(store, side):
  tokens = getattr(store, f'{side}_tokens')
  offsets = getattr(store, f'{side}_offsets')
  return [
    tokens[start:stop].tolist() for start, stop in itertools.pairwise(offsets)
  ]


@pytest.fixture
def corpus(tmp_path):
  words = ['red', 'green', 'blue', 'big', 'small', 'house', 'tree', 'river']
  pairs = [
    (' '.join(words[: 1 + n % 8]), ' '.join(words[n % 8 :]).upper())
    for n in range(60)
  ]
  write_corpus(tmp_path, pairs)
  return tmp_path


@pytest.mark.parametrize('joint', [True, False])
@pytest.mark.parametrize('kind', ['bpe', 'segmented'])
def test_store_holds_each_sentence_with_eos(corpus, joint, kind):
  prepared = prepare(
    corpus,
    joint=joint,
    vocabulary_kind=kind,
    size=295,
    target_size=295,
    max_length_ratio=99,
  )
  for split in ('train', 'dev'):
    store = getattr(prepared, split)
    for side, language in (('source', 'en'), ('target', 'de')):
      tokenizer = getattr(prepared.tokenizers, side)
      lines = (corpus / f'{split}.{language}').read_text().split('\n')[:-1]
      expected = [[*ids, tokenizer.eos_id] for ids in tokenizer.encode(lines)]
      assert sentences(store, side) == expected
      lengths = getattr(store, f'{side}_lengths')
      assert lengths.tolist() == list(map(len, expected))
      tokens = getattr(store, f'{side}_tokens')
      assert tokens.dtype == np.uint16
      assert isinstance(tokens.base, np.memmap)
      count = prepared.report[split][f'{side}_tokens']
      assert count == sum(map(len, expected)) == len(tokens)
    assert len(store) == prepared.report[split]['kept'] == len(lines)


def test_ids_beyond_16_bits(tmp_path):
  pairs = [([1, 2], [70000, 2]), ([65535], [3])]
  with TokenWriter(tmp_path / 'store', (1 << 16, 70001)) as writer:
    for source, target in pairs:
      writer.extend([source], [target])
  store = TokenStore(tmp_path / 'store')
  assert (store.source_tokens.dtype, store.target_tokens.dtype) == (
    np.uint16,
    np.uint32,
  )
  assert sentences(store, 'source') == [source for source, _ in pairs]
  assert sentences(store, 'target') == [target for _, target in pairs]


def test_cleaning_counts(tmp_path):
  kept = [('a b c', 'A B C'), ('a', 'A B C D E'), ('b', 'B')]
  left_out = {
    'empty': [('', 'A'), ('a', ''), (' \t', 'A'), ('', '')],
    'too_long': [('a a a a a a a a', 'A A A A'), ('b b b', 'B B B B B B B B')],
    'length_ratio': [('a', 'A A A A A A'), ('a b c d e f g', 'A')],
  }
  pairs = kept + [pair for group in left_out.values() for pair in group]
  write_corpus(tmp_path, [*pairs[3:], *pairs[:3]])
  prepared = prepare(tmp_path, max_tokens=8, max_length_ratio=3, **SEGMENTED)
  counts = prepared.report['train']
  for reason, group in left_out.items():
    assert counts[reason] == len(group)
  assert counts['duplicates'] == 0
  assert (counts['read'], counts['kept']) == (len(pairs), len(kept))
  assert len(prepared.train) == len(kept)
  source = prepared.tokenizers.source
  decoded = [
    source.decode([ids])[0] for ids in sentences(prepared.train, 'source')
  ]
  assert decoded == [pair[0] for pair in kept]
  assert json.dumps(prepared.report)


def test_duplicates_are_an_option(tmp_path):
  pairs = [('a', 'A'), ('b', 'B'), ('a', 'A'), ('a', 'B'), ('a', 'A')]
  write_corpus(tmp_path, pairs, dev=pairs)
  assert len(prepare(tmp_path, **SEGMENTED).train) == 5
  prepared = prepare(tmp_path, remove_duplicates=True, **SEGMENTED)
  assert prepared.report['train']['duplicates'] == 2
  assert len(prepared.train) == 3
  assert len(prepared.dev) == 5


def test_dev_keeps_all_but_empty(tmp_path):
  dev = [('a ' * 20, 'A'), ('', 'A'), ('a', 'A ' * 9)]
  write_corpus(tmp_path, [('a', 'A')], dev)
  lines = []
  prepared = prepare(
    tmp_path, lines.append, max_tokens=8, max_length_ratio=2, **SEGMENTED
  )
  assert prepared.dev.source_lengths.tolist() == [21, 2]
  assert prepared.dev.target_lengths.tolist() == [2, 10]
  counts = prepared.report['dev']
  assert (counts['empty'], counts['over_long_kept'], counts['kept']) == (
    1,
    2,
    2,
  )
  assert any(
    'dev: 2 of 3 pairs kept (2 over data.max_tokens)' in line for line in lines
  )


@pytest.mark.parametrize(
  ('train', 'dev', 'split'),
  [
    ([('a ' * 9, 'A'), ('a', 'A ' * 9)], [('a', 'A')], 'train'),
    ([('a', 'A')], [('', 'A')], 'dev'),
  ],
)
def test_nothing_left(tmp_path, train, dev, split):
  write_corpus(tmp_path, train, dev)
  with pytest.raises(
    UsageError, match=f'config.data: no pair of the {split} text is left'
  ):
    prepare(tmp_path, max_tokens=8, **SEGMENTED)
  assert [path.suffix for path in (tmp_path / 'cache').iterdir()] == ['.lock']


def test_cache_is_reused(corpus):
  lines = []
  first = prepare(corpus, lines.append)
  assert lines
  stamps = {
    path: path.stat().st_mtime_ns for path in first.directory.rglob('*')
  }
  lines.clear()
  second = prepare(corpus, lines.append)
  assert not lines
  assert stamps == {
    path: path.stat().st_mtime_ns for path in second.directory.rglob('*')
  }
  assert (second.fingerprint, second.report) == (
    first.fingerprint,
    first.report,
  )
  assert second.report['fingerprint'] == first.fingerprint


@pytest.mark.parametrize(
  'name',
  [
    'manifest.json',
    'report.json',
    'train/source_tokens.npy',
    'dev/target_offsets.npy',
    'vocabulary/joint.model',
  ],
)
@pytest.mark.parametrize('damage', ['missing', 'truncated'])
def test_damaged_cache_is_made_again(corpus, name, damage):
  first = prepare(corpus)
  expected = sentences(first.train, 'source')
  path = first.directory / name
  content = path.read_bytes()
  if damage == 'missing':
    path.unlink()
  else:
    # A new file: the old one is still mapped here.
    path.unlink()
    path.write_bytes(content[: len(content) // 2])
  lines = []
  again = prepare(corpus, lines.append)
  assert f'{first.directory} is damaged: making it again' in lines
  assert path.read_bytes() == content
  assert sentences(again.train, 'source') == expected
  assert sorted(path.name for path in (corpus / 'cache').iterdir()) == [
    first.directory.name,
    f'{first.directory.name}.lock',
  ]


def test_changed_vocabulary_in_the_cache_is_made_again(corpus):
  first = prepare(corpus)
  path = first.directory / 'vocabulary' / 'joint.model'
  content = path.read_bytes()
  path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
  prepare(corpus)
  assert path.read_bytes() == content


def test_offsets_must_fit_the_tokens(tmp_path):
  with TokenWriter(tmp_path / 'store', (9, 9)) as writer:
    writer.extend([[1, 2]], [[2]])
  np.save(tmp_path / 'store' / 'source_offsets.npy', np.array([0, 5]))
  with pytest.raises(ValueError, match='source offsets and tokens disagree'):
    TokenStore(tmp_path / 'store')


def test_leftovers_of_a_killed_process_are_deleted(corpus):
  first = prepare(corpus)
  shutil.rmtree(first.directory)
  leftover = first.directory.with_name(f'{first.directory.name}.tmp-abc')
  (leftover / 'train').mkdir(parents=True)
  prepare(corpus)
  assert not leftover.exists()


def test_home_directory(corpus, monkeypatch):
  monkeypatch.setenv('HOME', str(corpus / 'home'))
  prepared = prepare(corpus, cache_dir='~/cache')
  assert prepared.directory.parent == corpus / 'home' / 'cache'


def test_cache_that_cannot_be_written(corpus):
  (corpus / 'file').write_text('')
  with pytest.raises(
    UsageError,
    match=re.escape(f'config.data.cache_dir: cannot write to {corpus}/file/x'),
  ):
    prepare(corpus, cache_dir=str(corpus / 'file' / 'x'))


def _prepare_and_send(directory, barrier, results):
  barrier.wait()
  lines = []
  prepared = prepare(directory, lines.append)
  results.put(
    (prepared.fingerprint, lines, sentences(prepared.train, 'target'))
  )


def test_two_processes_at_once(corpus):
  context = multiprocessing.get_context('spawn')
  barrier, results = context.Barrier(2), context.Queue()
  processes = [
    context.Process(target=_prepare_and_send, args=(corpus, barrier, results))
    for _ in range(2)
  ]
  for process in processes:
    process.start()
  ends = [results.get(timeout=60) for _ in processes]
  for process in processes:
    process.join()
    assert process.exitcode == 0
  assert ends[0][0] == ends[1][0]
  assert ends[0][2] == ends[1][2] == sentences(prepare(corpus).train, 'target')
  made = [
    any('token files are in' in line for line in lines) for _, lines, _ in ends
  ]
  assert sorted(made) == [False, True]


def test_without_file_locks(corpus, monkeypatch):
  def no_locks(*_):
    raise OSError('no locks here')

  monkeypatch.setattr(token_store.fcntl, 'flock', no_locks)
  assert len(prepare(corpus).train) == 60
