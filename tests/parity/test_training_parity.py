"""The training benchmark's PyTorch peer does the updates that ours does."""

import dataclasses

import pytest

pytest.importorskip(
  'torch', reason='torch is absent: pip install t2t_jax[parity]'
)

from benchmarks.peers.our_training import OurTrainer
from benchmarks.peers.torch_training import TorchTrainer
from benchmarks.sizes import Size
from benchmarks.work import random_work

# More positions than the peer's chunk of the loss, and not a multiple.
TOKENS, LENGTH = 420, 7


@pytest.fixture(scope='module')
def work():
  """Two layers; a source and a target end in padding."""
  size = Size(2, 16, 24, 2, 30)
  work = random_work(
    size, tokens=TOKENS, length=LENGTH, dtype='float32', dropout=0.0, seed=1
  )
  optimizer = dataclasses.replace(
    work.config.optimizer, warmup_steps=3, peak_learning_rate=0.01
  )
  for batch in work.batches:
    for row, ids in enumerate(batch):
      ids[row, 4:] = work.pad_id
  config = dataclasses.replace(work.config, optimizer=optimizer)
  return dataclasses.replace(work, config=config)


@pytest.fixture(scope='module')
def our_losses(work):
  return losses(OurTrainer(work))


def losses(trainer):
  """Of five updates; each call begins with the first batch again."""
  return [trainer.run(1) for _ in range(5)]


@pytest.mark.parametrize('variant', ['', 'full'])
def test_losses_of_five_updates_are_ours(work, our_losses, variant):
  """The later ones are equal if gradients, Adam and the rate are."""
  found = losses(TorchTrainer(work, variant))
  assert found == pytest.approx(our_losses, rel=2e-5)
  assert found[-1] < found[0] - 0.1


def test_dropout_is_of_the_rate_and_keeps_the_mean(work):
  import torch

  from benchmarks.peers.torch_training import _Dropout

  torch.manual_seed(0)
  kept = _Dropout(0.3)(torch.ones(101, 999))
  assert float((kept == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
  assert float(kept.mean()) == pytest.approx(1, abs=0.01)
  assert kept.unique().tolist() == pytest.approx([0, 1 / 0.7])
