"""The typed configuration: every setting, and every check across settings.

`configs/*.py` return an `ml_collections.ConfigDict`; `from_mapping` is the one
door through which it becomes the frozen dataclasses below. Behind the door
there are no string look-ups and no defaults: the fields' meaning, units and
reasons stand in `configs/base.py`.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from t2t_jax.errors import UsageError, nearest


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  d_model: int
  d_ff: int
  d_k: int
  d_v: int
  num_heads: int
  num_encoder_layers: int
  num_decoder_layers: int
  norm_position: str
  activation: str
  positions: str
  max_positions: int
  max_relative_distance: int
  attention_bias: bool
  layer_norm_epsilon: float
  tie_source_target: bool
  tie_softmax: bool
  softmax_bias: bool
  dropout_rate: float
  attention_dropout_rate: float
  activation_dropout_rate: float
  attention_impl: str
  vocab_row_multiple: int
  compute_dtype: str
  param_dtype: str


@dataclasses.dataclass(frozen=True)
class DataConfig:
  kind: str
  directory: str
  source_language: str
  target_language: str
  train_source: tuple[str, ...]
  train_target: tuple[str, ...]
  dev_source: tuple[str, ...]
  dev_target: tuple[str, ...]
  test_source: tuple[str, ...]
  test_target: tuple[str, ...]
  tfds_name: str
  tfds_train_split: str
  tfds_dev_split: str
  tfds_test_split: str
  generated_train_pairs: int
  generated_dev_pairs: int
  generated_test_pairs: int
  generated_seed: int
  cache_dir: str
  max_tokens: int
  max_length_ratio: float
  remove_duplicates: bool


@dataclasses.dataclass(frozen=True)
class VocabularyConfig:
  kind: str
  joint: bool
  size: int
  target_size: int
  byte_fallback: bool
  character_coverage: float
  normalization: str
  training_sentences: int
  source_model: str
  target_model: str


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
  steps: int
  global_batch_tokens: int
  microbatch_tokens: int
  max_shapes: int
  length_multiple: int
  label_smoothing: float
  loss_chunk: int
  ema_decay: float
  seed: int


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
  schedule: str
  warmup_steps: int
  peak_learning_rate: float | None
  final_learning_rate: float
  beta1: float
  beta2: float
  epsilon: float
  weight_decay: float
  clip_norm: float


@dataclasses.dataclass(frozen=True)
class CheckpointConfig:
  every_steps: int
  every_epochs: float
  keep_last: int
  keep_best: bool
  average_last: int


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
  every_steps: int
  every_epochs: float
  bleu: bool
  bleu_beam_size: int
  bleu_sentences: int
  bleu_tokenize: str
  best_metric: str
  patience: int


@dataclasses.dataclass(frozen=True)
class DecodingConfig:
  beam_size: int
  length_penalty_alpha: float
  max_decode_length_offset: int
  batch_tokens: int
  checkpoint: str


@dataclasses.dataclass(frozen=True)
class MeshConfig:
  data: int
  fsdp: int
  tensor: int


@dataclasses.dataclass(frozen=True)
class LoggingConfig:
  every_steps: int
  tensorboard: bool
  compile_cache_dir: str


@dataclasses.dataclass(frozen=True)
class Config:
  model: ModelConfig
  data: DataConfig
  vocabulary: VocabularyConfig
  training: TrainingConfig
  optimizer: OptimizerConfig
  checkpoint: CheckpointConfig
  evaluation: EvaluationConfig
  decoding: DecodingConfig
  mesh: MeshConfig
  logging: LoggingConfig


# What a resumed run may change (DESIGN: everything else is the run's identity).
# Where the files lie is free as well: their content is fingerprinted.
RESUME_MAY_CHANGE = (
  'mesh',
  'logging',
  'checkpoint',
  'evaluation',
  'decoding',
  'training.steps',
  'training.microbatch_tokens',
  'data.directory',
  'data.cache_dir',
  'model.attention_impl',
)


def from_mapping(mapping: Mapping[str, Any]) -> Config:
  """Returns the checked `Config` of a ConfigDict or nested dict.

  Raises:
    UsageError: an unknown or missing key, a wrong type, or values that do not
      go together; the message names the key, what was expected and found.
  """
  config = _build(Config, mapping, '')
  check(config)
  return config


def to_dict(config: Config) -> dict[str, Any]:
  """Returns `config` as nested plain dicts, ready for JSON."""
  return dataclasses.asdict(config)


def differences(
  old: Config, new: Config, allowed: tuple[str, ...] = ()
) -> list[str]:
  """Returns `key: old -> new` for each field that differs and is not allowed.

  Args:
    old, new: the two configs.
    allowed: dotted names of sections or fields that may differ.
  """
  flat_old, flat_new = flatten(old), flatten(new)
  return [
    f'{key}: {flat_old[key]!r} -> {flat_new[key]!r}'
    for key in flat_old
    if flat_old[key] != flat_new[key]
    and key not in allowed
    and key.split('.')[0] not in allowed
  ]


def resume_differences(old: Config, new: Config) -> list[str]:
  """Returns the differences that forbid `new` to resume a run of `old`."""
  allowed = RESUME_MAY_CHANGE
  if old.optimizer.schedule == 'cosine':
    # Its learning rates depend on where it ends.
    allowed = tuple(key for key in allowed if key != 'training.steps')
  return differences(old, new, allowed)


def flatten(config: Config) -> dict[str, Any]:
  """Returns {'section.field': value} for every field of `config`."""
  return {
    f'{section.name}.{field.name}': getattr(
      getattr(config, section.name), field.name
    )
    for section in dataclasses.fields(config)
    for field in dataclasses.fields(getattr(config, section.name))
  }


# --- the door: mapping -> dataclasses ----------------------------------------


def _build(cls: type, mapping: Mapping[str, Any], prefix: str) -> Any:
  hints = typing.get_type_hints(cls)
  if not isinstance(mapping, Mapping) and not hasattr(mapping, 'keys'):
    raise UsageError(
      f'config.{prefix.rstrip(".")}: expected the fields {sorted(hints)}, '
      f'found {mapping!r}'
    )
  for key in mapping.keys():
    if key not in hints:
      raise UsageError(
        f'config.{prefix}{key}: there is no such field.{nearest(key, hints)}'
      )
  for key in hints:
    if key not in mapping:
      raise UsageError(f'config.{prefix}{key}: missing; see configs/base.py')
  return cls(
    **{
      key: _build(hint, mapping[key], f'{prefix}{key}.')
      if dataclasses.is_dataclass(hint)
      else _convert(mapping[key], hint, f'config.{prefix}{key}')
      for key, hint in hints.items()
    }
  )


def _convert(value: Any, hint: Any, key: str) -> Any:
  if isinstance(hint, types.UnionType):  # `float | None`
    if value is None:
      return None
    hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
  if hint == tuple[str, ...]:
    return _names(value, key)
  if hint is float and isinstance(value, int) and not isinstance(value, bool):
    return float(value)
  if type(value) is not hint:
    raise UsageError(
      f'{key}: expected {hint.__name__}, found {value!r} '
      f'({type(value).__name__})'
    )
  return value


def _names(value: Any, key: str) -> tuple[str, ...]:
  """A tuple of names; `a,b` on the command line is two of them."""
  values = [value] if isinstance(value, str) else value
  if not isinstance(values, (tuple, list)) or not all(
    isinstance(item, str) for item in values
  ):
    raise UsageError(f'{key}: expected file names, found {value!r}')
  return tuple(
    name.strip() for item in values for name in item.split(',') if name.strip()
  )


# --- checks across fields -----------------------------------------------------

_CHOICES = {
  'model.norm_position': ('post', 'pre'),
  'model.activation': ('relu', 'gelu', 'swish'),
  'model.positions': ('sinusoidal', 'learned', 'relative'),
  'model.attention_impl': ('reference', 'xla', 'cudnn'),
  'model.compute_dtype': ('float32', 'bfloat16'),
  'model.param_dtype': ('float32', 'bfloat16'),
  'data.kind': ('generated', 'text', 'tfds'),
  'vocabulary.kind': ('bpe', 'unigram', 'segmented'),
  'vocabulary.normalization': (
    'identity',
    'nmt_nfkc',
    'nfkc',
    'nmt_nfkc_cf',
    'nfkc_cf',
  ),
  'optimizer.schedule': ('inverse_sqrt', 'cosine', 'constant'),
  'evaluation.best_metric': ('bleu', 'nll'),
  'evaluation.bleu_tokenize': (
    '13a',
    'none',
    'intl',
    'char',
    'zh',
    'ja-mecab',
    'ko-mecab',
    'flores200',
    'spm',
  ),
}

_AT_LEAST = {
  'model': dict.fromkeys(
    (
      'd_model',
      'd_ff',
      'd_k',
      'd_v',
      'num_heads',
      'num_encoder_layers',
      'num_decoder_layers',
      'max_positions',
      'max_relative_distance',
      'vocab_row_multiple',
    ),
    1,
  ),
  'data': {
    'generated_train_pairs': 1,
    'generated_dev_pairs': 1,
    'generated_test_pairs': 1,
    'max_tokens': 2,
    'max_length_ratio': 1,
  },
  'vocabulary': {'size': 8, 'training_sentences': 1},
  'training': {
    'steps': 1,
    'global_batch_tokens': 1,
    'microbatch_tokens': 1,
    'max_shapes': 1,
    'length_multiple': 1,
    'loss_chunk': 1,
    'seed': 0,
  },
  'optimizer': {'warmup_steps': 1, 'weight_decay': 0, 'clip_norm': 0},
  'checkpoint': {'keep_last': 1, 'average_last': 1},
  'evaluation': {'bleu_beam_size': 1, 'bleu_sentences': 0, 'patience': 0},
  'decoding': {
    'beam_size': 1,
    'max_decode_length_offset': 1,
    'batch_tokens': 1,
    'length_penalty_alpha': 0,
  },
  'logging': {'every_steps': 1},
}

_RATES = (
  'model.dropout_rate',
  'model.attention_dropout_rate',
  'model.activation_dropout_rate',
  'training.label_smoothing',
  'training.ema_decay',
  'optimizer.beta1',
  'optimizer.beta2',
)


def check(config: Config) -> None:
  """Raises UsageError for the first field that cannot be."""
  flat = flatten(config)
  for key, choices in _CHOICES.items():
    if flat[key] not in choices:
      raise UsageError(
        f'config.{key}: expected one of {", ".join(choices)}, '
        f"found '{flat[key]}'.{nearest(str(flat[key]), choices)}"
      )
  for section, bounds in _AT_LEAST.items():
    for name, bound in bounds.items():
      value = flat[f'{section}.{name}']
      if value < bound:
        raise UsageError(
          f'config.{section}.{name}: expected at least {bound}, found {value}'
        )
  for key in _RATES:
    if not 0 <= flat[key] < 1:
      raise UsageError(
        f'config.{key}: expected a rate in [0, 1), found {flat[key]}'
      )
  _check_model(config.model)
  _check_cadence('checkpoint', config.checkpoint)
  _check_cadence('evaluation', config.evaluation)
  _check_training(config)
  _check_data(config)
  _check_mesh(config)


def _check_model(model: ModelConfig) -> None:
  if model.d_model % 2 and model.positions == 'sinusoidal':
    raise UsageError(
      'config.model.d_model: sinusoidal positions come in pairs, expected an '
      f'even number, found {model.d_model}'
    )
  if model.layer_norm_epsilon <= 0:
    raise UsageError(
      'config.model.layer_norm_epsilon: expected a number above 0, found '
      f'{model.layer_norm_epsilon}'
    )


def _check_cadence(
  section: str, cadence: CheckpointConfig | EvaluationConfig
) -> None:
  steps, epochs = cadence.every_steps, cadence.every_epochs
  if steps < 0 or epochs < 0 or (steps > 0) == (epochs > 0):
    raise UsageError(
      f'config.{section}: expected one of every_steps and every_epochs above '
      f'0 and the other 0, found {steps} and {epochs}'
    )


def _check_training(config: Config) -> None:
  training, optimizer = config.training, config.optimizer
  if optimizer.peak_learning_rate is not None:
    if optimizer.peak_learning_rate <= 0:
      raise UsageError(
        'config.optimizer.peak_learning_rate: expected a number above 0, '
        f'found {optimizer.peak_learning_rate}'
      )
  if optimizer.schedule == 'cosine':
    if optimizer.warmup_steps >= training.steps:
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
  if needed > positions:
    raise UsageError(
      f'config.data.max_tokens: expected at most model.max_positions = '
      f'{positions}, found {needed}'
    )
  if config.evaluation.best_metric == 'bleu' and not config.evaluation.bleu:
    raise UsageError(
      "config.evaluation.best_metric: 'bleu' needs evaluation.bleu = True, "
      "found False; set best_metric to 'nll' or bleu to True"
    )


def _check_data(config: Config) -> None:
  data, vocabulary = config.data, config.vocabulary
  if data.kind == 'text':
    for split in ('train', 'dev', 'test'):
      sources = getattr(data, f'{split}_source')
      targets = getattr(data, f'{split}_target')
      if len(sources) != len(targets):
        raise UsageError(
          f'config.data.{split}_target: expected one file for each of the '
          f'{len(sources)} in data.{split}_source, found {len(targets)}'
        )
    for split in ('train', 'dev'):
      if not getattr(data, f'{split}_source'):
        raise UsageError(
          f'config.data.{split}_source: expected at least one file of '
          'sentences, found none'
        )
  if data.kind == 'tfds' and not data.tfds_name:
    raise UsageError(
      'config.data.tfds_name: expected a prepared data set such as '
      "'wmt14_translate/de-en', found ''"
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


def _check_mesh(config: Config) -> None:
  sizes = dataclasses.asdict(config.mesh)
  if list(sizes.values()).count(-1) > 1 or any(
    size < 1 and size != -1 for size in sizes.values()
  ):
    raise UsageError(
      'config.mesh: expected sizes of at least 1 with at most one -1, found '
      f'{sizes}'
    )
  tensor = config.mesh.tensor
  if tensor > 1:
    for name in ('num_heads', 'd_ff', 'vocab_row_multiple'):
      size = getattr(config.model, name)
      if size % tensor:
        raise UsageError(
          f'config.mesh.tensor: {tensor} does not divide model.{name} = {size}'
        )
