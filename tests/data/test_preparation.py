"""Preparation in chunks: in parallel, broken off, cleaned, weighted."""

import collections
import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from data_configs import make_config, write_lines

from t2t_jax.data import (
  chunks,
  cleaning,
  encoding,
  scripts,
  token_store,
  workers,
)
from t2t_jax.data.pace import Pace
from t2t_jax.errors import UsageError

SEGMENTED = {'vocabulary_kind': 'segmented', 'size': 1000}
WORDS = ['red', 'green', 'blue', 'house', 'tree', 'river', 'of', 'the', 'sees']


def random_pairs(count, seed=1):
  chooser = random.Random(seed)
  return [
    tuple(
      ' '.join(chooser.choices(WORDS, k=chooser.randint(1, 9))) for _ in 'ab'
    )
    for _ in range(count)
  ]


def write_corpus(directory, pairs, name='train'):
  for side, language in enumerate(('en', 'de')):
    lines = [pair[side] for pair in pairs]
    write_lines(directory / f'{name}.{language}', lines)


@pytest.fixture
def corpus(tmp_path):
  pairs = random_pairs(180)
  # Repeated within a chunk, across chunks, and some that are left out anyway.
  write_corpus(tmp_path, [*pairs, ('', 'x'), *pairs[:20], ('a ' * 30, 'b')])
  write_corpus(tmp_path, random_pairs(25, seed=2), 'dev')
  return tmp_path


def prepare(directory, progress=str, **changes):
  return token_store.prepare(make_config(directory, **changes), progress)


def contents(prepared):
  return {
    str(path.relative_to(prepared.directory)): path.read_bytes()
    for path in prepared.directory.rglob('*')
    if path.is_file()
  }


def sentences(store, side='source'):
  tokens = getattr(store, f'{side}_tokens')
  offsets = getattr(store, f'{side}_offsets')
  return [tuple(tokens[a:b].tolist()) for a, b in itertools.pairwise(offsets)]


MANY = {
  'samplings': 2,
  'sampling_rate': 0.3,
  'remove_duplicates': True,
  'train_weights': (1.5,),
  'max_tokens': 60,
}


def test_the_same_bytes_from_any_number_of_processes(corpus, monkeypatch):
  monkeypatch.setattr(encoding, 'CHUNK', 25)
  one = prepare(corpus, workers=1, cache_dir=str(corpus / '1'), **MANY)
  two = prepare(corpus, workers=2, cache_dir=str(corpus / '2'), **MANY)
  assert contents(one) == contents(two)
  counts = one.report['train']
  assert (counts['duplicates'], counts['empty'], counts['read']) == (20, 1, 202)
  assert counts['written'] == len(one.train) > 2 * counts['kept'] > 0


def test_chunks_change_nothing(corpus, monkeypatch):
  plain = {'remove_duplicates': True, 'workers': 1}
  whole = prepare(corpus, cache_dir=str(corpus / '1'), **plain)
  monkeypatch.setattr(encoding, 'CHUNK', 7)
  assert contents(whole) == contents(
    prepare(corpus, cache_dir=str(corpus / '2'), **plain)
  )


def test_what_was_broken_off_goes_on(corpus, monkeypatch):
  monkeypatch.setattr(encoding, 'CHUNK', 25)
  whole = prepare(corpus, cache_dir=str(corpus / 'whole'), **MANY, workers=1)
  saved = []
  save = chunks.save

  def save_some(path, arrays):
    if len(saved) == 4:
      raise KeyboardInterrupt
    saved.append(path)
    save(path, arrays)

  monkeypatch.setattr(chunks, 'save', save_some)
  with pytest.raises(KeyboardInterrupt):
    prepare(corpus, **MANY, workers=1)
  [work] = (corpus / 'cache').glob('*.work-*')
  assert len(saved) == len(list(work.rglob('*.npz'))) == 4
  # One that was not whole on disk when the power went.
  saved[1].write_bytes(saved[1].read_bytes()[:100])
  again = []
  monkeypatch.setattr(
    chunks,
    'save',
    lambda path, arrays: again.append(path) or save(path, arrays),
  )
  lines = []
  prepared = prepare(corpus, lines.append, **MANY, workers=1)
  assert f'going on with what is done in {work}' in lines
  assert not any('vocabulary' in line for line in lines)
  assert contents(prepared) == contents(whole)
  # 202 pairs are 9 chunks, the dev set is one.
  assert len(again) == 9 - 3 + 1
  assert not work.exists()


_KILLED = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from data_configs import make_config
from t2t_jax.data import encoding, token_store
encoding.CHUNK = 25
if __name__ == '__main__':
  config = make_config(Path({corpus!r}), workers=2, samplings=3)
  print(token_store.prepare(config, str).directory)
