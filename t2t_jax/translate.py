"""Translates lines with a trained model: one line out for each line in.

  echo 'The dog sleeps.' | python -m t2t_jax.translate --workdir=runs/quickstart
  python -m t2t_jax.translate --workdir=runs/base --input=a.en --output=a.de
  python -m t2t_jax.translate --workdir=runs/base          (a prompt)

A pipe is translated as it comes: what has arrived, as soon as it fills batches
or no more comes within a moment; with --flush each line by itself.

--format=nbest gives up to N lines `number ||| text ||| score` for each line,
number counting from 0, best first; --format=json one JSON object a line, with
source, text, score, log_prob and tokens, with --nbest=N also nbest, and with
--alignment the words of both sides and their links, as visualize finds them.

--prefix=FILE and --phrases=FILE have a line for each line of the input: what
its translation begins with, and phrases that it contains (TABs between them).
--method=sampling draws --num_samples translations; --mbr=chrf takes of them, or
of the beam, the one most like the others. --ensemble=DIR2,DIR3@STEP averages
the probabilities of several models.

An --output=FILE that was broken off (Ctrl-C, SIGTERM, a full disk, a crash)
holds whole lines; FILE.progress.json beside it says of which input. The same
command with --resume goes on and ends with the same file. It is refused where
workdir, parameters, decoding, format, or the input so far have changed.

Exit status: 0 done; 75 told to stop, --resume goes on; 1 told to stop where
nothing is kept, or failed; 2 a mistake in flags, input or workdir.
"""

import dataclasses
import sys
from typing import Any

from absl import flags

from t2t_jax import __version__, cli
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import DecodingConfig
from t2t_jax.decoding.lines.formats import FORMATS, make_format
from t2t_jax.errors import UsageError
from t2t_jax.terminal import ProgressLine, prompt_lines
from t2t_jax.training.stopping import Stopped, stop_at_once

_WORKDIR = cli.define_workdir()
_INPUT = flags.DEFINE_string('input', '-', 'file of lines, .gz too; -: stdin')
_OUTPUT = flags.DEFINE_string('output', '-', 'file to write; -: stdout')
_FORMAT = flags.DEFINE_enum(
  'format', None, FORMATS, 'default: text, or nbest where --nbest is given'
)
_NBEST = flags.DEFINE_integer(
  'nbest', None, 'hypotheses to write for a line; default: 1, nbest: all beams'
)
_ALIGNMENT = flags.DEFINE_bool(
  'alignment', False, 'json: with words and their links, by attention'
)
_FLUSH = flags.DEFINE_bool('flush', False, 'each line by itself, at once')
_RESUME = flags.DEFINE_bool('resume', False, 'goes on with a broken --output')
_PREFIX = flags.DEFINE_string(
  'prefix', None, 'file: what each translation begins with'
)
_PHRASES = flags.DEFINE_string(
  'phrases', None, 'file: phrases that each contains, TABs between them'
)
_QUIET = flags.DEFINE_bool('quiet', False, 'tells of nothing but mistakes')
_ENSEMBLE = cli.define_ensemble()
_DECODING = cli.define_decoding()


def main() -> None:
  _check_flags()
  workdir = cli.workdir(_WORKDIR)
  config = workdir.read_config()
  cli.use_compile_cache(config.logging.compile_cache_dir)
  # Not before the cache is set: they start jax.
  from t2t_jax.decoding.lines.given import GivenFiles
  from t2t_jax.decoding.lines.line_files import count_lines
  from t2t_jax.decoding.lines.line_groups import (
    one_by_one,
    read_groups,
    usual_size,
  )
  from t2t_jax.decoding.lines.results_file import open_results
  from t2t_jax.decoding.restored import restore, with_decoding

  decoding = with_decoding(config, **_DECODING()).decoding
  nbest = _nbest(decoding.num_slots)
  at_prompt = (
    _INPUT.value == '-' and sys.stdin is not None and sys.stdin.isatty()
  )
  shows_progress = _shows_progress(at_prompt)
  progress = ProgressLine(sys.stderr, shown=shows_progress)
  # Before anything is read of a redirected file.
  total = count_lines(_INPUT.value) if shows_progress else None
  if at_prompt:
    lines = one_by_one(prompt_lines())
  else:
    lines = read_groups(
      _INPUT.value, progress.say, usual_size(decoding), flush=_FLUSH.value
    )
  given = GivenFiles(_PREFIX.value, _PHRASES.value, progress.say)
  given_settings = given.settings()
  restored = restore(workdir, ensemble=_ENSEMBLE.value, **_DECODING())
  translator = restored.translator()
  # Refuses a wrong nbest before the output is touched.
  translator.translate([], nbest=nbest)
  if not _QUIET.value:
    cli.say(f'translating with {restored.origin}')
  form = make_format(
    _format(),
    translator.target_pieces,
    with_nbest=_NBEST.value is not None,
    align=_aligner(restored),
  )
  settings = _settings(workdir, restored.origin, given_settings, decoding)
  with (
    open_results(_OUTPUT.value, settings, resume=_RESUME.value) as results,
    _stoppable(results.goes_on_later and not at_prompt) as check_told,
    progress,
  ):
    number = results.lines_done
    progress.begin(number, total)
    for sources, translations in translator.translate_groups(
      given.requests(results.skip_done(lines.groups), number),
      nbest=nbest,
      few=lines.few,
      first_line=number,
      report=progress.update,
    ):
      results.write(sources, form(number, sources, translations))
      number += len(sources)
      check_told()


def _aligner(restored: Any) -> Any:
  if not _ALIGNMENT.value:
    return None
  from t2t_jax.decoding.attention.alignment import Aligner

  aligner = Aligner(restored.attention_reader(), restored.tokenizers)
  return aligner.align_translations


def _settings(
  workdir: Workdir,
  origin: str,
  given_settings: dict[str, Any],
  decoding: DecodingConfig,
) -> dict[str, Any]:
  """Returns what --resume must find again."""
  return {
    't2t_jax': __version__,
    'workdir': str(workdir.path),
    'parameters': origin,
    'format': _format(),
    'nbest': _NBEST.value,
    'alignment': _ALIGNMENT.value,
    **given_settings,
    **dataclasses.asdict(decoding),
  }


def _check_flags() -> None:
  cli.check_output(
    _OUTPUT.value,
    input=_INPUT.value,
    prefix=_PREFIX.value,
    phrases=_PHRASES.value,
  )
  if _format() == 'text' and _NBEST.value is not None:
    raise UsageError(
      '--format=text: holds one translation a line; for --nbest take nbest or '
      'json'
    )
  if _format() != 'json' and _ALIGNMENT.value:
    raise UsageError(
      f'--alignment: expected --format=json, found {_format()}; visualize '
      'writes alignments alone'
    )


def _format() -> str:
  return _FORMAT.value or ('text' if _NBEST.value is None else 'nbest')


def _nbest(beam_size: int) -> int:
  if _NBEST.value is not None:
    return _NBEST.value
  return beam_size if _format() == 'nbest' else 1


def _shows_progress(at_prompt: bool) -> bool:
  """Not where it would stand among the results."""
  among = (
    _OUTPUT.value == '-' and sys.stdout is not None and sys.stdout.isatty()
  )
  return not (_QUIET.value or at_prompt or among)


def _stoppable(goes_on_later: bool) -> Any:
  if goes_on_later:
    return stop_at_once('while translating; --resume goes on', Stopped)
  return stop_at_once('while translating', KeyboardInterrupt)


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
