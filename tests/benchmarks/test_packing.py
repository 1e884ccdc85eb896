"""Packed rows by hand, and the benchmark of packing at the smallest size."""

import itertools
import json
import types

import numpy as np
import pytest
from run_command import run_command

from benchmarks import rounds
from benchmarks.packed_rows import pack, packed_batches, row_lengths
from benchmarks.peers import our_training
from t2t_jax.data.padding import gather


def random_lengths(pairs=300):
  return np.random.default_rng(0).integers(1, 20, (pairs, 2))


def test_every_pair_that_fits_has_one_place():
  lengths_P2 = random_lengths()
  rows = pack(lengths_P2, (16, 18), 64, seed=1)
  fits = (lengths_P2 <= (16, 18)).all(axis=1)
  assert sorted(itertools.chain(*rows)) == np.flatnonzero(fits).tolist()
  assert all((lengths_P2[row].sum(axis=0) <= (16, 18)).all() for row in rows)
  assert rows == pack(lengths_P2, (16, 18), 64, seed=1)
  assert rows != pack(lengths_P2, (16, 18), 64, seed=2)


def test_a_pair_goes_to_the_first_row_with_room():
  """By the definition; no two are equally long, so the order is known."""
  rng = np.random.default_rng(0)
  source_P = rng.permutation(60) + 1
  lengths_P2 = np.stack([source_P, rng.integers(1, source_P + 1)], axis=1)
  expected = []
  for pair in np.argsort(-source_P):
    for row in expected:
      if (lengths_P2[[*row, pair]].sum(axis=0) <= (60, 60)).all():
        row.append(pair)
        break
    else:
      expected.append([pair])
  assert pack(lengths_P2, (60, 60), 60, seed=1) == expected


def test_the_longest_first_by_hand():
  lengths_P2 = np.array([[2, 2], [5, 1], [3, 3], [1, 4], [7, 1]])
  rows = pack(lengths_P2, (6, 6), 5, seed=0)
  # 5 + 1 and 1 + 4; 3 + 2 and 3 + 2; the last pair is too long.
  assert rows == [[1, 3], [2, 0]]


def test_windows_are_not_mixed():
  lengths_P2 = np.full((10, 2), 2)
  assert [len(row) for row in pack(lengths_P2, (6, 6), 4, seed=0)] == [
    *(3, 1),
    *(3, 1),
    2,
  ]


def test_a_rows_sides_are_in_the_texts_ratio():
  assert row_lengths(np.array([[3, 4], [3, 4]]), 64) == (48, 64)
  assert row_lengths(np.array([[4, 3], [4, 3]]), 60) == (60, 48)
  assert row_lengths(np.array([[999, 1000]]), 60) == (60, 60)


def test_packed_batches_hold_the_pairs_tokens():
  sentences = [[5, 2], [6, 7, 2], [8, 2], [9, 9, 9, 2]]
  offsets = np.cumsum([0, *map(len, sentences)])
  tokens = np.concatenate(sentences)
  store = types.SimpleNamespace(
    source_tokens=tokens,
    source_offsets=offsets,
    target_tokens=tokens + 10,
    target_offsets=offsets,
  )
  [batch] = packed_batches(store, [[0, 1], [3]], 2, (6, 7), 0, number=5)
  assert batch.source_ids_BS.dtype == np.int32
  assert sorted(batch.source_ids_BS.tolist()) == [
    [5, 2, 6, 7, 2, 0],
    [9, 9, 9, 2, 0, 0],
  ]
  assert batch.target_ids_BT.shape == (2, 7)
  # A row of one pair is that pair, padded.
  [alone] = packed_batches(store, [[2]], 8, (6, 7), 0, number=1)
  padded = gather(store, np.array([2]), 6, 7, 0)
  assert (alone.source_ids_BS == padded.source_ids_BS).all()
  assert (alone.target_ids_BT == padded.target_ids_BT).all()


class Trainer:
  """Takes as long for each batch."""

  def __init__(self, work):
    self.work = work

  def run(self, updates):
    return updates


@pytest.fixture(autouse=True)
def quick(monkeypatch):
  monkeypatch.setattr('t2t_jax.cli.use_compile_cache', lambda directory: None)
  monkeypatch.setattr(rounds, 'PAUSE_S', 0)
  monkeypatch.setattr(our_training, 'OurTrainer', Trainer)


def packing(directory, *flags):
  return run_command(
    'packing',
    '--config=configs/quickstart.py',
    f'--config.data.cache_dir={directory}',
    '--config.data.generated_train_pairs=200',
    '--config.data.generated_dev_pairs=20',
    '--config.vocabulary.size=400',
    '--config.training.global_batch_tokens=256',
    '--config.training.max_shapes=2',
    '--size=micro',
    *flags,
    package='benchmarks',
  )


def test_it_tells_of_buckets_and_of_packed_rows(tmp_path):
  finished = packing(
    tmp_path, '--lengths=12,64', '--updates=3', '--repeats=2', '--clock=cpu'
  )
  assert finished.status == 0, finished.stderr
  buckets, short, long = (
    json.loads(x) for x in finished.lines if x.startswith('{')
  )
  assert buckets['layout'] == 'buckets'
  assert buckets['products'] == 1
  assert len(buckets['shapes']) == 2
  assert buckets['left_out'] == long['left_out'] == 0
  assert buckets['times_the_buckets']['median'] == 1
  [(rows, source, target)] = long['shapes']
  assert max(source, target) == 64
  assert rows == 256 // 64
  # Of four rows of both sides.
  assert long['real_tokens_per_update'] == pytest.approx(
    long['real'] * 4 * (source + target), rel=1e-3
  )
  assert short['left_out'] > 0
  # Rows that hold several pairs are fuller, and attend to more.
  assert buckets['real'] < long['real'] <= 1
  for record in (buckets, short, long):
    assert record['real_tokens_per_s'] > 0
    low, high = record['times_the_buckets']['quartiles']
    assert low <= record['times_the_buckets']['median'] <= high

  shares = packing(tmp_path, '--lengths=64', '--repeats=0')
  only, packed = (json.loads(x) for x in shares.lines if x.startswith('{'))
  assert (only['real'], packed['real']) == (buckets['real'], long['real'])
  assert 'median_s' not in packed


def test_a_length_that_holds_no_pair_is_a_mistake(tmp_path):
  finished = packing(tmp_path, '--lengths=1', '--repeats=0')
  assert finished.stderr.splitlines()[-1] == (
    'packing: --lengths: expected room for some pair of the text, found 1'
  )
  assert finished.status == 2
  finished = packing(tmp_path, '--lengths=64,no', '--repeats=0')
  assert finished.stderr.splitlines()[-1] == (
    "packing: --lengths: expected tokens of a row, such as 64,128, found 'no'"
  )
