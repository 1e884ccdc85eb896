"""How a model stands in MarianMT's folder: names, sizes, order of d_model.

transformers' MarianMTModel is the paper's post-norm model with biases in its
attention and one on its logits. Its sinusoids are all sines, then all cosines
(the paper's interleave them), which is an order of d_model and nothing else:
with every array's d_model in that order the model is the same function.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from t2t_jax.config import ModelConfig

WEIGHTS = 'model.safetensors'
TORCH_WEIGHTS = 'pytorch_model.bin'
CONFIG = 'config.json'
VOCABULARY, TARGET_VOCABULARY = 'vocab.json', 'target_vocab.json'
SOURCE_MODEL, TARGET_MODEL = 'source.spm', 'target.spm'

# torch.nn.LayerNorm's, which MarianMT takes and cannot change.
EPSILON = 1e-5

# Names of ours and theirs that compute the same.
ACTIVATIONS = {'relu': 'relu', 'gelu': 'gelu_new', 'swish': 'swish'}

_LOGITS_BIAS = 'final_logits_bias'


def order_of_sinusoids(d_model: int) -> np.ndarray:
  """Returns (D,): our place in d_model of their j-th."""
  return np.concatenate([np.arange(0, d_model, 2), np.arange(1, d_model, 2)])


def to_marian(
  config: ModelConfig, arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """Returns MarianMT's arrays from those of `layouts.to_their_layout`."""
  named = dict(arrays)
  target_VD = named.pop('decoder.embed_tokens.weight')
  marian = {
    _LOGITS_BIAS: named.pop(
      'lm_head.bias', np.zeros(len(target_VD), np.float32)
    )[None]
  }
  if 'lm_head.weight' in named:
    marian['lm_head.weight'] = named.pop('lm_head.weight')
  if config.tie_source_target:
    marian['model.shared.weight'] = target_VD
  if not config.tie_source_target or not config.tie_softmax:
    # Where the softmax is apart, newer transformers look for all of them.
    marian['model.decoder.embed_tokens.weight'] = target_VD
    named.setdefault('encoder.embed_tokens.weight', target_VD)
  for name, array in named.items():
    marian[f'model.{name}'] = array
    # A model without these biases is one with zeros.
    if name.endswith('_proj.weight'):
      bias = name.replace('.weight', '.bias')
      if bias not in named:
        marian[f'model.{bias}'] = np.zeros(len(array), np.float32)
  return marian


def from_marian(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns the arrays for `layouts.to_our_layout` from MarianMT's."""
  named = {name.removeprefix('model.'): array for name, array in arrays.items()}
  if 'shared.weight' in named:
    for side in ('encoder', 'decoder'):
      named.setdefault(f'{side}.embed_tokens.weight', named['shared.weight'])
  if _LOGITS_BIAS in named:
    named['lm_head.bias'] = named.pop(_LOGITS_BIAS).reshape(-1)
  return named


def marian_config(
  config: ModelConfig,
  vocab_sizes: tuple[int, int],
  special: Mapping[str, int],
  beam_size: int,
) -> dict[str, Any]:
  """Returns the contents of config.json.

  Args:
    config: of the model.
    vocab_sizes: of source and target.
    special: {'pad', 'bos', 'eos'}: ids of the target vocabulary.
    beam_size: that the folder's user gets who asks for none.
  """
  sizes: dict[str, Any] = {}
  for side in ('encoder', 'decoder'):
    sizes |= {
      f'{side}_layers': getattr(config, f'num_{side}_layers'),
      f'{side}_attention_heads': config.num_heads,
      f'{side}_ffn_dim': config.d_ff,
    }
  return {
    'architectures': ['MarianMTModel'],
    'model_type': 'marian',
    'is_encoder_decoder': True,
    **sizes,
    'd_model': config.d_model,
    'vocab_size': vocab_sizes[0],
    'decoder_vocab_size': vocab_sizes[1],
    'max_position_embeddings': max(1024, 2 * config.max_positions),
    'activation_function': ACTIVATIONS[config.activation],
    'dropout': config.dropout_rate,
    'attention_dropout': config.attention_dropout_rate,
    'activation_dropout': config.activation_dropout_rate,
    'scale_embedding': True,
    'static_position_embeddings': True,
    'normalize_before': False,
    'normalize_embedding': False,
    'share_encoder_decoder_embeddings': config.tie_source_target,
    'tie_word_embeddings': config.tie_softmax,
    'pad_token_id': special['pad'],
    'eos_token_id': special['eos'],
    'forced_eos_token_id': special['eos'],
    'decoder_start_token_id': special['bos'],
    'bad_words_ids': [[special[name]] for name in ('pad', 'bos')],
    'num_beams': beam_size,
    'max_length': 512,
    'dtype': 'float32',
  }
