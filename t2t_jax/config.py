"""The typed configuration: every setting, and every check across settings.

`configs/*.py` return an `ml_collections.ConfigDict`; `from_mapping` is the one
door through which it becomes the frozen dataclasses below. Behind the door
there are no string look-ups and no defaults: the fields' meaning, units and
reasons stand in `configs/base.py`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from t2t_jax import config_checks
from t2t_jax.config_build import build


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
  remat: str
  scan_layers: bool


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
  train_weights: tuple[float, ...]
  downloads: tuple[str, ...]
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
  remove_identical: bool
  min_script_share: float
  workers: int


@dataclasses.dataclass(frozen=True)
class VocabularyConfig:
  kind: str
  target_kind: str
  joint: bool
  size: int
  target_size: int
  byte_fallback: bool
  character_coverage: float
  normalization: str
  training_sentences: int
  samplings: int
  sampling_rate: float
  source_model: str
  target_model: str

  def kind_of(self, side: str) -> str:
    """The kind of the side's vocabulary, 'source' or 'target'."""
    of_its_own = side == 'target' and self.target_kind != 'same'
    return self.target_kind if of_its_own else self.kind


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
  steps: int
  global_batch_tokens: int
  microbatch_tokens: int
  device_memory_gib: float
  max_shapes: int
  length_multiple: int
  label_smoothing: float
  loss_chunk: int
  ema_decay: float
  init_from: str
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
  metric: str
  report: tuple[str, ...]
  bleu: bool
  bleu_beam_size: int
  bleu_sentences: int
  bleu_tokenize: str
  best_metric: str
  patience: int

  @property
  def reported(self) -> tuple[str, ...]:
    """What `evaluate` tells: `report` is of translations that BLEU judges."""
    return self.report if self.metric == 'bleu' else (self.metric,)


@dataclasses.dataclass(frozen=True)
class DecodingConfig:
  method: str
  beam_size: int
  length_penalty_alpha: float
  max_decode_length_offset: int
  stopping: str
  min_length: int
  no_repeat_ngram: int
  num_samples: int
  temperature: float
  top_k: int
  top_p: float
  seed: int
  mbr: str
  batch_tokens: int
  weights_dtype: str
  checkpoint: str

  @property
  def num_slots(self) -> int:
    """Hypotheses of a sentence that are decoded at one time."""
    return self.num_samples if self.method == 'sampling' else self.beam_size


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
  task: str
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
  # Not what is measured: the best so far must stay comparable.
  'evaluation.every_steps',
  'evaluation.every_epochs',
  'evaluation.patience',
  'evaluation.report',
  'decoding',
  'training.steps',
  'training.microbatch_tokens',
  'training.device_memory_gib',
  'training.loss_chunk',
  'data.directory',
  *('data.cache_dir', 'data.downloads', 'data.workers'),
  # How a model is run, not what it is.
  'model.attention_impl',
  'model.remat',
  'model.scan_layers',
)


def from_mapping(mapping: Mapping[str, Any]) -> Config:
  """Returns the checked `Config` of a ConfigDict or nested dict.

  Raises:
    UsageError: an unknown or missing key, a wrong type, or values that do not
      go together; the message names the key, what was expected and found.
  """
  config = build(Config, mapping)
  check(config)
  return config


def check(config: Config) -> None:
  """Raises UsageError for the first field that cannot be."""
  config_checks.check(config, flatten(config))


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
  allowed: tuple[str, ...] = RESUME_MAY_CHANGE
  if old.optimizer.schedule == 'cosine':
    # Its learning rates depend on where it ends.
    allowed = tuple(key for key in allowed if key != 'training.steps')
  return differences(old, new, allowed)


def flatten(config: Config) -> dict[str, Any]:
  """Returns {'section.field': value} for every field of `config`.

  `task` stands in no section: its key is 'task'.
  """
  flat: dict[str, Any] = {'task': config.task}
  for section, fields in to_dict(config).items():
    if section != 'task':
      flat |= {f'{section}.{name}': value for name, value in fields.items()}
  return flat
