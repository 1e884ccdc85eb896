"""The trainers that are compared, by name, and what a process of one does."""

import functools
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from benchmarks.clock import CLOCKS
from benchmarks.figures import ProductTimes
from benchmarks.memory import mib, peak_resident, resident
from benchmarks.peers.decoders import start_engine
from benchmarks.rounds import Repeat, time_call
from benchmarks.sizes import base_config
from benchmarks.work import Work
from t2t_jax.errors import UsageError, nearest

if TYPE_CHECKING:
  from benchmarks.products import Products


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


def load_trainer(name: str, flax_wmt: str) -> Callable[[Work], Trainer]:
  """Imports the engine of one of PEERS, which must be installed.

  Args:
    name: of the peer.
    flax_wmt: directory of flax's example, which 'flax' is.

  Returns:
    What makes a trainer that does some work.
  """
  engine, _, variant = name.partition('-')
  if engine == 'ours':
    from benchmarks.peers.our_training import OurTrainer

    return functools.partial(OurTrainer, variant=variant)
  if engine == 'torch':
    from benchmarks.peers.torch_training import TorchTrainer

    return functools.partial(TorchTrainer, variant=variant)
  from benchmarks.peers.flax_wmt import FlaxTrainer

  return functools.partial(FlaxTrainer, directory=flax_wmt)


class Begun(NamedTuple):
  """What a peer tells when it can be timed.

  Attributes:
    update_s: of an update, now that all is compiled.
    device_kinds: of each device that it could use.
    record: what its JSON line tells of its beginning.
  """

  update_s: float
  device_kinds: list[str]
  record: dict[str, Any]


class TrainingPeer:
  """A trainer, in a process of its own."""

  def __init__(
    self,
    name: str,
    *,
    work: Work,
    flax_wmt: str,
    clock: str,
    products_by: str,
    product_width: int,
  ):
    """
    Args:
      name: of PEERS.
      work: what it is to do.
      flax_wmt: directory of flax's example.
      clock: of CLOCKS.
      products_by: the peer in whose turns matrix products alone are timed too.
      product_width: of these; 0: the fastest.
    """
    import jax

    start_engine(name, base_config().logging.compile_cache_dir)
    make = load_trainer(name, flax_wmt)
    jax.devices()  # now, for engines are no part of what a trainer takes
    self._clock, self._work = CLOCKS[clock], work
    self._before = resident()
    self._trainer = make(work)
    self._times_products = name == products_by
    self._width = product_width
    self._product_repeats: list[Repeat] = []

  def begin(self, updates: int) -> Begun:
    """Makes so many updates twice: the first time they may be compiled."""
    import jax

    trainer, clock = self._trainer, self._clock
    start = clock()
    loss = trainer.run(updates)
    first = clock() - start
    start = clock()
    peak = peak_resident(lambda: trainer.run(updates))
    update_s = (clock() - start) / updates
    if peak is not None and self._before is not None:
      peak -= self._before
    record = {
      'first_s': round(first, 2),
      'first_loss': round(loss, 5),
      'memory_mib': mib(trainer.device_peak() or peak),
      'program_mib': mib(trainer.program_bytes()),
    }
    return Begun(update_s, [d.device_kind for d in jax.devices()], record)

  def time(self, updates: int) -> Repeat:
    found = time_call(lambda: self._trainer.run(updates), self._clock)
    if self._times_products:
      self._product_repeats.append(time_call(self._products.job, self._clock))
    return found

  def product_times(self) -> ProductTimes | None:
    """Returns what was timed of the products; None: that is another's."""
    if not self._product_repeats:
      return None
    width, flops = self._products.width, self._products.flops
    return ProductTimes(width, flops, self._product_repeats)

  @functools.cached_property
  def _products(self) -> 'Products':
    from benchmarks.products import make_products

    dtype = self._work.config.model.compute_dtype
    return make_products(dtype, self._width, self._clock)


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
  """Of another process, so that this one takes no part of the device."""
  program = 'import jax; print(jax.default_backend())'
  found = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True, check=False
  )
  return found.stdout.strip() == 'gpu'
