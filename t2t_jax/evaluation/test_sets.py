"""Test sets: reading, translating and scoring them, keeping translations."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from t2t_jax.config import DataConfig, EvaluationConfig
from t2t_jax.data.corpora import read_split, test_set_names
from t2t_jax.decoding.lines.line_files import open_output
from t2t_jax.decoding.translator import Translator
from t2t_jax.errors import UsageError
from t2t_jax.evaluation.decoded import LineScores, score_lines
from t2t_jax.evaluation.parallel_text import ParallelText


def evaluate_lines(
  translator: Translator,
  sources: Sequence[str],
  references: Sequence[str],
  evaluation: EvaluationConfig,
) -> tuple[list[str], LineScores]:
  """Returns the translations of `sources` and their scores by `evaluation`.

  Raises:
    UsageError: different numbers of lines, or no lines; before translating.
  """
  ParallelText(references, sources)
  hypotheses = [
    translation.text for translation in translator.translate_stream(sources)
  ]
  return hypotheses, score_lines(evaluation, hypotheses, references, sources)


def read_test_sets(data: DataConfig) -> dict[str, tuple[list[str], list[str]]]:
  """Returns {name: (sources, untouched references)} of a config's test sets."""
  sets = {}
  for name in test_set_names(data):
    pairs = list(read_split(data, name))
    sets[name] = [s for s, _ in pairs], [t for _, t in pairs]
  return sets


def open_outputs(
  directory: str, names: Sequence[str], files: contextlib.ExitStack
) -> dict[str, TextIO]:
  """Returns {name: DIRECTORY/NAME.txt, open to be written till `files` close}.

  Raises:
    UsageError: the directory or a file in it cannot be made.
  """
  path = Path(directory).expanduser()
  try:
    path.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise UsageError(
      f'--output={path}: expected a directory for the test sets: '
      f'{error.strerror}'
    ) from None
  return {
    name: files.enter_context(open_output(str(path / f'{name}.txt')))
    for name in names
  }
