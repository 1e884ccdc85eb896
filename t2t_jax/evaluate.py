"""Scores a trained model on its test sets, or given translations.

  python -m t2t_jax.evaluate --workdir=runs/base
  python -m t2t_jax.evaluate --workdir=runs/base --source=a.en --reference=a.de
  python -m t2t_jax.evaluate --hypothesis=a.out --reference=a.de

A language model is given perplexities (of --reference alone), a tagger and a
classifier the accuracy of their labels (--reference) of words (--source).
--metrics chooses of bleu, multi_bleu and bleu_compounds (as the paper counted:
of Moses' tokens, for en-de split at hyphens), chrf, chrf++, ter, exact_match,
error_rate and bracket_f1; --comet adds COMET.
Two or more --hypothesis are compared with the first. With --json the last line
of standard output is one JSON object.
"""

import contextlib
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from t2t_jax import cli
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config
from t2t_jax.config_values import BLEU_TOKENIZATIONS
from t2t_jax.errors import UsageError

if TYPE_CHECKING:
  from t2t_jax.evaluation.metrics import Metric
  from t2t_jax.evaluation.reports import Report

_FOR_TEXT = ('bleu', 'chrf++', 'ter')  # --metrics of given translations

_WORKDIR = cli.define_workdir()
_SOURCE = flags.DEFINE_string(
  'source', None, 'file of lines to translate, or that were translated'
)
_REFERENCE = flags.DEFINE_string('reference', None, 'file of their references')
_HYPOTHESIS = flags.DEFINE_multi_string(
  'hypothesis', [], 'file of translations to score; may be given again'
)
_OUTPUT = flags.DEFINE_string(
  'output', None, 'writes the translations here; a directory for test sets'
)
_METRICS = flags.DEFINE_list(
  'metrics',
  None,
  'some of bleu, multi_bleu, bleu_compounds, chrf, chrf++, ter, exact_match, '
  "error_rate, bracket_f1; default: bleu, chrf++, ter, or the workdir's "
  'evaluation.report',
)
_TOKENIZE = flags.DEFINE_enum(
  'tokenize',
  None,
  (*BLEU_TOKENIZATIONS, 'moses'),
  "of all BLEU: sacreBLEU's, none (as given) or moses; default: the config's, "
  'or 13a; of multi_bleu and bleu_compounds moses unless the config has none',
)
_COMET = flags.DEFINE_string(
  'comet', None, 'COMET model: a checkpoint file, or a name to be downloaded'
)
_COMET_PYTHON = flags.DEFINE_string(
  'comet_python', None, 'Python that has unbabel-comet; default: this one'
)
_COMET_GPUS = flags.DEFINE_integer(
  'comet_gpus', 0, 'GPUs for COMET', lower_bound=0
)
_DIRECTION = flags.DEFINE_string(
  'direction', None, 'of given translations, such as en-de'
)
_SIGNIFICANCE = flags.DEFINE_enum(
  'significance',
  None,
  ('bootstrap', 'randomization', 'both', 'none'),
  'tests that compare systems; default: both',
)
_TRIALS = flags.DEFINE_integer(
  'significance_trials',
  None,
  'default: 1,000 of bootstrap, 10,000 of randomization',
  lower_bound=1,
)
_SEED = flags.DEFINE_integer(
  'significance_seed', 12345, 'of their random choices', lower_bound=0
)
_JSON = flags.DEFINE_bool('json', False, 'prints one JSON object at the end')
_ENSEMBLE = cli.define_ensemble()
_DECODING = cli.define_decoding()


def main() -> None:
  if _HYPOTHESIS.value:
    result = _score_files()
  elif _WORKDIR.value:
    result = _score_model()
  else:
    raise UsageError('expected --workdir, or --hypothesis and --reference')
  if _JSON.value:
    print(json.dumps(result))


# --- given translations -------------------------------------------------------


def _score_files() -> dict[str, Any]:
  from t2t_jax.evaluation.comparison import compare_systems
  from t2t_jax.evaluation.given_files import read_all, read_as_many
  from t2t_jax.evaluation.parallel_text import ParallelText
  from t2t_jax.evaluation.reports import report_on

  _check_no_model_flags()
  names = _HYPOTHESIS.value
  reference = _REFERENCE.value or ''  # checked
  references = read_all('reference', reference, cli.say)
  of_reference = reference, len(references), cli.say
  sources = None
  if _SOURCE.value:
    sources = read_as_many('source', _SOURCE.value, *of_reference)
  systems = [read_as_many('hypothesis', name, *of_reference) for name in names]
  text = ParallelText(references, sources, _DIRECTION.value)
  metrics = _metrics(_FOR_TEXT, '13a', text.language, sources is not None)
  print(text.line())
  reports = []
  result: dict[str, Any] = {'test_set': text.to_dict(), 'systems': []}
  for name, hypotheses in zip(names, systems, strict=True):
    reports.append(report_on(hypotheses, text, metrics))
    result['systems'].append({'hypothesis': name, **_tell(name, reports[-1])})
  if len(reports) > 1:
    chosen = _SIGNIFICANCE.value or 'both'
    result['significance'] = compare_systems(
      names, reports, chosen, _TRIALS.value, _SEED.value, _say
    )
  return result


