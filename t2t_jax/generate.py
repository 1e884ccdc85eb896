"""Goes on from given words with a language model: lines in, texts out.

  python -m t2t_jax.generate --workdir=runs/lm --prompt='The dog'
  python -m t2t_jax.generate --workdir=runs/lm < prompts

Each line is a prompt, also an empty one. For each come --num_samples texts, a
line each, that begin with the prompt and are drawn from the model (--seed,
--temperature, --top_k, --top_p); with --method=beam the most probable one. A
text has at most --max_decode_length_offset tokens more than its prompt, whose
last word the model may go on with.

--format=nbest writes `number ||| text ||| score`, number counting prompts from
0; --format=json an object a prompt: source (the prompt), text, score, log_prob
(of all of the text, prompt and end included) and tokens, and in nbest all of
its texts.
"""

from collections.abc import Iterable

from absl import flags

from t2t_jax import cli
from t2t_jax.decoding.lines.formats import FORMATS, make_format
from t2t_jax.errors import UsageError

_WORKDIR = cli.define_workdir()
_PROMPT = flags.DEFINE_string(
  'prompt', None, 'what to begin with, in place of --input; may be empty'
)
_INPUT = flags.DEFINE_string('input', '-', 'file of prompts, .gz too; -: stdin')
_OUTPUT = flags.DEFINE_string('output', '-', 'file to write; -: stdout')
_FORMAT = flags.DEFINE_enum('format', 'text', FORMATS, 'of what is written')
_ENSEMBLE = cli.define_ensemble()
_DECODING = cli.define_decoding()


def main() -> None:
  if _PROMPT.value is not None and _INPUT.value != '-':
    raise UsageError('--prompt and --input: give only one of them')
  cli.check_output(_OUTPUT.value, input=_INPUT.value)
  workdir = cli.workdir(_WORKDIR)
  cli.use_compile_cache(workdir.read_config().logging.compile_cache_dir)
  # Not before the cache is set: they start jax.
  from t2t_jax.decoding.lines.line_files import open_output
  from t2t_jax.decoding.restored import restore

  options = _DECODING()
  options['method'] = options['method'] or 'sampling'
  restored = restore(
    workdir, tasks=('language_model',), ensemble=_ENSEMBLE.value, **options
  )
  decoding = restored.config.decoding
  texts = decoding.num_samples if decoding.method == 'sampling' else 1
  translator = restored.translator()
  write = make_format(
    _FORMAT.value, translator.target_pieces, with_nbest=texts > 1
  )
  cli.say(f'generating with {restored.origin}')
  number = 0
  # Before the output's file is emptied.
  groups = _prompts(decoding.batch_tokens)
  with open_output(_OUTPUT.value) as output:
    for prompts in groups:
      found = translator.translate_groups(
        [prompts], nbest=texts, first_line=number
      )
      for _, translations in found:
        if _FORMAT.value == 'text':
          for translation in translations:
            for hypothesis in translation.hypotheses:
              output.write(f'{hypothesis.text}\n')
        else:
          output.write(write(number, prompts, translations))
      output.flush()
      number += len(prompts)


def _prompts(size: int) -> Iterable[list[str]]:
  from t2t_jax.decoding.lines.line_groups import read_groups

  if _PROMPT.value is not None:
    return [[_PROMPT.value]]
  return read_groups(_INPUT.value, cli.say, size).groups


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
