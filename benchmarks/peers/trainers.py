"""The trainers that are compared, by name."""

import importlib.util
from collections.abc import Iterable
from typing import Protocol

from benchmarks.work import Work
from t2t_jax.errors import UsageError, nearest


class Trainer(Protocol):
  """A model in training: each update takes the next batch of its work."""

  def run(self, updates: int) -> float:
    """Makes so many updates and waits for the last one; returns its loss,
    smoothed, a target token."""

  def device_peak(self) -> int | None:
    """Returns the most bytes of the accelerator that this engine has had so
    far; None on a CPU."""

  def program_bytes(self) -> int | None:
    """Returns what an update needs by its compiler; None if it does not
    tell."""


# Name -> the package that it needs. What stands behind the first dash is one of
# our trainer's VARIANTS, or how torch makes the loss.
PEERS = {
  'ours': 'jax',
  'ours-xla': 'jax',
  'ours-cudnn': 'jax',
  'ours-scanned': 'jax',
  'torch': 'torch',
  'torch-full': 'torch',
  'flax': 'flax',
}


def make_trainer(name: str, work: Work, flax_wmt: str) -> Trainer:
  """Returns the trainer of one of PEERS, which must be installed.

  Args:
    name: of the peer.
    work: what it is to do.
    flax_wmt: directory of flax's example, which 'flax' is.
  """
  engine, _, variant = name.partition('-')
  if engine == 'ours':
    from benchmarks.peers.our_training import OurTrainer

    return OurTrainer(work, variant)
  if engine == 'torch':
    from benchmarks.peers.torch_training import TorchTrainer

    return TorchTrainer(work, variant)
  from benchmarks.peers.flax_wmt import FlaxTrainer

  return FlaxTrainer(work, flax_wmt)


def check_peers(names: Iterable[str]) -> None:
  """Raises UsageError: one of `names` is not one of PEERS."""
  for name in names:
    if name not in PEERS:
      raise UsageError(
        f"--peers: expected some of {', '.join(PEERS)}, found '{name}'."
        f'{nearest(name, PEERS)}'
      )


def why_missing(name: str, flax_wmt: str) -> str:
  """Returns why one of PEERS cannot run here, '' if it can."""
  if not importlib.util.find_spec(PEERS[name]):
    return f'{PEERS[name]} is not installed (extra `bench`)'
  if name == 'flax' and not flax_wmt:
    return "--flax_wmt does not say where flax's examples/wmt is"
  if name == 'ours-cudnn' and not _on_gpu():
    return 'cuDNN needs a GPU'
  return ''


def _on_gpu() -> bool:
  import jax

  return jax.default_backend() == 'gpu'
