"""Scores a trained model on its test sets, or given translations.

  python -m t2t_jax.evaluate --workdir=runs/base
  python -m t2t_jax.evaluate --workdir=runs/base --source=a.en --reference=a.de
  python -m t2t_jax.evaluate --hypothesis=a.out --reference=a.de

Two or more --hypothesis are compared with the first by paired bootstrap. With
--json the last line of standard output is one JSON object.
"""

import contextlib
import json
from pathlib import Path
from typing import Any

from absl import flags

from t2t_jax import cli
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config
from t2t_jax.config_values import BLEU_TOKENIZATIONS
from t2t_jax.errors import UsageError

_WORKDIR = cli.define_workdir()
_SOURCE = flags.DEFINE_string('source', None, 'file of lines to translate')
_REFERENCE = flags.DEFINE_string('reference', None, 'file of their references')
_HYPOTHESIS = flags.DEFINE_multi_string(
  'hypothesis', [], 'file of translations to score; may be given again'
)
_OUTPUT = flags.DEFINE_string(
  'output', None, 'writes the translations here; a directory for test sets'
)
_TOKENIZE = flags.DEFINE_enum(
  'tokenize',
  None,
  BLEU_TOKENIZATIONS,
  "sacreBLEU's tokenisation; none: as given; default: the config's, or 13a",
)
_JSON = flags.DEFINE_bool('json', False, 'prints one JSON object at the end')
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
  from t2t_jax.evaluation.bleu import corpus_scores
  from t2t_jax.evaluation.significance import paired_bootstrap

  _check_no_model_flags()
  references = _lines(_REFERENCE.value, 'reference')
  tokenize = _TOKENIZE.value or '13a'
  systems = []
  for name in _HYPOTHESIS.value:
    systems.append(_lines(name, 'hypothesis'))
    _check_as_many('hypothesis', name, systems[-1], references)
  result: dict[str, Any] = {'systems': []}
  for name, hypotheses in zip(_HYPOTHESIS.value, systems, strict=True):
    scores = corpus_scores(hypotheses, references, tokenize)
    print(f'{name}: {scores.line()}')
    result['systems'].append({'hypothesis': name, **scores.to_dict()})
  if len(systems) > 1:
    result['paired_bootstrap'] = paired_bootstrap(systems, references, tokenize)
    for name, row in zip(
      _HYPOTHESIS.value, result['paired_bootstrap'], strict=True
    ):
      p = '' if row['p'] is None else f', p = {row["p"]:.4f} against the first'
      print(f'{name}: BLEU {row["bleu"]:.2f} +- {row["interval"]:.2f}{p}')
  return result


def _check_no_model_flags() -> None:
  if not _REFERENCE.value:
    raise UsageError('--hypothesis: needs --reference=FILE too')
  of_a_model = {
    'workdir': _WORKDIR.value,
    'source': _SOURCE.value,
    'output': _OUTPUT.value,
    **_DECODING(),
  }
  for name, value in of_a_model.items():
    if value is not None:
      raise UsageError(
        f'--{name}: belongs to a model, but --hypothesis gives translations '
        'made already; give one of them'
      )


# --- a model ------------------------------------------------------------------


def _score_model() -> dict[str, Any]:
  workdir = cli.workdir(_WORKDIR)
  config = workdir.read_config()
  cli.use_compile_cache(config.logging.compile_cache_dir)
  from t2t_jax.decoding.restored import restore_translator
  from t2t_jax.evaluation.test_sets import evaluate_lines

  sets = _test_sets(workdir, config)
  with contextlib.ExitStack() as files:
    outputs = _open_outputs(tuple(sets), files)
    translator, origin = restore_translator(workdir, **_DECODING())
    direction = f'{config.data.source_language}-{config.data.target_language}'
    print(f'{workdir.path}: {origin}, {direction}')
    tokenize = _TOKENIZE.value or config.evaluation.bleu_tokenize
    result: dict[str, Any] = {'parameters': origin, 'test_sets': {}}
    for name, (sources, references) in sets.items():
      hypotheses, scores = evaluate_lines(
        translator, sources, references, tokenize
      )
      print(f'{name}: {scores.line()}', flush=True)
      result['test_sets'][name] = scores.to_dict()
      if name in outputs:
        outputs[name].writelines(f'{line}\n' for line in hypotheses)
  return result


def _test_sets(
  workdir: Workdir, config: Config
) -> dict[str, tuple[list[str], list[str]]]:
  """Returns {name: (sources, references)}, given or the config's."""
  from t2t_jax.data.corpora import read_split, test_set_names

  if bool(_SOURCE.value) != bool(_REFERENCE.value):
    raise UsageError('--source and --reference: give both or none')
  if _SOURCE.value:
    sources = _lines(_SOURCE.value, 'source')
    references = _lines(_REFERENCE.value, 'reference')
    _check_as_many('source', _SOURCE.value, sources, references)
    return {Path(_SOURCE.value).name: (sources, references)}
  names = test_set_names(config.data)
  if not names:
    raise UsageError(
      f'--workdir={workdir.path}: its config has no test sets; give --source '
      'and --reference'
    )
  sets = {}
  for name in names:
    pairs = list(read_split(config.data, name))
    sets[name] = [s for s, _ in pairs], [t for _, t in pairs]
  return sets


def _open_outputs(
  names: tuple[str, ...], files: contextlib.ExitStack
) -> dict[str, Any]:
  """Returns {name of test set: file}; before translating takes hours."""
  from t2t_jax.decoding.line_files import open_output

  if not _OUTPUT.value:
    return {}
  if _SOURCE.value:
    return {names[0]: files.enter_context(open_output(_OUTPUT.value))}
  directory = Path(_OUTPUT.value).expanduser()
  try:
    directory.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise UsageError(
      f'--output={directory}: expected a directory for the test sets: '
      f'{error.strerror}'
    ) from None
  return {
    name: files.enter_context(open_output(str(directory / f'{name}.txt')))
    for name in names
  }


# --- files --------------------------------------------------------------------


def _lines(name: str | None, flag: str) -> list[str]:
  from t2t_jax.decoding.line_files import read_lines

  assert name is not None
  lines = list(read_lines(name, cli.say, flag))
  if not lines:
    raise UsageError(f'--{flag}={name}: expected lines, found none')
  return lines


def _check_as_many(
  flag: str, name: str, lines: list[str], references: list[str]
) -> None:
  if len(lines) != len(references):
    raise UsageError(
      f'--{flag}={name} has {len(lines)} lines, --reference='
      f'{_REFERENCE.value} has {len(references)}: expected as many'
    )


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
