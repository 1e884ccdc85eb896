"""The checks of a config across its fields."""

import dataclasses
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlparse

from t2t_jax.config_task import check_task
from t2t_jax.config_values import check_values
from t2t_jax.errors import UsageError, nearest

if TYPE_CHECKING:
  from t2t_jax.config import (
    CheckpointConfig,
    Config,
    DataConfig,
    DecodingConfig,
    EvaluationConfig,
    ModelConfig,
    VocabularyConfig,
  )

_KINDS_OF_FILES = ('text', 'trees', 'inflection')
_HEAVIEST = 1000  # of data.train_weights


def check(config: 'Config', flat: dict[str, Any]) -> None:
  """Raises UsageError for the first field that cannot be.

  Args:
    config: all fields have their types.
    flat: the same as {'section.field': value}.
  """
  check_values(flat)
  check_task(config, flat)
  _check_model(config.model)
  _check_cadence('checkpoint', config.checkpoint)
  _check_cadence('evaluation', config.evaluation)
  _check_training(config)
  _check_data(config)
  _check_mesh(config)
  _check_vocabulary(config.vocabulary)
  _check_decoding(config.decoding)


def _check_vocabulary(vocabulary: 'VocabularyConfig') -> None:
  if vocabulary.kind == 'segmented' and vocabulary.samplings > 1:
    raise UsageError(
      'config.vocabulary.samplings: segmented text has one segmentation, '
      f'expected 1, found {vocabulary.samplings}'
    )
  if vocabulary.joint and vocabulary.target_kind != 'same':
    raise UsageError(
      'config.vocabulary.target_kind: a joint vocabulary has one kind, '
      f"expected 'same', found '{vocabulary.target_kind}'"
    )


def _check_decoding(decoding: 'DecodingConfig') -> None:
  _check_checkpoint(decoding.checkpoint)
  if decoding.top_p > 1:
    raise UsageError(
      'config.decoding.top_p: expected a probability in (0, 1], found '
      f'{decoding.top_p}'
    )
  if decoding.mbr != 'none' and decoding.num_slots < 2:
    name = 'num_samples' if decoding.method == 'sampling' else 'beam_size'
    raise UsageError(
      f"config.decoding.mbr: '{decoding.mbr}' chooses among candidates, "
      f'expected config.decoding.{name} of at least 2, found '
      f'{decoding.num_slots}'
    )


def _check_checkpoint(name: str) -> None:
  names = ('averaged', 'best', 'latest')
  if name not in names and not name.isdecimal():
    raise UsageError(
      f'config.decoding.checkpoint: expected {", ".join(names)} or a step, '
      f"found '{name}'.{nearest(name, names)}"
    )


def _check_model(model: 'ModelConfig') -> None:
  if model.d_model % 2 and model.positions == 'sinusoidal':
    raise UsageError(
      'config.model.d_model: sinusoidal positions come in pairs, expected an '
      f'even number, found {model.d_model}'
    )
  if model.attention_impl == 'cudnn':
    check_cudnn(model)


def check_cudnn(model: 'ModelConfig') -> None:
  """What cuDNN's attention kernel takes, so that a run does not find out."""
  for name, found, expected in (
    ('compute_dtype', model.compute_dtype, 'bfloat16'),
    ('d_v', model.d_v, model.d_k),
    ('attention_dropout_rate', model.attention_dropout_rate, 0),
  ):
    if found != expected:
      raise UsageError(
        f"config.model.attention_impl: 'cudnn' needs model.{name} = "
        f"{expected}, found {found}; use 'xla' or 'reference'"
      )
  if model.positions == 'relative':
    raise UsageError(
      "config.model.attention_impl: 'cudnn' knows no relative positions; use "
      "'reference'"
    )
  if model.d_k % 8 or model.d_k > 128:
    raise UsageError(
      "config.model.attention_impl: 'cudnn' needs model.d_k to be a multiple "
      f"of 8, at most 128, found {model.d_k}; use 'xla' or 'reference'"
    )


def _check_cadence(
  section: str, cadence: 'CheckpointConfig | EvaluationConfig'
) -> None:
  steps, epochs = cadence.every_steps, cadence.every_epochs
  if steps < 0 or epochs < 0 or (steps > 0) == (epochs > 0):
    raise UsageError(
      f'config.{section}: expected one of every_steps and every_epochs above '
      f'0 and the other 0, found {steps} and {epochs}'
    )


