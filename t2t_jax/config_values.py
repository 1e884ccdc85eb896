"""What each field of a config may be, whatever the others are."""

from typing import Any

from t2t_jax.config_metrics import DECODED, JUDGED_BY, OF_TEXT
from t2t_jax.errors import UsageError, nearest

# sacreBLEU's names; none: the text is tokenised already.
BLEU_TOKENIZATIONS = (
  '13a',
  'none',
  'intl',
  'char',
  'zh',
  'ja-mecab',
  'ko-mecab',
  'flores200',
  'spm',
)

DECODING_METHODS = ('beam', 'sampling')
MBR_UTILITIES = ('none', 'chrf', 'bleu')
DECODING_STOPPING = ('exact', 'likely')
DECODING_WEIGHTS = ('compute_dtype', 'bfloat16')

_CHOICES = {
  'model.norm_position': ('post', 'pre'),
  'model.activation': ('relu', 'gelu', 'swish'),
  'model.positions': ('sinusoidal', 'learned', 'relative'),
  'model.attention_impl': ('auto', 'reference', 'xla', 'cudnn'),
  'model.compute_dtype': ('float32', 'bfloat16'),
  'model.param_dtype': ('float32', 'bfloat16'),
  'model.remat': ('none', 'dots', 'full'),
  'data.kind': ('generated', 'text', 'tfds', 'trees', 'inflection'),
  'vocabulary.kind': ('bpe', 'unigram', 'segmented'),
  'vocabulary.target_kind': (
    'same',
    'bpe',
    'unigram',
    'segmented',
    'trees',
    'tagged_trees',
  ),
  'vocabulary.normalization': (
    'identity',
    'nmt_nfkc',
    'nfkc',
    'nmt_nfkc_cf',
    'nfkc_cf',
  ),
  'optimizer.schedule': ('inverse_sqrt', 'cosine', 'constant'),
  'evaluation.metric': tuple(DECODED),
  'evaluation.best_metric': tuple(JUDGED_BY),
  'evaluation.bleu_tokenize': BLEU_TOKENIZATIONS,
  'decoding.method': DECODING_METHODS,
  'decoding.mbr': MBR_UTILITIES,
  'decoding.stopping': DECODING_STOPPING,
  'decoding.weights_dtype': DECODING_WEIGHTS,
}

_AT_LEAST = {
  'model': dict.fromkeys(
    (
      'd_model',
      'd_ff',
      'd_k',
      'd_v',
      'num_heads',
      'max_positions',
      'max_relative_distance',
      'vocab_row_multiple',
    ),
    1,
  )
  | dict.fromkeys(('num_encoder_layers', 'num_decoder_layers'), 0),
  'data': {
    'generated_train_pairs': 1,
    'generated_dev_pairs': 1,
    'generated_test_pairs': 1,
    'max_tokens': 2,
    'max_length_ratio': 1,
    'workers': 0,
  },
  'vocabulary': {
    'size': 8,
    'target_size': 8,
    'training_sentences': 1,
    'samplings': 1,
  },
  'training': {
    'steps': 1,
    'global_batch_tokens': 1,
    'microbatch_tokens': 1,
    'device_memory_gib': 0,
    'max_shapes': 1,
    'length_multiple': 1,
    'loss_chunk': 0,
    'seed': 0,
  },
  'optimizer': {
    'warmup_steps': 1,
    'final_learning_rate': 0,
    'weight_decay': 0,
    'clip_norm': 0,
  },
  'checkpoint': {'keep_last': 1, 'average_last': 1},
  'evaluation': {'bleu_beam_size': 1, 'bleu_sentences': 0, 'patience': 0},
  'decoding': {
    'beam_size': 1,
    'max_decode_length_offset': 1,
    'batch_tokens': 1,
    'length_penalty_alpha': 0,
    'min_length': 0,
    'no_repeat_ngram': 0,
    'num_samples': 1,
    'top_k': 0,
    'seed': 0,
  },
  'logging': {'every_steps': 1},
}

_ABOVE_ZERO = (
  'model.layer_norm_epsilon',
  'optimizer.epsilon',
  'decoding.temperature',
  'decoding.top_p',
)

_RATES = (
  'data.min_script_share',
  'vocabulary.sampling_rate',
  'model.dropout_rate',
  'model.attention_dropout_rate',
  'model.activation_dropout_rate',
  'training.label_smoothing',
  'training.ema_decay',
  'optimizer.beta1',
  'optimizer.beta2',
)


def check_values(flat: dict[str, Any]) -> None:
  """Raises UsageError for the first of {'section.field': value} that cannot
  be."""
  for key, choices in _CHOICES.items():
    if flat[key] not in choices:
      raise UsageError(
        f'config.{key}: expected one of {", ".join(choices)}, '
        f"found '{flat[key]}'.{nearest(str(flat[key]), choices)}"
      )
  _check_report(flat['evaluation.report'])
  for section, bounds in _AT_LEAST.items():
    for name, bound in bounds.items():
      value = flat[f'{section}.{name}']
      if value < bound:
        raise UsageError(
          f'config.{section}.{name}: expected at least {bound}, found {value}'
        )
  for key in _ABOVE_ZERO:
    if flat[key] <= 0:
      raise UsageError(
        f'config.{key}: expected a number above 0, found {flat[key]}'
      )
  for key in _RATES:
    if not 0 <= flat[key] < 1:
      raise UsageError(
        f'config.{key}: expected a rate in [0, 1), found {flat[key]}'
      )


def _check_report(names: tuple[str, ...]) -> None:
  expected = f'config.evaluation.report: expected some of {", ".join(OF_TEXT)}'
  if not names:
    raise UsageError(f'{expected}, found none')
  for name in names:
    if name not in OF_TEXT:
      raise UsageError(f"{expected}, found '{name}'.{nearest(name, OF_TEXT)}")