"""


@pytest.mark.slow
def test_a_killed_preparation_and_its_processes(tmp_path, monkeypatch):
  write_corpus(tmp_path, random_pairs(1500))
  write_corpus(tmp_path, random_pairs(25), 'dev')
  program = tmp_path / 'program.py'
  program.write_text(
    _KILLED.format(tests=str(Path(__file__).parent), corpus=str(tmp_path))
  )
  environment = os.environ | {'PYTHONPATH': str(Path(__file__).parents[2])}
  running = subprocess.Popen(
    [sys.executable, program], env=environment, start_new_session=True
  )
  while not (done := list(tmp_path.glob('cache/*.work-*/train/*.npz'))):
    assert running.poll() is None
    time.sleep(0.01)
  running.kill()
  running.wait()
  assert not list(tmp_path.glob('cache/*/manifest.json'))
  stamps = {path: path.stat().st_mtime_ns for path in done}
  for _ in range(500):  # the session's other processes end by themselves
    try:
      os.killpg(running.pid, 0)
    except ProcessLookupError:
      break
    time.sleep(0.01)
  else:
    os.killpg(running.pid, signal.SIGKILL)
    pytest.fail('the workers outlived their parent')
  assert stamps == {path: path.stat().st_mtime_ns for path in done}
  subprocess.run([sys.executable, program], env=environment, check=True)
  assert not list(tmp_path.glob('cache/*.work-*'))
  monkeypatch.setattr(encoding, 'CHUNK', 25)
  settings = {'samplings': 3, 'workers': 1}
  found = prepare(tmp_path, **settings)  # as the second process left it
  whole = prepare(tmp_path, **settings, cache_dir=str(tmp_path / 'whole'))
  assert contents(found) == contents(whole)


def _die(job, vocabulary, settings):
  os._exit(1)


def test_a_worker_that_dies(corpus, monkeypatch):
  monkeypatch.setattr(encoding, 'CHUNK', 25)
  monkeypatch.setattr(workers, '_encode', _die)
  with pytest.raises(
    UsageError, match=r'config.data.workers: one of 2 processes died.*go on'
  ):
    prepare(corpus, workers=2)
  # The vocabulary is kept; a mistake in the text would have deleted it.
  assert list((corpus / 'cache').glob('*.work-*/vocabulary.json'))
  assert multiprocessing.active_children() == []


def test_by_default_as_many_workers_as_cpus():
  assert workers.usable_cpus() == len(os.sched_getaffinity(0))


def test_repetitions_are_those_of_a_set():
  generator = np.random.default_rng(1)
  hashes = generator.integers(0, 300, 1000).astype(np.uint64)
  repetitions = cleaning.Repetitions(hashes.copy())
  seen, expected = set(), []
  for value in hashes.tolist():
    expected.append(value in seen)
    seen.add(value)
  found = [
    repetitions.mark(part)
    for part in np.split(hashes, [0, 1, 10, 10, 400, 999])
  ]
  assert np.concatenate(found).tolist() == expected


def test_pairs_share_a_hash_only_when_equal():
  pairs = [('a b', 'c'), ('a', 'b c'), ('a b', 'c'), ('c', 'a b')]
  hashes = cleaning.pair_hashes(pairs).tolist()
  assert hashes[0] == hashes[2]
  assert len(set(hashes)) == 3


def test_reasons_of_cleaning(tmp_path):
  pairs = {
    'empty': [('', 'x'), ('\u3000', '\u3000')],
    'identical': [('a b', 'a b '), ('1', '1')],
    'script': [('Привет друг', 'b'), ('a', 'Ελληνικά b')],
    'length_ratio': [('a', 'b b b b b b')],
  }
  kept = [('a', 'b'), ('a b Привет', 'b'), ('5 %', '1 2'), ('a', 'Größe')]
  write_corpus(tmp_path, [*itertools.chain(*pairs.values()), *kept])
  write_corpus(tmp_path, [('a', 'a'), ('я', 'я')], 'dev')
  settings = {
    'remove_identical': True,
    'min_script_share': 0.2,
    'max_length_ratio': 3.0,
    **SEGMENTED,
  }
  prepared = prepare(tmp_path, **settings)
  counts = prepared.report['train']
  assert {reason: counts[reason] for reason in pairs} == {
    reason: len(some) for reason, some in pairs.items()
  }
  assert counts['kept'] == len(prepared.train) == len(kept)
  assert prepared.report['dev']['kept'] == 2
  plain = prepare(tmp_path, **SEGMENTED)
  assert plain.report['train']['kept'] == 11 - 2
  assert plain.fingerprint != prepared.fingerprint


@pytest.mark.parametrize(
  'language, line, share',
  [
    ('de', 'Größe 12', 1.0),
    ('de', 'ab Привет', 2 / 8),
    ('ru', 'ab Привет', 6 / 8),
    ('zh-TW', '漢字 ab', 0.5),
    ('ja', '漢字かなカナー', 1.0),
    ('ko', '한국어 x', 3 / 4),
    ('xx', '', 1.0),
    ('el', '... 12 😀', 1.0),
  ],
)
def test_share_of_a_script(language, line, share):
  around = ['abc', line, 'абв']
  assert scripts.shares(around, language)[1] == pytest.approx(share)


def test_weights_are_times_in_an_epoch(tmp_path, monkeypatch):
  monkeypatch.setattr(encoding, 'CHUNK', 100)
  for name, count in (('a', 1000), ('b', 50), ('c', 2000)):
    pairs = [(f'{name}{n}', f'{name}{n} x') for n in range(count)]
    write_corpus(tmp_path, pairs, name)
  write_corpus(tmp_path, [('a1', 'x')], 'dev')
  names = {
    'train_source': ('a.en', 'b.en', 'c.en'),
    'train_target': ('a.de', 'b.de', 'c.de'),
    'vocabulary_kind': 'segmented',
    'size': 4000,
    'workers': 1,
  }
  prepared = prepare(tmp_path, train_weights=(1, 3, 0.25), **names)
  source = prepared.tokenizers.source
  counts = collections.Counter(
    source.decode([ids])[0] for ids in sentences(prepared.train)
  )
  assert all(counts[f'a{n}'] == 1 for n in range(1000))
  assert all(counts[f'b{n}'] == 3 for n in range(50))
  chosen = [n for n in range(2000) if counts[f'c{n}']]
  assert max(counts[f'c{n}'] for n in chosen) == 1
  # 500 expected, standard deviation 19; from the first and the last alike.
  assert 420 < len(chosen) < 580
  assert 800 < np.mean(chosen) < 1200
  report = prepared.report
  assert report['train']['kept'] == 3050
  assert report['train']['written'] == 1150 + len(chosen)
  assert report['train_corpora']['b.en']['written'] == 150
  even = prepare(tmp_path, train_weights=(1, 1, 1), **names)
  assert even.fingerprint == prepare(tmp_path, **names).fingerprint
  assert even.fingerprint != prepared.fingerprint


def test_weights_that_leave_nothing(tmp_path):
  for split in ('train', 'dev'):
    write_corpus(tmp_path, [('a', 'b'), ('c', 'd')], split)
  with pytest.raises(
    UsageError, match='no pair of the train text is left; 2 of 2 pairs kept'
  ):
    prepare(tmp_path, train_weights=(1e-6,), **SEGMENTED)


def test_the_report_has_each_corpus(tmp_path):
  write_corpus(tmp_path, [('a', 'A'), ('', 'A')], 'one')
  write_corpus(tmp_path, [('b', 'B'), ('b', 'B'), ('a', 'A')], 'two')
  write_corpus(tmp_path, [('a', 'A')], 'dev')
  lines = []
  prepared = prepare(
    tmp_path,
    lines.append,
    train_source=('one.en', 'two.en'),
    train_target=('one.de', 'two.de'),
    remove_duplicates=True,
    **SEGMENTED,
  )
  parts = prepared.report['train_corpora']
  assert (parts['one.en']['kept'], parts['one.en']['empty']) == (1, 1)
  assert (parts['two.en']['kept'], parts['two.en']['duplicates']) == (1, 2)
  for key, value in prepared.report['train'].items():
    if key != 'samplings':
      assert value == sum(part[key] for part in parts.values()), key
  assert any(
    line.startswith('train, two.en: 1 of 3 pairs kept, left out: 2 duplicates;')
    for line in lines
  )


def test_progress_every_ten_seconds():
  lines = []
  seconds = iter([0.0, 4.0, 10.0, 15.0, 20.0])
  pace = Pace('train', 1000, lines.append, lambda: next(seconds))
  for _ in range(4):
    pace.add(100)
  assert lines == [
    'train: 200 of 1,000 pairs (20%), 20 pairs/s, 0:40 minutes left',
    'train: 400 of 1,000 pairs (40%), 20 pairs/s, 0:30 minutes left',
  ]
  seconds = iter([0.0, 20.0])
  Pace('train', None, lines.append, lambda: next(seconds)).add(100)
  assert lines[-1] == 'train: 100 pairs, 5 pairs/s'


def test_what_is_found_tells_nothing_of_the_pace():
  lines = []
  seconds = iter([0.0, 10.0, 11.0, 16.0, 21.0])
  pace = Pace('train', 1000, lines.append, lambda: next(seconds))
  pace.add(300, found=True)
  pace.add(300, found=True)  # the work begins here, at 11 seconds
  pace.add(50)
  pace.add(50)
  assert lines == [
    'train: 300 of 1,000 pairs (30%), found there',
    'train: 700 of 1,000 pairs (70%), 10 pairs/s, 0:30 minutes left',
  ]
