"""CTranslate2 with a run's parameters, from lines to lines."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import ctranslate2

from benchmarks.peers.decoders import on_gpu
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.data.workers import usable_cpus
from t2t_jax.decoding.options import DecodingOptions
from t2t_jax.decoding.restored import restore
from t2t_jax.exchange import ctranslate2_format


def line_translator(
  workdir: Workdir, options: DecodingOptions, quantization: str
) -> Callable[[Sequence[str]], list[str]]:
  """Returns what translates lines.

  Args:
    workdir: of the run.
    options: fields of `decoding` to set anew, of which CTranslate2 gets beam
      size, length penalty and batch tokens; None: as the run has them.
    quantization: '' (float32; float16 on a GPU) or 'int8'.
  """
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
      intra_threads=usable_cpus(),
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
