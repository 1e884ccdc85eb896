"""Translates lines with a trained model: one line out for each line in.

  echo 'The dog sleeps.' | python -m t2t_jax.translate --workdir=runs/quickstart
  python -m t2t_jax.translate --workdir=runs/base --input=a.en --output=a.de

With --nbest=N each line gives up to N lines `number ||| text ||| score`,
number counting from 0, best first.
"""

from pathlib import Path

from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError

_WORKDIR = cli.define_workdir()
_INPUT = flags.DEFINE_string('input', '-', 'file of lines, .gz too; -: stdin')
_OUTPUT = flags.DEFINE_string('output', '-', 'file to write; -: stdout')
_NBEST = flags.DEFINE_integer('nbest', None, 'hypotheses to write for a line')
_DECODING = cli.define_decoding()


def main() -> None:
  _check_output()
  workdir = cli.workdir(_WORKDIR)
  cli.use_compile_cache(workdir.read_config().logging.compile_cache_dir)
  from t2t_jax.decoding.line_files import (
    lines_to_write,
    open_output,
    read_lines,
  )
  from t2t_jax.decoding.restored import restore_translator

  lines = read_lines(_INPUT.value, cli.say)
  translator, origin = restore_translator(workdir, **_DECODING())
  cli.say(f'translating with {origin}')
  translations = translator.translate_stream(lines, nbest=_nbest())
  with open_output(_OUTPUT.value) as output:
    for line in lines_to_write(translations, numbered=_NBEST.value is not None):
      output.write(line + '\n')


def _nbest() -> int:
  return 1 if _NBEST.value is None else _NBEST.value


def _check_output() -> None:
  output = _OUTPUT.value
  if output != '-' and Path(output).resolve() == Path(_INPUT.value).resolve():
    raise UsageError(f'--output={output}: is the input, which would be lost')


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
