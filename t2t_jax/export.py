"""Writes a trained model in another program's format.

  python -m t2t_jax.export --workdir=runs/base --format=ctranslate2 \\
    --output=exported --verify=lines.en

Formats:

  ctranslate2  a directory for CTranslate2: quick on CPUs and GPUs
  marian       a MarianMT folder for Hugging Face's transformers
  stablehlo    greedy and beam search as programs that jax alone runs
  safetensors  the arrays as they are, with config and vocabulary

--verify translates a file's lines on both sides and compares tokens and
scores; exit status 1: they differ. What a format cannot express is refused
before anything is written.
"""

from pathlib import Path

from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError
from t2t_jax.training.stopping import TrainingError

_WORKDIR = cli.define_workdir()
_FORMAT = flags.DEFINE_enum(
  'format',
  None,
  ('ctranslate2', 'marian', 'stablehlo', 'safetensors'),
  'what to write',
)
_OUTPUT = flags.DEFINE_string('output', None, 'a new or an empty directory')
_VERIFY = flags.DEFINE_string('verify', None, 'file of lines to compare on')
_QUANTIZATION = flags.DEFINE_enum(
  'quantization',
  '',
  ('', 'int8', 'int16', 'float16', 'bfloat16'),
  "of ctranslate2's matrices; default: float32",
)
_CHECKPOINT = flags.DEFINE_string(
  'checkpoint', None, 'averaged, best, latest, or a step'
)
_BEAM_SIZE = flags.DEFINE_integer(
  'beam_size', None, "of stablehlo's beam search, and marian's default"
)


def main() -> None:
  workdir = cli.workdir(_WORKDIR)
  if not _FORMAT.value:
    raise UsageError(
      '--format: expected ctranslate2, marian, stablehlo or safetensors, found '
      'none'
    )
  if not _OUTPUT.value:
    raise UsageError('--output: expected a directory, found none')
  lines = _lines(_VERIFY.value) if _VERIFY.value else []
  cli.use_compile_cache(workdir.read_config().logging.compile_cache_dir)
  from t2t_jax.decoding.restored import restore
  from t2t_jax.exchange.exporting import export, verify

  restored = restore(
    workdir, checkpoint=_CHECKPOINT.value, beam_size=_BEAM_SIZE.value
  )
  output = Path(_OUTPUT.value).expanduser()
  for note in export(restored, _FORMAT.value, output, _QUANTIZATION.value):
    cli.say(note)
  print(f'{output}: {restored.origin} as {_FORMAT.value}', flush=True)
  differ = []
  if lines:
    for line, agrees in verify(restored, _FORMAT.value, output, lines):
      print(line, flush=True)
      if not agrees:
        differ.append(line)
  # Fewer bits are meant to differ: told, not judged.
  if differ and not _QUANTIZATION.value:
    raise TrainingError(f'--verify={_VERIFY.value}: the two sides differ')


def _lines(name: str) -> list[str]:
  path = Path(name).expanduser()
  if not path.is_file():
    raise UsageError(f'--verify={name}: No such file or directory')
  from t2t_jax.data.text_files import read_lines

  return list(read_lines(path))


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
