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

_OF_A_LABELLER = {
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
    'vocabulary.joint': (True, 'there is one text'),
    'evaluation.bleu': (False, 'nothing is translated'),
    'evaluation.best_metric': ('nll', 'there is no other'),
  },
  'tagging': _OF_A_LABELLER,
  'classification': _OF_A_LABELLER,
}

# The commands that use a trained model.
_COMMANDS = {
  'translation': 'translate, score or evaluate',
  'language_model': 'generate, score or evaluate',
  'tagging': 'tag or evaluate',
  'classification': 'tag or evaluate',
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
  for stack, wanted in zip(('encoder', 'decoder'), _STACKS[task], strict=True):
    layers = flat[f'model.num_{stack}_layers']
    if (layers > 0) != wanted:
      raise UsageError(
        f"config.model.num_{stack}_layers: task '{task}' is for a model with"
        f'{"" if wanted else "out"} {stack}, expected '
        f'{"at least 1" if wanted else 0}, found {layers}'
      )
  for key, (expected, reason) in _FIELDS[task].items():
    if flat[key] != expected:
      raise UsageError(
        f"config.{key}: task '{task}' needs {expected!r}, for {reason}; found "
        f'{flat[key]!r}'
      )
  best_metric = config.evaluation.best_metric
  if (best_metric == 'accuracy') > (task in LABELLING) or (
    task in LABELLING and best_metric not in ('accuracy', 'nll')
  ):
    expected = 'accuracy or nll' if task in LABELLING else 'another'
    raise UsageError(
      f"config.evaluation.best_metric: task '{task}' expects {expected}, found "
      f"'{best_metric}'"
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
      f"--workdir={workdir}: expected a model of task '{' or '.join(tasks)}', "
      f"found '{config.task}', which is used by {_COMMANDS[config.task]}"
    )