def _check_training(config: 'Config') -> None:
  training, optimizer = config.training, config.optimizer
  peak = optimizer.peak_learning_rate
  if peak is not None and peak <= 0:
    raise UsageError(
      'config.optimizer.peak_learning_rate: expected a number above 0, '
      f'found {peak}'
    )
  if (
    optimizer.schedule == 'cosine' and optimizer.warmup_steps >= training.steps
  ):
    raise UsageError(
      'config.optimizer.warmup_steps: expected fewer than the '
      f'{training.steps} training.steps, found {optimizer.warmup_steps}'
    )
  needed = config.data.max_tokens
  if needed > training.global_batch_tokens:
    raise UsageError(
      'config.training.global_batch_tokens: expected room for one pair of '
      f'data.max_tokens = {needed}, found {training.global_batch_tokens}'
    )
  positions = config.model.max_positions
  multiple = training.length_multiple
  if config.model.positions == 'learned':
    needed = -(-needed // multiple) * multiple
  if needed > positions:
    raise UsageError(
      f'config.data.max_tokens: expected at most model.max_positions = '
      f'{positions}, found {needed}'
    )
  if training.ema_decay > 0 and config.model.param_dtype == 'bfloat16':
    raise UsageError(
      'config.training.ema_decay: a moving average in bfloat16 stands still; '
      f'expected 0 or model.param_dtype = float32, found {training.ema_decay}'
    )
  if config.task == 'translation':
    _check_best_metric(config.evaluation)


def _check_best_metric(evaluation: 'EvaluationConfig') -> None:
  best = evaluation.best_metric
  if best not in ('nll', evaluation.metric):
    raise UsageError(
      f"config.evaluation.best_metric: expected 'nll' or evaluation.metric = "
      f"'{evaluation.metric}', found '{best}'"
    )
  if best != 'nll' and not evaluation.bleu:
    raise UsageError(
      f"config.evaluation.best_metric: '{best}' needs evaluation.bleu = True, "
      "found False; set best_metric to 'nll' or bleu to True"
    )


def _check_data(config: 'Config') -> None:
  data, vocabulary = config.data, config.vocabulary
  if data.kind in _KINDS_OF_FILES:
    _check_files(config)
  _check_weights(data)
  for address in data.downloads:
    _check_address(address)
  if data.kind == 'tfds' and not data.tfds_name:
    raise UsageError(
      'config.data.tfds_name: expected a prepared data set such as '
      "'wmt14_translate/de-en', found ''"
    )
  of_trees = ('trees', 'tagged_trees')
  if data.kind == 'trees' and vocabulary.kind_of('target') not in of_trees:
    raise UsageError(
      "config.vocabulary.target_kind: data.kind = 'trees' needs 'trees' or "
      "'tagged_trees', with vocabulary.joint = False; found "
      f"'{vocabulary.target_kind}'"
    )
  if config.model.tie_source_target and not vocabulary.joint:
    raise UsageError(
      'config.model.tie_source_target: one embedding needs one vocabulary, '
      'but vocabulary.joint = False; set both alike'
    )
  if not 0 < vocabulary.character_coverage <= 1:
    raise UsageError(
      'config.vocabulary.character_coverage: expected a share in (0, 1], '
      f'found {vocabulary.character_coverage}'
    )


def _check_files(config: 'Config') -> None:
  data = config.data
  for split in ('train', 'dev', 'test'):
    sources = getattr(data, f'{split}_source')
    targets = getattr(data, f'{split}_target')
    if config.task == 'language_model':
      _check_one_side(split, sources)
      sources = targets
    if data.kind == 'text' and len(sources) != len(targets):
      raise UsageError(
        f'config.data.{split}_target: expected one file for each of the '
        f'{len(sources)} in data.{split}_source, found {len(targets)}'
      )
    if data.kind != 'text' and targets:
      raise UsageError(
        f'config.data.{split}_target: a file of {data.kind} holds both sides, '
        f'expected none, found {", ".join(targets)}'
      )
  for split in ('train', 'dev'):
    side = 'target' if config.task == 'language_model' else 'source'
    if not getattr(data, f'{split}_{side}'):
      raise UsageError(
        f'config.data.{split}_{side}: expected at least one file of '
        'sentences, found none'
      )


def _check_one_side(split: str, sources: tuple[str, ...]) -> None:
  if sources:
    raise UsageError(
      f'config.data.{split}_source: a language model reads the files of '
      f'data.{split}_target alone, expected none, found {", ".join(sources)}'
    )


def _check_weights(data: 'DataConfig') -> None:
  weights = data.train_weights
  files = data.train_source or data.train_target
  corpora = len(files) if data.kind in _KINDS_OF_FILES else 1
  # A weight is as many copies on the disk.
  fits = all(0 < weight <= _HEAVIEST for weight in weights)
  if weights and (len(weights) != corpora or not fits):
    raise UsageError(
      f'config.data.train_weights: expected a number above 0, at most '
      f'{_HEAVIEST}, for each of the {corpora} training corpora, or none at '
      f'all, found {weights}'
    )


def _check_address(address: str) -> None:
  url, checksum = urldefrag(address)
  parsed = urlparse(url)
  if parsed.scheme not in ('http', 'https') or parsed.path in ('', '/'):
    raise UsageError(
      'config.data.downloads: expected https://HOST/FILE, with or without '
      f"#sha256=HEX behind it, found '{address}'"
    )
  if checksum and checksum.partition('=')[0] not in ('sha256', 'md5'):
    raise UsageError(
      'config.data.downloads: expected #sha256=HEX or #md5=HEX behind the '
      f"address, found '#{checksum}' in '{address}'"
    )


def _check_mesh(config: 'Config') -> None:
  sizes = dataclasses.asdict(config.mesh)
  if list(sizes.values()).count(-1) > 1 or any(
    size < 1 and size != -1 for size in sizes.values()
  ):
    raise UsageError(
      'config.mesh: expected sizes of at least 1 with at most one -1, found '
      f'{sizes}'
    )
