"""The training benchmark: its records, its arithmetic, mistakes in flags."""

import dataclasses
import json
import mmap
import time
import types

import numpy as np
import pytest
from run_command import run_command

from benchmarks import memory, rounds
from benchmarks.figures import ProductTimes, figures
from benchmarks.peers import our_training, trainers
from benchmarks.peers.flax_wmt import load_example
from benchmarks.rounds import Repeat
from benchmarks.sizes import SIZES
from benchmarks.work import Counts, Work, random_work
from t2t_jax.data.batching import Batch
from t2t_jax.errors import UsageError


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
  monkeypatch.setattr(rounds, 'PAUSE_S', 0)
  # Of the peers' processes, and where their compile cache lies.
  monkeypatch.setenv('JAX_DISABLE_MOST_OPTIMIZATIONS', '1')
  monkeypatch.setenv('HOME', str(tmp_path))


def train(*arguments):
  return run_command('train', *arguments, package='benchmarks')


def test_it_measures_and_tells_what_it_leaves_out():
  finished = train(
    '--size=micro',
    '--peers=flax,ours',
    '--tokens=64',
    '--length=8',
    '--updates=2',
    '--repeats=1',
    '--product=32',
  )
  assert finished.status == 0, finished.stderr
  lines = [json.loads(x) for x in finished.lines if x.startswith('{')]
  skipped, record = lines
  assert skipped['peer'] == 'flax'
  assert skipped['skipped'] == (
    "--flax_wmt does not say where flax's examples/wmt is"
  )
  assert (record['benchmark'], record['size']) == ('train', 'micro')
  assert (record['peer'], record['dtype']) == ('ours', 'float32')
  # A layer and pair: 8 source and 8 target tokens, d 16, d_ff 24, V 300; four
  # projections, two products of attention, two of the feed-forward layer.
  source = 4 * 2 * 16 * 16 + 2 * 2 * 8 * 16 + 2 * 2 * 16 * 24
  cross = 2 * 2 * 16 * 16 + 2 * 2 * 8 * 16  # queries, output; attention
  keys_values = 2 * 2 * 16 * 16
  target = source + cross + 2 * 16 * 300
  flops = 3 * 8 * (8 * (source + keys_values) + 8 * target)
  assert record['flops_per_update'] == flops
  assert record['mfu'] == pytest.approx(
    2 * flops / record['median_s'] / record['product_flops_per_s'],
    abs=1e-4,  # as many digits are told
  )
  assert record['target_tokens_per_s'] == pytest.approx(
    2 * 64 / record['median_s'], rel=1e-3
  )
  assert record['padded_tokens_per_s'] == record['target_tokens_per_s']
  assert record['padding_share'] == 0
  assert record['program_mib'] > 0
  assert record['product_width'] == 32
  # Random targets of 300 entries, from the start.
  assert record['first_loss'] == pytest.approx(np.log(300), abs=1)
  assert {'versions', 'commit', 'cpu', 'threads'} <= set(record)
  assert sum(x.startswith('|') for x in finished.lines) == 4


@pytest.mark.parametrize('variant', our_training.VARIANTS)
def test_a_variant_of_ours_changes_what_it_is_named_for(variant, monkeypatch):
  """Nothing is made; what the step would be made of is looked at."""
  made = []
  monkeypatch.setattr(our_training, 'create_arrays', lambda *args: None)
  monkeypatch.setattr(
    our_training, 'make_train_step', lambda *args: made.append(args)
  )
  work = random_work(
    SIZES['micro'], tokens=16, length=4, dtype='float32', dropout=0.0, seed=1
  )
  trainers.load_trainer(f'ours-{variant}'.rstrip('-'), '')(work)
  [(config, model, *_)] = made
  assert model.config == config.model
  changed = {
    name: value
    for name, value in dataclasses.asdict(config.model).items()
    if value != getattr(work.config.model, name)
  }
  assert (
    changed
    == {
      '': {},
      'scanned': {'scan_layers': True},
      'xla': {'attention_impl': 'xla'},
      'cudnn': {'attention_impl': 'cudnn'},
    }[variant]
  )


def repeats(*seconds):
  return [Repeat(second, 0.0) for second in seconds]


