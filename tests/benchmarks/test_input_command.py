"""The benchmark of the input, beside updates that take no time to compile."""

import json

import numpy as np
import pytest
from run_command import run_command

from benchmarks import rounds
from benchmarks.peers import our_training


class Trainer:
  """Looks at its batches, and at what is placed."""

  def __init__(self, work):
    self.work = work

  def run(self, updates):
    return updates

  def place(self, batch):
    return [np.asarray(ids) for ids in batch]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
  monkeypatch.setattr('t2t_jax.cli.use_compile_cache', lambda directory: None)
  monkeypatch.setattr(rounds, 'PAUSE_S', 0)
  monkeypatch.setattr(our_training, 'OurTrainer', Trainer)


def test_it_tells_of_batches_placed_and_taken(tmp_path):
  finished = run_command(
    'input',
    '--config=configs/quickstart.py',
    f'--config.data.cache_dir={tmp_path}',
    '--config.data.generated_train_pairs=200',
    '--config.data.generated_dev_pairs=20',
    '--config.vocabulary.size=400',
    '--config.training.global_batch_tokens=256',
    '--config.training.max_shapes=2',
    '--size=micro',
    '--batches=5',
    '--updates=3',
    '--repeats=2',
    package='benchmarks',
  )
  assert finished.status == 0, finished.stderr
  made, placed, taken = (
    json.loads(x) for x in finished.lines if x.startswith('{')
  )
  assert [r['job'] for r in (made, placed, taken)] == [
    'batches',
    'batches on the device',
    'updates of micro',
  ]
  assert (made['batches'], placed['batches'], taken['batches']) == (5, 5, 3)
  for record in (made, placed, taken):
    assert record['batches_per_s'] == pytest.approx(
      record['batches'] / record['median_s'], rel=0.1
    )
    assert 0 < record['padding_share'] < 0.5
    # At most 256 positions a batch, of which some are padding.
    tokens = record['target_tokens_per_s'] / record['batches_per_s']
    assert 60 < tokens < 256 or record['median_s'] < 1e-4
  assert made['first_batch_s'] > made['next_epoch_s'] > 0
  # Of tokens a second, within the rounds: updates that do nothing are faster.
  low, high = made['times_the_update']['quartiles']
  assert low <= made['times_the_update']['median'] <= high < 1
  assert 'times_the_update' not in taken
