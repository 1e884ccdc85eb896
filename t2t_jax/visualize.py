"""Shows where a trained model looks: a page, a picture, or word alignments.

  python -m t2t_jax.visualize --workdir=runs/quickstart \\
    --source='The dog sleeps.' --output=attention.html

--output=FILE.html: one page for a browser, with every layer and head of the
three attentions; it needs no network. --output=FILE.png: a heat map of each
head of one layer (extra `plot`). --output=FILE.pharaoh or -: alignments
`source-target` of words, counted from 0, one line for each sentence.

Without --target the model's own best translation is looked at. Layers and
heads count from 1, as in the paper; the default is all heads of the last layer
but one, whose mean tends to align best.
"""

from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError

_WORKDIR = cli.define_workdir()
_SOURCE = flags.DEFINE_string(
  'source', None, 'a sentence, or @FILE of lines, .gz too; @-: stdin'
)
_TARGET = flags.DEFINE_string(
  'target', None, 'its translation, or @FILE; default: what the model writes'
)
_OUTPUT = flags.DEFINE_string(
  'output', None, 'FILE.html, FILE.png, FILE.pharaoh; -: pharaoh to stdout'
)
_KIND = flags.DEFINE_string(
  'kind', 'cross', 'attention: cross (encoder-decoder), encoder or decoder'
)
_LAYER = flags.DEFINE_integer('layer', None, 'from 1; default: last but one')
_HEADS = flags.DEFINE_list('heads', None, 'such as 1,3; default: all')
_LEVEL = flags.DEFINE_string('level', 'word', 'word, or piece of a word')
_THRESHOLD = flags.DEFINE_float(
  'threshold', 0.0, 'pharaoh: least weight of a link', 0.0, 1.0
)
_DECODING = cli.define_decoding()


def main() -> None:
  workdir = cli.workdir(_WORKDIR)
  config = workdir.read_config()
  cli.use_compile_cache(config.logging.compile_cache_dir)
  from t2t_jax.decoding.restored import restore
  from t2t_jax.reporting.attention_files import (
    check_output,
    make_view,
    write_attention,
  )

  output = _OUTPUT.value or ''
  check_output(output)
  cli.check_output(
    output, source=_file(_SOURCE.value), target=_file(_TARGET.value)
  )
  view = make_view(
    config.model,
    kind=_KIND.value,
    layer=_LAYER.value,
    heads=_HEADS.value,
    level=_LEVEL.value,
  )
  sources, targets = _sources(), _targets()
  if targets is not None and len(targets) != len(sources):
    raise UsageError(
      f'--target: expected {len(sources)} lines, as in --source, '
      f'found {len(targets)}'
    )
  restored = restore(workdir, **_DECODING())
  cli.say(f'attention of {restored.origin}')
  write_attention(
    restored, output, sources, targets, view, _THRESHOLD.value, cli.say
  )


def _sources() -> list[str]:
  if not _SOURCE.value:
    raise UsageError('--source: expected a sentence or @FILE, found none')
  return _lines('source', _SOURCE.value)


def _targets() -> list[str] | None:
  return None if _TARGET.value is None else _lines('target', _TARGET.value)


def _file(value: str | None) -> str | None:
  return value[1:] if value and value.startswith('@') else None


def _lines(flag: str, value: str) -> list[str]:
  from t2t_jax.decoding.lines.line_files import read_lines

  if value.startswith('@'):
    return list(read_lines(value[1:], cli.say, flag))
  # Bytes of the command line that are no UTF-8 become U+FFFD, as in files.
  return [value.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')]


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
