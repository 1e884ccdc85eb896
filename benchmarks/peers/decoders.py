"""The decoders that are compared, by name."""

import dataclasses
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax

from benchmarks.sentences import Sentences
from t2t_jax.errors import UsageError, nearest
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

  model: Transformer
  params: Any
  beam_size: int
  batch_tokens: int
  max_decode_length_offset: int
  longest: int


def on_gpu() -> bool:
  return jax.default_backend() == 'gpu'


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
