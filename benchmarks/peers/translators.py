"""Translators of lines with a run's parameters, by name."""

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.machine import threads
from benchmarks.peers.decoders import on_gpu
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.decoding.options import DecodingOptions
from t2t_jax.decoding.restored import restore
from t2t_jax.errors import UsageError, nearest
from t2t_jax.exchange import ctranslate2_format

# Lines to their translations, in order.
Translate = Callable[[Sequence[str]], list[str]]

# Name -> the fields of `decoding` that differ from the run's.
_OURS: dict[str, DecodingOptions] = {
  'ours': {},
  'ours-likely': {'stopping': 'likely'},
  'ours-bfloat16': {'weights_dtype': 'bfloat16'},
  'ours-likely-bfloat16': {'stopping': 'likely', 'weights_dtype': 'bfloat16'},
}
_THEIRS = {'ctranslate2': '', 'ctranslate2-int8': 'int8'}
TRANSLATORS = (*_OURS, *_THEIRS)


def installed_translators(
  names: Sequence[str], say: Callable[[str], None]
) -> list[str]:
  """Returns those of `names` that are installed; tells of the others.

  Raises:
    UsageError: a name that is not one of TRANSLATORS.
  """
  for name in names:
    if name not in TRANSLATORS:
      raise UsageError(
        f"--peers: expected some of {', '.join(TRANSLATORS)}, found '{name}'."
        f'{nearest(name, TRANSLATORS)}'
      )
  if importlib.util.find_spec('ctranslate2'):
    return [*names]
  if missing := [name for name in names if name in _THEIRS]:
    say(f'{", ".join(missing)}: skipped, ctranslate2 is not installed')
  return [name for name in names if name in _OURS]


def make_translator(
  name: str, workdir: Workdir, options: DecodingOptions
) -> Translate:
  """Returns one of TRANSLATORS.

  Args:
    name: of it.
    workdir: of the run.
    options: fields of `decoding` to set anew; None: as the run has them.
  """
  if name in _THEIRS:
    return _ctranslate2(workdir, options, _THEIRS[name])
  translator = restore(workdir, **{**options, **_OURS[name]}).translator()
  return lambda lines: [x.text for x in translator.translate(lines)]


def _ctranslate2(
  workdir: Workdir, options: DecodingOptions, quantization: str
) -> Translate:
  import ctranslate2

  restored = restore(workdir, **options)
  decoding, tokenizers = restored.config.decoding, restored.tokenizers
  target = tokenizers.target
  kind = 'float16' if on_gpu() else 'float32'
  with tempfile.TemporaryDirectory() as directory:
    ctranslate2_format.write(restored, Path(directory))
    translator = ctranslate2.Translator(
      directory,
      device='cuda' if on_gpu() else 'cpu',
      compute_type=f'{quantization}_{kind}' if quantization else kind,
      inter_threads=1,
      intra_threads=threads(),
    )
  pieces = target.pieces(range(target.vocab_size))
  numbers = {piece: token for token, piece in enumerate(pieces)}

  def translate(lines: Sequence[str]) -> list[str]:
    sources = tokenizers.source.encode(lines)
    results = translator.translate_batch(
      [tokenizers.source.pieces(ids) for ids in sources],
      beam_size=decoding.beam_size,
      length_penalty=decoding.length_penalty_alpha,
      max_batch_size=decoding.batch_tokens // decoding.beam_size,
      batch_type='tokens',
      max_input_length=0,
    )
    return target.decode(
      [[numbers[piece] for piece in x.hypotheses[0]] for x in results]
    )

  return translate
