"""Batches against brute force: each pair, each position, each size."""

import collections
import random
import tracemalloc

import numpy as np
import pytest

from t2t_jax.data.batching import Batch, TrainBatches, evaluation_batches
from t2t_jax.data.token_files import TokenStore, TokenWriter
from t2t_jax.errors import UsageError

PAD, EOS = 0, 2
BUDGET = 256


def make_store(directory, count, longest=30, seed=1):
  """Returns a store of random pairs of correlated lengths, and its pairs."""
  generator = np.random.default_rng(seed)
  pairs = []
  for number in range(count):
    source = int(np.clip(generator.lognormal(2.3, 0.5), 2, longest - 1))
    target = int(np.clip(source * generator.normal(1, 0.2), 2, longest - 1))
    # The first two ids are the pair's number, so that no two are alike.
    name = [3 + number % 60, 3 + number // 60]
    pairs.append(
      tuple(
        (*name, *generator.integers(3, 90, length - 2).tolist(), EOS)
        for length in (source, target)
      )
    )
  with TokenWriter(directory / 'store', (100, 100)) as writer:
    writer.extend(*zip(*pairs, strict=True))
  return TokenStore(directory / 'store'), pairs


def make_batches(store, **changes):
  settings = {
    'global_batch_tokens': BUDGET,
    'max_shapes': 6,
    'length_multiple': 1,
    'seed': 1,
    'pad_id': PAD,
  }
  return TrainBatches(store, **settings | changes)


@pytest.fixture(scope='module')
def stored(tmp_path_factory):
  return make_store(tmp_path_factory.mktemp('batching'), 500)


@pytest.fixture(scope='module')
def batches(stored):
  return make_batches(stored[0])


def rows_of(batch):
  """Returns the (source, target) pairs of a batch, without PADs."""
  return [
    tuple(tuple(int(n) for n in ids if n != PAD) for ids in (source, target))
    for source, target in zip(*batch, strict=True)
  ]


def assert_equal(batch, other):
  for ids, others in zip(batch, other, strict=True):
    np.testing.assert_array_equal(ids, others)


def test_padding_is_what_plain_python_writes(stored, batches):
  known = set(stored[1])
  for step in range(30):
    batch = batches.batch(step)
    for ids_BL, pairs in zip(
      batch, zip(*rows_of(batch), strict=True), strict=True
    ):
      length = ids_BL.shape[1]
      expected = [[*ids, *[PAD] * (length - len(ids))] for ids in pairs]
      assert ids_BL.tolist() == expected
      assert ids_BL.dtype == np.int32
      assert all(ids[-1] == EOS for ids in pairs)
    assert known.issuperset(rows_of(batch))


def test_every_batch_has_one_of_the_shapes_and_keeps_the_budget(batches):
  seen = set()
  for step in range(3 * round(batches.steps_per_epoch)):
    batch = batches.batch(step)
    seen.add((*batch.source_ids_BS.shape, batch.target_ids_BT.shape[1]))
    assert max(ids.size for ids in batch) <= BUDGET
    assert len(batch.source_ids_BS) % 8 == 0
  assert seen == set(batches.shapes)
  assert len(batches.shapes) == 6


def test_each_pass_of_a_shape_has_every_pair_once(stored, batches):
  streams = collections.defaultdict(list)
  for step in range(round(9.5 * batches.steps_per_epoch)):
    batch = batches.batch(step)
    shape = (*batch.source_ids_BS.shape, batch.target_ids_BT.shape[1])
    streams[shape] += rows_of(batch)
  members = [set(stream) for stream in streams.values()]
  assert sum(map(len, members)) == len(stored[1])
  assert set().union(*members) == set(stored[1])
  for stream, pairs in zip(streams.values(), members, strict=True):
    size = len(pairs)
    orders = [
      stream[start : start + size] for start in range(0, len(stream), size)
    ]
    assert len(orders) >= 9
    for order in orders:
      assert len(set(order)) == len(order)
    assert orders[0] != orders[1]


def test_a_fresh_object_gives_any_step_at_once(stored, batches):
  steps = list(range(150))
  expected = {step: batches.batch(step) for step in steps}
  random.Random(5).shuffle(steps)
  fresh = make_batches(stored[0])
  for step in steps:
    assert_equal(fresh.batch(step), expected[step])


def test_far_steps(stored):
  fresh = make_batches(stored[0])
  step = 10**9
  assert_equal(fresh.batch(step), make_batches(stored[0]).batch(step))
  assert fresh.epoch(step) == pytest.approx(
    step / fresh.steps_per_epoch, rel=1e-6
  )


def test_seed_changes_the_order(stored, batches):
  other = make_batches(stored[0], seed=2)
  assert other.shapes == batches.shapes
  assert any(
    rows_of(other.batch(step)) != rows_of(batches.batch(step))
    for step in range(5)
  )


def test_order_is_frozen(tmp_path):
  """Golden numbers: a change here changes what a resumed run sees next."""
  pairs = [
    ([3 + number] * (2 + number * 7 % 23), [EOS] * (2 + number * 5 % 19))
    for number in range(90)
  ]
  with TokenWriter(tmp_path / 'store', (100, 100)) as writer:
    writer.extend(*zip(*pairs, strict=True))
  batches = make_batches(TokenStore(tmp_path / 'store'), max_shapes=3)
  assert batches.shapes == ((16, 16, 15), (8, 24, 20))
  first_ids = [
    batches.batch(step).source_ids_BS[:3, 0].tolist() for step in (0, 1, 770)
  ]
  assert first_ids == [[33, 22, 65], [35, 84, 91], [52, 68, 29]]


@pytest.mark.parametrize('hosts', [2, 4, 8])
def test_slices_of_hosts_make_the_whole(batches, hosts):
  for step in (0, 3, 71):
    whole, drawn = batches.batch(step), batches.drawn(step)
    share = len(whole.source_ids_BS) // hosts
    parts = [
      drawn.read(slice(host * share, (host + 1) * share))
      for host in range(hosts)
    ]
    assert_equal(
      whole, Batch(*(np.concatenate(ids) for ids in zip(*parts, strict=True)))
    )


@pytest.mark.parametrize(
  'rows', [slice(1, None, 3), np.array([5, 0, 2]), np.array([], int)]
)
def test_any_rows_can_be_read(batches, rows):
  whole = batches.batch(3)
  expected = Batch(*(ids[rows] for ids in whole))
  assert_equal(batches.drawn(3).read(rows), expected)
  assert_equal(whole.read(rows), expected)


def test_a_batch_tells_its_lengths_before_it_is_read(batches):
  for step in range(10):
    drawn, batch = batches.drawn(step), batches.batch(step)
    assert drawn.shape == batch.shape
    for lengths_B, ids_BL in zip(drawn.lengths, batch, strict=True):
      np.testing.assert_array_equal(lengths_B, (ids_BL != PAD).sum(axis=1))
      # Operations of an update are counted with them: beyond 32 bits.
      assert lengths_B.dtype == np.int64


def test_shapes_in_the_order_in_which_they_come(batches):
  per_epoch = int(batches.steps_per_epoch)
  for step, end in (
    (0, per_epoch),
    (0, 3),
    (per_epoch - 2, per_epoch + 2),
    (3, 9 * per_epoch),
    (5, 5),
  ):
    seen = dict.fromkeys(
      batches.batch(number).shape for number in range(step, end)
    )
    assert batches.shapes_of(step, end) == list(seen)


def test_epochs_by_counting(batches):
  """Each epoch adds floor((e + 1) n / rows) - floor(e n / rows) a shape."""
  sizes = collections.Counter()
  steps, epoch = 0, 0
  shape_sizes = dict(zip(batches.shapes, batches._sizes, strict=True))
  assert batches.steps_per_epoch == pytest.approx(
    sum(size / shape[0] for shape, size in shape_sizes.items())
  )
  for epoch in range(12):
    start = steps
    assert batches.epoch(start) == epoch
    due = {
      shape: (epoch + 1) * size // shape[0]
      for shape, size in shape_sizes.items()
    }
    while any(sizes[shape] < due[shape] for shape in due):
      assert epoch <= batches.epoch(steps) < epoch + 1
      batch = batches.batch(steps)
      sizes[(*batch.source_ids_BS.shape, batch.target_ids_BT.shape[1])] += 1
      steps += 1
    assert sizes == due
    middle = (start + steps) // 2
    assert batches.epoch(middle) == pytest.approx(
      epoch + (middle - start) / (steps - start)
    )


@pytest.mark.parametrize('count', [1, 3, 8, 13, 30])
def test_a_corpus_smaller_than_a_batch(tmp_path, count):
  store, pairs = make_store(tmp_path, count, longest=8)
  batches = make_batches(store, global_batch_tokens=4096)
  ((rows, _, _),) = batches.shapes
  assert rows == -(-count // 8) * 8
  steps = 2 * count
  counts = collections.Counter(
    pair for step in range(steps) for pair in rows_of(batches.batch(step))
  )
  assert counts == dict.fromkeys(pairs, steps * rows // count)
  # With count < rows an epoch may have no batch of its own.
  assert batches.steps_per_epoch == count / rows
  epochs = [batches.epoch(step) for step in range(steps)]
  assert epochs == sorted(set(epochs))
  assert epochs[-1] == pytest.approx(
    (steps - 1) * rows / count, abs=rows / count
  )


@pytest.mark.parametrize('length', [5, BUDGET + 1])
def test_evaluation_has_each_pair_once_shortest_first(stored, length):
  store, pairs = stored
  batches = list(
    evaluation_batches(store, length if length < 9 else 128, 4, PAD)
  )
  rows = [
    (row, batch)
    for batch in batches
    for row in rows_of(batch)
    if row != ((), ())
  ]
  assert collections.Counter(row for row, _ in rows) == collections.Counter(
    pairs
  )
  assert len({tuple(ids.shape for ids in batch) for batch in batches}) <= 4
  longest = [batch.source_ids_BS.shape[1] for batch in batches]
  assert longest == sorted(longest)
  empty_rows = sum(
    row == ((), ()) for batch in batches for row in rows_of(batch)
  )
  assert empty_rows < sum({len(b.source_ids_BS) for b in batches}) * 4


def test_evaluation_of_nothing(tmp_path):
  with TokenWriter(tmp_path / 'store', (9, 9)):
    pass
  assert not list(evaluation_batches(TokenStore(tmp_path / 'store'), 9, 4, PAD))


def test_errors(tmp_path, stored):
  with pytest.raises(
    UsageError,
    match='expected room for the longest pair of 30 tokens, found 29',
  ):
    make_batches(stored[0], global_batch_tokens=29)
  with TokenWriter(tmp_path / 'store', (9, 9)):
    pass
  with pytest.raises(UsageError, match='expected training pairs, found none'):
    make_batches(TokenStore(tmp_path / 'store'))
  with pytest.raises(ValueError, match='a step of at least 0, found -1'):
    make_batches(stored[0]).batch(-1)


def _planned_bytes(directory, pairs):
  """The peak of what planning an epoch of so many pairs allocates."""
  generator = np.random.default_rng(1)
  ends = np.cumsum(generator.integers(2, 30, pairs))
  for side in ('source', 'target'):
    np.save(directory / f'{side}_offsets.npy', np.concatenate([[0], ends]))
    np.lib.format.open_memmap(
      directory / f'{side}_tokens.npy', 'w+', np.uint16, (int(ends[-1]),)
    )
  tracemalloc.start()
  make_batches(TokenStore(directory), max_shapes=20)
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  return peak


def test_a_plan_takes_few_bytes_a_pair(tmp_path):
  """1 GiB for 36 million pairs are 29 bytes a pair."""
  few, many = (_planned_bytes(tmp_path, n) for n in (1_500_000, 3_000_000))
  # Lengths 8, shape 2, place in its shape 4; a permutation is drawn for one
  # shape at a time.
  assert (many - few) / 1_500_000 < 16
