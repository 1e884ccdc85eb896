"""What each task's config must hold, and in which words it is told."""

import pytest
from base_config import BASE, assert_refuses, config_with, mapping_with

from t2t_jax.config import (
  differences,
  flatten,
  from_mapping,
  resume_differences,
)
from t2t_jax.config_files import with_base_values
from t2t_jax.config_task import TASKS, check_task_of
from t2t_jax.errors import UsageError

LANGUAGE_MODEL = {
  'task': 'language_model',
  'model__num_encoder_layers': 0,
  'data__train_source': (),
  'data__dev_source': (),
  'data__test_source': (),
  'evaluation__bleu': False,
  'evaluation__best_metric': 'nll',
}
TAGGING = {
  'task': 'tagging',
  'model__num_decoder_layers': 0,
  'model__tie_source_target': False,
  'vocabulary__joint': False,
  'evaluation__bleu': False,
  'evaluation__best_metric': 'accuracy',
}
CLASSIFICATION = {**TAGGING, 'task': 'classification'}
GOOD = {
  'translation': {},
  'language_model': LANGUAGE_MODEL,
  'tagging': TAGGING,
  'classification': CLASSIFICATION,
}


@pytest.mark.parametrize('task', TASKS)
def test_each_task_has_a_config_that_passes(task):
  config = config_with(**GOOD[task])
  assert flatten(config)['task'] == config.task == task


def test_a_task_that_does_not_exist_lists_those_that_do():
  assert_refuses(
    'config.task: expected one of translation, language_model, tagging, '
    "classification, found 'taging'. Did you mean 'tagging'?",
    task='taging',
  )


@pytest.mark.parametrize(
  'task, stack, layers, words',
  [
    ('translation', 'encoder', 0, 'with an encoder, expected at least 1'),
    ('translation', 'decoder', 0, 'with a decoder, expected at least 1'),
    ('language_model', 'encoder', 2, 'without an encoder, expected 0'),
    ('language_model', 'decoder', 0, 'with a decoder, expected at least 1'),
    ('tagging', 'encoder', 0, 'with an encoder, expected at least 1'),
    ('classification', 'decoder', 1, 'without a decoder, expected 0'),
  ],
)
def test_a_task_has_its_stacks(task, stack, layers, words):
  key = f'model__num_{stack}_layers'
  assert_refuses(
    f"config.model.num_{stack}_layers: task '{task}' is for a model {words}, "
    f'found {layers}',
    **{**GOOD[task], key: layers},
  )


@pytest.mark.parametrize(
  'task, key, found, expected, reason',
  [
    ('language_model', 'vocabulary__joint', False, True, 'there is one text'),
    (
      'language_model',
      'evaluation__bleu',
      True,
      False,
      'nothing is translated',
    ),
    ('tagging', 'data__kind', 'generated', 'text', 'labels stand in files'),
    (
      'tagging',
      'vocabulary__joint',
      True,
      False,
      'labels have a vocabulary of their own',
    ),
    (
      'tagging',
      'vocabulary__samplings',
      2,
      1,
      'labels belong to one segmentation',
    ),
    ('tagging', 'vocabulary__target_model', 'x', '', 'labels are taken whole'),
    (
      'classification',
      'model__tie_source_target',
      True,
      False,
      'labels are no source tokens',
    ),
    ('tagging', 'model__tie_softmax', False, True, 'labels are never read'),
    (
      'classification',
      'evaluation__bleu',
      True,
      False,
      'nothing is translated',
    ),
  ],
)
def test_fields_that_do_not_suit_a_task(task, key, found, expected, reason):
  assert_refuses(
    f"config.{key.replace('__', '.')}: task '{task}' needs {expected!r}, for "
    f'{reason}; found {found!r}',
    **{**GOOD[task], key: found},
  )


@pytest.mark.parametrize(
  'task, found, words',
  [
    ('language_model', 'bleu', "task 'language_model' is judged by nll"),
    ('tagging', 'bleu', "task 'tagging' is judged by accuracy or nll"),
    (
      'translation',
      'accuracy',
      "'accuracy' is that of labels, which task 'translation' has none of",
    ),
  ],
)
def test_what_decides_the_best(task, found, words):
  end = '' if task == 'translation' else f", found '{found}'"
  assert_refuses(
    f'config.evaluation.best_metric: {words}{end}',
    **{**GOOD[task], 'evaluation__best_metric': found},
  )


@pytest.mark.parametrize('split', ['train', 'dev', 'test'])
def test_a_language_model_reads_one_side(split):
  assert_refuses(
    f'config.data.{split}_source: a language model reads the files of '
    f'data.{split}_target alone, expected none, found a.en, b.en',
    **{**LANGUAGE_MODEL, f'data__{split}_source': ('a.en', 'b.en')},
  )


def test_a_language_model_needs_text():
  assert_refuses(
    'config.data.train_target: expected at least one file of sentences, found '
    'none',
    **{**LANGUAGE_MODEL, 'data__train_target': ()},
  )


def test_a_resumed_run_keeps_its_task():
  old = config_with(**TAGGING)
  new = config_with(**CLASSIFICATION)
  expected = ["task: 'tagging' -> 'classification'"]
  assert differences(old, new) == resume_differences(old, new) == expected


def test_a_run_from_before_there_were_tasks_translates():
  old = mapping_with()
  del old['task']
  assert from_mapping(with_base_values(old)) == from_mapping(BASE)


def test_a_model_for_something_else_is_refused():
  config = config_with(**LANGUAGE_MODEL)
  check_task_of(config, 'runs/lm', ('translation', 'language_model'))
  message = (
    r'^--workdir=runs/lm: expected a model for tagging or classification, '
    r'found one for language_model; use python -m t2t_jax\.generate$'
  )
  with pytest.raises(UsageError, match=message):
    check_task_of(config, 'runs/lm', ('tagging', 'classification'))