def _check_no_model_flags() -> None:
  if not _REFERENCE.value:
    raise UsageError('--hypothesis: needs --reference=FILE too')
  of_a_model = {
    'workdir': _WORKDIR.value,
    'output': _OUTPUT.value,
    'ensemble': _ENSEMBLE.value or None,
    **_DECODING(),
  }
  for name, value in of_a_model.items():
    if value is not None:
      raise UsageError(
        f'--{name}: belongs to a model, but --hypothesis gives translations '
        'made already; give one of them'
      )
  if _SIGNIFICANCE.value not in (None, 'none') and len(_HYPOTHESIS.value) < 2:
    raise UsageError(
      f'--significance={_SIGNIFICANCE.value}: compares systems; expected two '
      'or more --hypothesis, found one'
    )


# --- a model ------------------------------------------------------------------


def _score_model() -> dict[str, Any]:
  workdir = cli.workdir(_WORKDIR)
  config = workdir.read_config()
  _check_no_file_flags()
  cli.check_output(
    _OUTPUT.value or '-', source=_SOURCE.value, reference=_REFERENCE.value
  )
  cli.use_compile_cache(config.logging.compile_cache_dir)
  if config.task != 'translation':
    from t2t_jax.evaluation.single_stack import judge_workdir

    given = {
      'ensemble': _ENSEMBLE.value,
      'output': _OUTPUT.value,
      'metrics': _METRICS.value,
      'tokenize': _TOKENIZE.value,
      'comet': _COMET.value,
    }
    lines = _SOURCE.value, _REFERENCE.value
    return judge_workdir(workdir, *lines, given, cli.say, **_DECODING())
  from t2t_jax.decoding.restored import restore_translator
  from t2t_jax.evaluation.parallel_text import ParallelText
  from t2t_jax.evaluation.reports import report_on

  sets = _test_sets(workdir, config)
  data = config.data
  direction = f'{data.source_language}-{data.target_language}'
  # Whatever they lack is better known before translating takes hours.
  counted = config.evaluation.reported, config.evaluation.bleu_tokenize
  metrics = _metrics(*counted, data.target_language, has_sources=True)
  translator, origin = restore_translator(
    workdir, ensemble=_ENSEMBLE.value, **_DECODING()
  )
  with contextlib.ExitStack() as files:
    outputs = _open_outputs(tuple(sets), files)
    print(f'{workdir.path}: {origin}, {direction}')
    result: dict[str, Any] = {'parameters': origin, 'test_sets': {}}
    for name, (sources, references) in sets.items():
      text = ParallelText(references, sources, direction)
      hypotheses = [x.text for x in translator.translate_stream(sources)]
      if name in outputs:
        outputs[name].writelines(f'{line}\n' for line in hypotheses)
      print(f'{name}: {text.line()}')
      result['test_sets'][name] = {
        **text.to_dict(),
        **_tell(name, report_on(hypotheses, text, metrics)),
      }
  return result


def _check_no_file_flags() -> None:
  of_files = {
    'direction': _DIRECTION.value,
    'significance': _SIGNIFICANCE.value,
    'significance_trials': _TRIALS.value,
  }
  for name, value in of_files.items():
    if value is not None:
      raise UsageError(f'--{name}: belongs to --hypothesis, found --workdir')


def _test_sets(
  workdir: Workdir, config: Config
) -> dict[str, tuple[list[str], list[str]]]:
  """Returns {name: (sources, references)}, given or the config's."""
  from t2t_jax.evaluation.given_files import read_all, read_as_many
  from t2t_jax.evaluation.test_sets import read_test_sets

  reference = _REFERENCE.value
  if bool(_SOURCE.value) != bool(reference):
    raise UsageError('--source and --reference: give both or none')
  if _SOURCE.value and reference:
    references = read_all('reference', reference, cli.say)
    sources = read_as_many(
      'source', _SOURCE.value, reference, len(references), cli.say
    )
    return {Path(_SOURCE.value).name: (sources, references)}
  sets = read_test_sets(config.data)
  if not sets:
    raise UsageError(
      f'--workdir={workdir.path}: its config has no test sets; give --source '
      'and --reference'
    )
  return sets


def _open_outputs(
  names: tuple[str, ...], files: contextlib.ExitStack
) -> dict[str, Any]:
  """Returns {name of test set: file}; before translating takes hours."""
  from t2t_jax.decoding.lines.line_files import open_output
  from t2t_jax.evaluation.test_sets import open_outputs

  if not _OUTPUT.value:
    return {}
  if _SOURCE.value:
    return {names[0]: files.enter_context(open_output(_OUTPUT.value))}
  return open_outputs(_OUTPUT.value, names, files)


# --- metrics ------------------------------------------------------------------


def _metrics(
  default: Sequence[str],
  bleu_tokenize: str,
  language: str | None,
  has_sources: bool,
) -> 'list[Metric]':
  from t2t_jax.evaluation.comet_metric import CometMetric
  from t2t_jax.evaluation.metrics import make_metrics

  chosen, tokenize = _METRICS.value, _TOKENIZE.value
  keys = default if chosen is None else chosen
  # What only a config asks for is not worth an error.
  leave_out = cli.say if chosen is None and tokenize is None else None
  metrics = make_metrics(keys, tokenize, language, bleu_tokenize, leave_out)
  if _COMET.value:
    if not has_sources:
      raise UsageError('--comet: needs the sources too; give --source=FILE')
    metrics.append(
      CometMetric(_COMET.value, _COMET_PYTHON.value, _COMET_GPUS.value)
    )
  return metrics


_say = functools.partial(print, flush=True)


def _tell(name: str, report: 'Report') -> dict[str, Any]:
  """Prints a report and returns it for JSON."""
  for line in report.lines():
    _say(f'{name}: {line}')
  return report.to_dict()


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
