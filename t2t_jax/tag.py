"""Labels words, or lines, with a trained encoder: one line out for each line.

  python -m t2t_jax.tag --workdir=runs/tagger < lines > labels

A tagger writes a label for each word, which is what stands between spaces or
tabs, with spaces between; a classifier one label for the line. A line without
words gives an empty line. A line of more tokens than training had is labelled
in parts, or as a whole by its beginning.
"""

from absl import flags

from t2t_jax import cli

_WORKDIR = cli.define_workdir()
_INPUT = flags.DEFINE_string('input', '-', 'file of lines, .gz too; -: stdin')
_OUTPUT = flags.DEFINE_string('output', '-', 'file to write; -: stdout')
_BATCH_TOKENS = flags.DEFINE_integer(
  'batch_tokens', None, 'tokens of a device at one time'
)
_CHECKPOINT = flags.DEFINE_string(
  'checkpoint', None, 'averaged, best, latest, or a step'
)


def main() -> None:
  cli.check_output(_OUTPUT.value, input=_INPUT.value)
  workdir = cli.workdir(_WORKDIR)
  cli.use_compile_cache(workdir.read_config().logging.compile_cache_dir)
  # Not before the cache is set: they start jax.
  from t2t_jax.decoding.lines.line_files import open_output
  from t2t_jax.decoding.lines.line_groups import read_groups, usual_size
  from t2t_jax.decoding.restored import restore_tagger

  tagger, origin = restore_tagger(
    workdir, batch_tokens=_BATCH_TOKENS.value, checkpoint=_CHECKPOINT.value
  )
  cli.say(f'labelling with {origin}')
  size = usual_size(workdir.read_config().decoding)
  lines = read_groups(_INPUT.value, cli.say, size)
  with open_output(_OUTPUT.value) as output:
    for labels in tagger.tag_groups(lines.groups, lines.few):
      output.writelines(f'{line}\n' for line in labels)
      output.flush()


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
