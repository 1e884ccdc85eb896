"""What a model is for: which stacks it has, and what goes with them.

translation: any text to any other, by encoder and decoder. language_model: the
decoder alone, over the target text. tagging (a label for each word) and
classification (a label for each line): the encoder alone, with a softmax over
labels at each source position.
"""

from typing import TYPE_CHECKING, Any

from t2t_jax.errors import UsageError, nearest

if TYPE_CHECKING:
  from t2t_jax.config import Config

LABELLING = ('tagging', 'classification')
TASKS = ('translation', 'language_model', *LABELLING)

# Whether there is an encoder and a decoder.
_STACKS = {
  'translation': (True, True),
  'language_model': (False, True),
  'tagging': (True, False),
  'classification': (True, False),
}

_OF_A_SINGLE_STACK = {
  'data.remove_identical': (False, 'there is one side'),
}

_OF_A_LABELLER = {
  **_OF_A_SINGLE_STACK,
  'data.kind': ('text', 'labels stand in files'),
  'vocabulary.joint': (False, 'labels have a vocabulary of their own'),
  'vocabulary.samplings': (1, 'labels belong to one segmentation'),
  'vocabulary.target_model': ('', 'labels are taken whole'),
  'model.tie_source_target': (False, 'labels are no source tokens'),
  'model.tie_softmax': (True, 'labels are never read'),
  'evaluation.bleu': (False, 'nothing is translated'),
}

# {field: (what it must be, why)}
_FIELDS: dict[str, dict[str, tuple[Any, str]]] = {
  'translation': {},
  'language_model': {
    **_OF_A_SINGLE_STACK,
    'vocabulary.joint': (True, 'there is one text'),
    'evaluation.bleu': (False, 'nothing is translated'),
  },
  'tagging': _OF_A_LABELLER,
  'classification': _OF_A_LABELLER,
}

# What may decide which checkpoint is best; (): all but accuracy.
_BEST_METRICS: dict[str, tuple[str, ...]] = {
  'translation': (),
  'language_model': ('nll',),
  'tagging': ('accuracy', 'nll'),
  'classification': ('accuracy', 'nll'),
}

# The command that uses a trained model, beside score and evaluate.
_COMMANDS = {
  'translation': 'translate',
  'language_model': 'generate',
  'tagging': 'tag',
  'classification': 'tag',
}


def check_task(config: 'Config', flat: dict[str, Any]) -> None:
  """Raises UsageError for the first field that does not suit config.task.

  Args:
    config: all fields have their types.
    flat: the same as {'section.field': value}.
  """
  task = config.task
  if task not in TASKS:
    raise UsageError(
      f"config.task: expected one of {', '.join(TASKS)}, found '{task}'."
      f'{nearest(task, TASKS)}'
    )
  for article, stack, wanted in zip(
    ('an', 'a'), ('encoder', 'decoder'), _STACKS[task], strict=True
  ):
    layers = flat[f'model.num_{stack}_layers']
    if (layers > 0) != wanted:
      raise UsageError(
        f"config.model.num_{stack}_layers: task '{task}' is for a model with"
        f'{"" if wanted else "out"} {article} {stack}, expected '
        f'{"at least 1" if wanted else 0}, found {layers}'
      )
  for key, (expected, reason) in _FIELDS[task].items():
    if flat[key] != expected:
      raise UsageError(
        f"config.{key}: task '{task}' needs {expected!r}, for {reason}; found "
        f'{flat[key]!r}'
      )
  _check_best_metric(task, config.evaluation.best_metric)


def _check_best_metric(task: str, found: str) -> None:
  expected = _BEST_METRICS[task]
  if expected and found not in expected:
    raise UsageError(
      f"config.evaluation.best_metric: task '{task}' is judged by "
      f"{' or '.join(expected)}, found '{found}'"
    )
  if not expected and found == 'accuracy':
    raise UsageError(
      "config.evaluation.best_metric: 'accuracy' is that of labels, which "
      f"task '{task}' has none of"
    )


def check_task_of(
  config: 'Config', workdir: object, tasks: tuple[str, ...]
) -> None:
  """Raises UsageError where a run's model is for none of `tasks`.

  Args:
    config: of the run.
    workdir: where it lies, for the message.
    tasks: that the command, or the call, is made for.
  """
  if config.task not in tasks:
    raise UsageError(
      f'--workdir={workdir}: expected a model for {" or ".join(tasks)}, found '
      f'one for {config.task}; use python -m t2t_jax.{_COMMANDS[config.task]}'
    )
