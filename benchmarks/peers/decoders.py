"""The decoders that are compared, by name, and what a process of one does."""

import dataclasses
import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from benchmarks.rounds import Repeat, time_call
from benchmarks.sentences import Sentences
from benchmarks.sizes import SIZES, base_config, random_model
from t2t_jax import cli
from t2t_jax.errors import UsageError, nearest
from t2t_jax.parallel.host_memory import keep_freed_memory

if TYPE_CHECKING:
  from t2t_jax.model.transformer import Transformer


class Output(NamedTuple):
  """The best hypothesis of a sentence.

  Attributes:
    ids: its tokens, the last one EOS.
    log_prob: natural logarithm of their probability.
  """

  ids: tuple[int, ...]
  log_prob: float


class Decoder(Protocol):
  """A beam search that gives each output its sentence's length.

  Attributes:
    dtype: of its matrix products.
  """

  dtype: str

  def job(self, sentences: Sentences) -> Callable[[], Sequence[Any]]:
    """Returns what is timed: a call that decodes all sentences and returns
    the tokens of each output, in whatever form the engine has them."""

  def outputs(self, sentences: Sentences) -> list[Output]:
    """Returns the outputs in a form that can be compared; not timed."""


@dataclasses.dataclass(frozen=True)
class Settings:
  """What all decoders are made from.

  Attributes:
    model, params: ours; the others convert them.
    beam_size: W.
    batch_tokens: source tokens times beams at one time, at most.
    max_decode_length_offset: of our search, whose cache makes room for
      outputs so much longer than the source.
    longest: most tokens of a sentence.
  """

  model: 'Transformer'
  params: Any
  beam_size: int
  batch_tokens: int
  max_decode_length_offset: int
  longest: int


def device() -> str:
  """Returns 'cpu' or 'gpu'."""
  import jax

  return jax.default_backend()


def on_gpu() -> bool:
  return device() == 'gpu'


def compute_dtype() -> str:
  """Returns what ours and torch compute in."""
  return 'bfloat16' if on_gpu() else 'float32'


def make_decoder(name: str, settings: Settings) -> Decoder:
  """Returns the decoder of one of PEERS, which must be installed."""
  engine, _, variant = name.partition('-')
  if engine == 'ours':
    from benchmarks.peers.ours import OurDecoder

    return OurDecoder(settings, variant)
  if name == 'torch':
    from benchmarks.peers.torch_beam_search import TorchDecoder

    return TorchDecoder(settings)
  from benchmarks.peers.ctranslate2_decoder import CTranslate2Decoder

  return CTranslate2Decoder(settings, variant)


class Begun(NamedTuple):
  """What a peer tells when it can be timed.

  Attributes:
    dtype: of its matrix products.
    device: 'cpu' or 'gpu'.
    outputs: of the first sentences.
  """

  dtype: str
  device: str
  outputs: list[Output]


class DecodingPeer:
  """A decoder of a random model, in a process of its own."""

  def __init__(self, name: str, *, size: str, seed: int, **limits: int):
    """Args: limits are the rest of `Settings`."""
    start_engine(name, base_config().logging.compile_cache_dir)
    model, params = random_model(
      SIZES[size], seed, compute_dtype=compute_dtype()
    )
    self._name = name
    self._decoder = make_decoder(name, Settings(model, params, **limits))

  def begin(self, sentences: Sentences, compared: int) -> Begun:
    """Decodes them once, which compiles; these are what is timed then.

    Raises:
      RuntimeError: an output that has not its sentence's length.
    """
    from benchmarks.peers.agreement import check_lengths

    self._job = self._decoder.job(sentences)
    check_lengths(sentences, self._job())
    outputs = self._decoder.outputs(sentences[:compared])
    return Begun(self._decoder.dtype, device(), outputs)

  def time(self) -> Repeat:
    return time_call(self._job)


def start_engine(name: str, compile_cache_dir: str) -> None:
  """Sets a peer's process up as its users have it."""
  cli.use_compile_cache(compile_cache_dir)
  if name.startswith('ours'):
    keep_freed_memory()  # as our commands do


# Name -> the package that it needs.
PEERS = {
  'ours': 'jax',
  'ours-bfloat16': 'jax',
  'ctranslate2': 'ctranslate2',
  'ctranslate2-int8': 'ctranslate2',
  'torch': 'torch',
}


def installed_peers(
  names: Sequence[str], say: Callable[[str], None]
) -> list[str]:
  """Returns those of `names` that are installed; tells of the others.

  Raises:
    UsageError: a name that is not one of PEERS.
  """
  found = []
  for name in names:
    if name not in PEERS:
      raise UsageError(
        f"--peers: expected some of {', '.join(PEERS)}, found '{name}'."
        f'{nearest(name, PEERS)}'
      )
    if importlib.util.find_spec(PEERS[name]):
      found.append(name)
    else:
      say(f'{name}: skipped, {PEERS[name]} is not installed (extra `bench`)')
  return found
