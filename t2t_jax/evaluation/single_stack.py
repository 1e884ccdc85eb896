"""Language models, taggers and classifiers judged on lines."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config
from t2t_jax.config_task import TASKS
from t2t_jax.data import text_files
from t2t_jax.data.corpora import test_set_names
from t2t_jax.data.task_lines import Line, check_lines, read_lines
from t2t_jax.data.vocabulary import split_tokens
from t2t_jax.decoding.lines import line_files
from t2t_jax.decoding.options import DecodingOptions
from t2t_jax.decoding.restored import Restored, restore
from t2t_jax.decoding.scoring.scorer import Scorer
from t2t_jax.decoding.scoring.scores import Pair, Totals
from t2t_jax.decoding.tagging.tagger import Tagger
from t2t_jax.errors import UsageError


@dataclasses.dataclass(frozen=True)
class LabelScores:
  """How many labels, and how many lines with all of theirs, are right."""

  labels: int
  correct: int
  lines: int
  correct_lines: int

  @property
  def accuracy(self) -> float:
    """Of labels, in percent; 0 where there are none."""
    return 100 * self.correct / max(self.labels, 1)

  def line(self) -> str:
    """Returns the figures on one readable line."""
    return (
      f'accuracy {self.accuracy:.2f} % ({self.correct} of {self.labels} labels '
      f'right, all of them in {self.correct_lines} of {self.lines} lines)'
    )

  def to_dict(self) -> dict[str, Any]:
    """Returns the figures as a dict, ready for JSON."""
    return {'accuracy': self.accuracy, **dataclasses.asdict(self)}


# Lines, with their labels if they have some -> figures
Judge = Callable[[Sequence[Line]], Totals | LabelScores]


def judge_workdir(
  workdir: Workdir,
  source: str | None,
  reference: str | None,
  unused: Mapping[str, Any],
  say: Callable[[str], None],
  **overrides: Unpack[DecodingOptions],
) -> dict[str, Any]:
  """Judges a run's model on given lines or its config's test sets; prints.

  Args:
    workdir: of a run of another task than translation.
    source, reference: names of the files that --source and --reference give:
      words and their labels, or a language model's text as reference alone.
    unused: values of flags that belong to translation.
    say: is told of what is not a result, in a line.
    overrides: fields of the config's `decoding` to set anew.

  Returns:
    What was printed, ready for JSON.

  Raises:
    UsageError: as `restore`; flags, files or labels that do not fit.
  """
  config = workdir.read_config()
  for flag, value in unused.items():
    if value:
      raise UsageError(
        f"--{flag}: belongs to translation; the model's task is '{config.task}'"
      )
  given = _read_given(config, source, reference, say)
  restored = restore(workdir, tasks=TASKS, **overrides)
  sets = {given[0]: given[1]} if given else read_test_sets(config)
  if not sets:
    raise UsageError(
      f'--workdir={workdir.path}: its config has no test sets; give --reference'
    )
  judge = make_judge(restored)
  print(f'{workdir.path}: {restored.origin}')
  result: dict[str, Any] = {'parameters': restored.origin, 'test_sets': {}}
  for name, lines in sets.items():
    scores = judge(lines)
    print(f'{name}: {scores.line()}', flush=True)
    result['test_sets'][name] = scores.to_dict()
  return result


def _read_given(
  config: Config,
  source: str | None,
  reference: str | None,
  say: Callable[[str], None],
) -> tuple[str, list[Line]] | None:
  """Returns a name and the lines of files; None where none are given."""
  if config.task == 'language_model':
    if source:
      raise UsageError(
        '--source: the model is a language model; give its text as --reference'
      )
    if not reference:
      return None
    lines = [
      (line, '') for line in line_files.read_lines(reference, say, 'reference')
    ]
    if not any(split_tokens(line) for line, _ in lines):
      raise UsageError(
        f'--reference={reference}: expected lines with words, found none'
      )
    return Path(reference).name, lines
  if bool(source) != bool(reference):
    raise UsageError('--source and --reference: give both or none')
  if not source or not reference:
    return None
  pairs = text_files.read_pairs(Path(source), Path(reference))
  return Path(source).name, list(
    check_lines(config.task, pairs, f'{source} and {reference}')
  )


def make_judge(restored: Restored) -> Judge:
  """Returns what judges a model; it compiles a shape once, however often it
  is called."""
  if restored.config.task == 'language_model':
    scorer = restored.scorer()
    return lambda lines: score_text(scorer, [text for text, _ in lines])
  tagger = restored.tagger()
  return lambda lines: score_labels(tagger, lines)


def read_test_sets(config: Config) -> dict[str, list[Line]]:
  """Returns {name: lines} of the test sets of a config."""
  return {
    name: list(read_lines(config, name)) for name in test_set_names(config.data)
  }


def score_text(scorer: Scorer, lines: Iterable[str]) -> Totals:
  """Returns what a language model makes of `lines`; empty ones are left out,
  as they are of the dev set."""
  pairs = (
    Pair('', line, '', f'line {number + 1}', number)
    for number, line in enumerate(lines)
    if split_tokens(line)
  )
  totals = Totals()
  for pair, score in scorer.score_stream(pairs):
    totals.add(score, count_words(pair.target))
  return totals


def count_words(line: str) -> int:
  """Returns the words of a line and its end, which is predicted too.

  What a perplexity a word is divided by: it does not depend on the
  vocabulary, so models with different ones compare.
  """
  return len(split_tokens(line)) + 1


def score_labels(tagger: Tagger, lines: Sequence[Line]) -> LabelScores:
  """Returns how many of the labels of `lines` are found; lines without words
  are left out."""
  filled = [line for line in lines if split_tokens(line[0])]
  found = tagger.tag([words for words, _ in filled])
  correct, wrong, whole = 0, 0, 0
  for (_, wanted), labels in zip(filled, found, strict=True):
    pairs = zip(split_tokens(wanted), labels.split(' '), strict=True)
    errors = sum(one != other for one, other in pairs)
    wrong += errors
    correct += len(split_tokens(wanted)) - errors
    whole += not errors
  return LabelScores(correct + wrong, correct, len(filled), whole)
