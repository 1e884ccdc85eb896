"""Scores given translations with a trained model: their log-probabilities.

  python -m t2t_jax.score --workdir=runs/base --source=a.en --target=a.de
  python -m t2t_jax.score --workdir=runs/base --source=a.en --target=a.nbest \\
    --nbest

Writes a line for each target. --format says which:

  text    score, log-probability, tokens with EOS; TABs between
  tokens  these, then the tokens and then their log-probabilities, both with
          spaces between
  json    an object with all of it and the perplexity

A language model scores the lines of --target alone, without --source:

  python -m t2t_jax.score --workdir=runs/lm --target=a.en

Logarithms are natural. The score is log-probability / length penalty, as the
search ranks by. With --nbest, --target holds lines `number ||| text ||| score`
of translate, and the text format is the same with the scores made anew. The
totals go to standard error; with --json they are also the last line of
standard output, as one JSON object.
"""

import contextlib
import json
from pathlib import Path

from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError

_WORKDIR = cli.define_workdir()
_SOURCE = flags.DEFINE_string(
  'source', None, 'file of lines, .gz too; -: stdin'
)
_TARGET = flags.DEFINE_string('target', None, 'their targets; -: stdin')
_OUTPUT = flags.DEFINE_string('output', '-', 'file to write; -: stdout')
_FORMAT = flags.DEFINE_enum(
  'format', 'text', ('text', 'tokens', 'json'), 'of the lines to write'
)
_NBEST = flags.DEFINE_bool(
  'nbest', False, '--target is an n-best list: number ||| text ||| score'
)
_JSON = flags.DEFINE_bool('json', False, 'prints the totals as JSON at the end')
_ALPHA = flags.DEFINE_float(
  'length_penalty_alpha', None, '0: score = log-probability'
)
_BATCH_TOKENS = flags.DEFINE_integer(
  'batch_tokens', None, 'tokens of a side, of a device at one time'
)
_CHECKPOINT = flags.DEFINE_string(
  'checkpoint', None, 'averaged, best, latest, or a step'
)


def main() -> None:
  workdir = cli.workdir(_WORKDIR)
  config = workdir.read_config()
  is_language_model = config.task == 'language_model'
  source, target = _files(is_language_model)
  cli.use_compile_cache(config.logging.compile_cache_dir)
  from t2t_jax.decoding.lines.line_files import open_output
  from t2t_jax.decoding.restored import restore_scorer
  from t2t_jax.decoding.scoring import score_lines
  from t2t_jax.decoding.scoring.scores import Totals
  from t2t_jax.evaluation.single_stack import count_words

  scorer, origin = restore_scorer(
    workdir,
    length_penalty_alpha=_ALPHA.value,
    batch_tokens=_BATCH_TOKENS.value,
    checkpoint=_CHECKPOINT.value,
  )
  cli.say(f'scoring with {origin}')
  if is_language_model:
    pairs = score_lines.read_targets(target, cli.say)
  else:
    read = score_lines.read_nbest if _NBEST.value else score_lines.read_pairs
    pairs = read(source, target, cli.say)
  line = score_lines.line_writer(_FORMAT.value, _NBEST.value)
  totals = Totals()
  with open_output(_OUTPUT.value) as output, contextlib.closing(pairs):
    for pair, score in scorer.score_stream(pairs):
      totals.add(score, count_words(pair.target) if is_language_model else 0)
      output.write(line(pair, score) + '\n')
  cli.say(totals.line())
  if _JSON.value:
    print(json.dumps({'parameters': origin, **totals.to_dict()}))


def _files(is_language_model: bool) -> tuple[str, str]:
  """Returns the names of the files to read; of a language model no source."""
  source, target = _SOURCE.value or '', _TARGET.value or ''
  if is_language_model:
    _check_one_side()
  wanted = (
    {'target': target}
    if is_language_model
    else {'source': source, 'target': target}
  )
  for flag, name in wanted.items():
    if not name:
      raise UsageError(
        f'--{flag}: expected a file, or - for standard input, found none'
      )
  if source == target == '-':
    raise UsageError('--source and --target: only one of them can be -')
  for flag, name in wanted.items():
    # Known before the model is restored, but opened only after it.
    if name != '-' and not Path(name).expanduser().exists():
      raise UsageError(f'--{flag}={name}: No such file or directory')
  cli.check_output(_OUTPUT.value, **wanted)
  return source, target


def _check_one_side() -> None:
  for flag, value in (('source', _SOURCE.value), ('nbest', _NBEST.value)):
    if value:
      raise UsageError(
        f'--{flag}: the model is a language model, which scores the lines of '
        '--target alone'
      )


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