def test_figures_by_hand():
  # The machine is half as fast in the second round; MFU is of its best.
  found = figures(
    Counts(30, 40, 50, 50, 6e9),
    4,
    repeats(2.0, 4.0, 2.0),
    ProductTimes(64, 5e9, repeats(2.0, 1.0, 2.0)),
    2,
    30e9,
  )
  assert found['update_ms'] == 500
  assert found['quartiles_ms'] == [500, 750]
  assert found['target_tokens_per_s'] == 20
  assert found['padded_tokens_per_s'] == 25
  assert found['padding_share'] == 0.3
  assert found['flops_per_update'] == 1.5e9
  assert found['product_flops_per_s'] == 10e9
  assert found['product_width'] == 64
  assert found['mfu'] == 0.3
  assert found['mfu_of_data_sheet'] == 0.1
  # Their peer has failed.
  rest = figures(Counts(30, 40, 50, 50, 6e9), 4, repeats(2.0), None, 2, None)
  assert rest['update_ms'] == 500
  assert 'mfu' not in rest


def test_padding_is_counted():
  work = random_work(
    SIZES['micro'], tokens=16, length=4, dtype='float32', dropout=0.0, seed=1
  )
  assert work.batches[0].source_ids_BS.shape == (4, 4)
  assert {ids[0, -1] for batch in work.batches for ids in batch} == {2}
  padded = Batch(np.array([[5, 2, 0], [2, 0, 0]]), np.array([[6, 2], [7, 2]]))
  work = Work(work.config, 300, 0, 1, [padded, work.batches[0]], 'two')
  counts = work.counts(3)  # the first one twice
  assert counts.source_tokens == 3 + 16 + 3
  assert counts.source_positions == 6 + 16 + 6
  assert counts.target_tokens == counts.target_positions == 4 + 16 + 4
  alone = work.counts(1).flops
  assert counts.flops == 2 * alone + work.count(work.batches[1]).flops


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (
      ['--dtype=float16'],
      "--dtype: expected some of float32, bfloat16, found 'float16'. Did you "
      "mean 'bfloat16'?",
    ),
    (
      ['--dropout=0.1,1'],
      "--dropout: expected numbers from 0 to below 1, found '1'",
    ),
    (
      ['--peers=ours,jumble'],
      '--peers: expected some of ours, ours-xla, ours-cudnn, ours-scanned, '
      "torch, torch-full, flax, found 'jumble'.",
    ),
    (
      ['--size=bigger'],
      '--size: expected some of tiny, small, base, big, micro, found '
      "'bigger'. Did you mean 'big'?",
    ),
  ],
)
def test_a_mistake_is_one_line(arguments, message):
  finished = train(*arguments)
  assert finished.stderr == f'train: {message}\n'
  assert (finished.status, finished.stdout) == (2, '')


def test_a_peer_that_is_not_installed_is_left_out(monkeypatch):
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  assert trainers.why_missing('torch', '') == (
    'torch is not installed (extra `bench`)'
  )


def test_an_update_is_compiled_once(monkeypatch):
  lowered, lower = [], our_training.lower

  def counting(*arguments):
    lowered.append(arguments[3])
    return lower(*arguments)

  monkeypatch.setattr(our_training, 'lower', counting)
  work = random_work(
    SIZES['micro'], tokens=16, length=8, dtype='float32', dropout=0.1, seed=1
  )
  trainer = our_training.OurTrainer(work)
  trainer.run(2)
  trainer.run(1)
  assert trainer.program_bytes() > 0
  assert 'ENTRY' in trainer.compiled().as_text()
  assert lowered == [(2, 8, 8)]


def test_products_come_behind_the_updates():
  """What they leave behind, a busy core, is no other than a peer's."""
  done = []
  peer = object.__new__(trainers.TrainingPeer)
  peer._clock, peer._times_products = time.perf_counter, True
  peer._product_repeats = []
  peer._trainer = types.SimpleNamespace(run=lambda n: done.append(n))
  peer._products = types.SimpleNamespace(job=lambda: done.append('products'))
  peer.time(3)
  assert done == [3, 'products']


def test_flax_example_is_read_without_what_it_does_not_need(tmp_path):
  with pytest.raises(UsageError, match=r'found no train\.py in it'):
    load_example(tmp_path)
  (tmp_path / 'models.py').write_text('WIDTH = 3\n')
  (tmp_path / 'train.py').write_text(
    'from clu import metric_writers\nimport tensorflow as tf\n'
    'import models\n'
    'def width(x: tf.data.Dataset = None): return models.WIDTH\n'
  )
  train, models = load_example(tmp_path)
  assert train.width() == models.WIDTH == 3


def test_the_peak_of_memory_is_the_jobs_own():
  size = 64 * 2**20

  def use() -> None:
    # Not of the heap, where there may be as much that was freed before.
    with mmap.mmap(-1, size) as pages:
      for _ in range(64):
        pages.write(b'x' * (size // 64))

  before, peak = memory.resident(), memory.peak_resident(use)
  if peak is None:
    pytest.skip('the peak cannot be reset here')
  assert size * 0.9 < peak - before < size * 1.5
  assert memory.peak_resident(lambda: None) < peak - size / 2
