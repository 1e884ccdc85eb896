"""A model as a CTranslate2 directory: model.bin, vocabularies, config.json.

The tokens are the vocabulary's pieces; source.model and target.model, where
there are any, cut text into them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t2t_jax.config import ModelConfig
from t2t_jax.data.tokenizer import Tokenizer, Tokenizers
from t2t_jax.decoding.restored import Restored
from t2t_jax.exchange.layouts import to_their_layout
from t2t_jax.exchange.needs import refuse, require
from t2t_jax.exchange.tokenizer_files import write_models
from t2t_jax.model.positions import sinusoids
from t2t_jax.model.transformer import Transformer

QUANTIZATIONS = ('int8', 'int16', 'float16', 'bfloat16')

_LEAST_POSITIONS = 1024

# Ours are jax.nn's: gelu by tanh.
_ACTIVATIONS = {'relu': 'RELU', 'gelu': 'GELUTanh', 'swish': 'SWISH'}


def check(config: ModelConfig) -> None:
  """Raises UsageError for what CTranslate2 cannot express, by its name."""
  if config.d_k != config.d_v:
    refuse(
      'ctranslate2',
      'model.d_v',
      f'd_v = d_k = {config.d_k}',
      str(config.d_v),
    )


def write(restored: Restored, directory: Path, quantization: str = '') -> None:
  """Writes the model into `directory`, which is there and empty.

  Args:
    restored: the model.
    directory: where to.
    quantization: '' (float32) or one of QUANTIZATIONS, of the matrices.
  """
  spec = make_spec(restored.model, restored.params)
  _set_vocabularies(spec, restored.tokenizers)
  spec.validate()
  spec.optimize(quantization=quantization or None)
  spec.save(str(directory))
  write_models(restored.tokenizers, directory, '.model', by_piece=True)


def make_spec(model: Transformer, params: Any) -> Any:
  """Returns CTranslate2's specification of a model, without vocabularies."""
  ctranslate2 = require('ctranslate2')
  specs = ctranslate2.specs
  config = model.config
  arrays = to_their_layout(
    config,
    params,
    (model.source_vocab_size, model.target_vocab_size),
  )
  variant: dict[str, Any] = {
    'pre_norm': config.norm_position == 'pre',
    'activation': getattr(specs.Activation, _ACTIVATIONS[config.activation]),
    'relative_position': config.positions == 'relative',
  }
  if config.d_k * config.num_heads != config.d_model:
    variant['head_dim'] = config.d_k
  encoder = specs.TransformerEncoderSpec(
    config.num_encoder_layers, config.num_heads, **variant
  )
  decoder = specs.TransformerDecoderSpec(
    config.num_decoder_layers, config.num_heads, **variant
  )
  spec = specs.TransformerSpec(encoder, decoder)
  for stack, name in ((encoder, 'encoder'), (decoder, 'decoder')):
    _set_stack(stack, arrays, name, config)
  target_VD = arrays['decoder.embed_tokens.weight']
  source_VD = arrays.get('encoder.embed_tokens.weight', target_VD)
  encoder.embeddings[0].weight = source_VD[: model.source_vocab_size]
  decoder.embeddings.weight = target_VD
  decoder.projection.weight = arrays.get('lm_head.weight', target_VD)
  if 'lm_head.bias' in arrays:
    decoder.projection.bias = arrays['lm_head.bias']
  spec.config.layer_norm_epsilon = config.layer_norm_epsilon
  return spec


def _set_stack(
  stack: Any, arrays: dict[str, np.ndarray], name: str, config: ModelConfig
) -> None:
  stack.scale_embeddings = True
  if config.positions == 'sinusoidal':
    # Ours have no end; these must.
    rows = max(_LEAST_POSITIONS, 2 * config.max_positions)
    stack.position_encodings.encodings = sinusoids(rows, config.d_model)
  elif config.positions == 'learned':
    learned = arrays[f'{name}.embed_positions.weight']
    stack.position_encodings.encodings = learned
  if config.norm_position == 'pre':
    _set(stack.layer_norm, arrays, f'{name}.layer_norm', 'gamma', 'beta')
  for i, layer in enumerate(stack.layer):
    there = f'{name}.layers.{i}'
    _set_attention(layer.self_attention, arrays, f'{there}.self_attn')
    if name == 'decoder':
      _set_attention(layer.attention, arrays, f'{there}.encoder_attn')
    _set(layer.ffn.linear_0, arrays, f'{there}.fc1')
    _set(layer.ffn.linear_1, arrays, f'{there}.fc2')
    norm = f'{there}.final_layer_norm'
    _set(layer.ffn.layer_norm, arrays, norm, 'gamma', 'beta')


def _set_attention(spec: Any, arrays: dict[str, np.ndarray], name: str) -> None:
  # Queries, keys and values are one product, or the latter two.
  groups = ('qkv', 'o') if len(spec.linear) == 2 else ('q', 'kv', 'o')
  for linear, letters in zip(spec.linear, groups, strict=True):
    parts = [
      f'{name}.out_proj' if letter == 'o' else f'{name}.{letter}_proj'
      for letter in letters
    ]
    linear.weight = np.concatenate([arrays[f'{part}.weight'] for part in parts])
    if f'{parts[0]}.bias' in arrays:
      linear.bias = np.concatenate([arrays[f'{part}.bias'] for part in parts])
  for side in ('keys', 'values'):
    if f'{name}.relative_{side}.weight' in arrays:
      table = arrays[f'{name}.relative_{side}.weight']
      setattr(spec, f'relative_position_{side}', table)
  _set(spec.layer_norm, arrays, f'{name}_layer_norm', 'gamma', 'beta')


def _set(
  spec: Any,
  arrays: dict[str, np.ndarray],
  name: str,
  weight: str = 'weight',
  bias: str = 'bias',
) -> None:
  setattr(spec, weight, arrays[f'{name}.weight'])
  setattr(spec, bias, arrays[f'{name}.bias'])


def _set_vocabularies(spec: Any, tokenizers: Tokenizers) -> None:
  target = tokenizers.target
  spec.register_source_vocabulary(_all_pieces(tokenizers.source))
  spec.register_target_vocabulary(_all_pieces(target))
  eos, unk = target.pieces([target.eos_id, target.unk_id])
  (start,) = target.pieces([target.bos_id])
  spec.config.bos_token = spec.config.decoder_start_token = start
  spec.config.eos_token, spec.config.unk_token = eos, unk
  spec.config.add_source_bos, spec.config.add_source_eos = False, True


def _all_pieces(tokenizer: Tokenizer) -> list[str]:
  return tokenizer.pieces(range(tokenizer.vocab_size))


class Engine:
  """The directory, loaded by CTranslate2, on the CPU."""

  name = 'CTranslate2'

  def __init__(self, directory: Path, tokenizers: Tokenizers):
    ctranslate2 = require('ctranslate2')
    self._tokenizers = tokenizers
    self._translator = ctranslate2.Translator(
      str(directory), device='cpu', compute_type='default'
    )
    pieces = _all_pieces(tokenizers.target)
    self._numbers = {piece: token for token, piece in enumerate(pieces)}

  def translate(
    self, source_ids: Sequence[Sequence[int]], longest: int
  ) -> list[list[int]]:
    """Returns each source's greedy translation: ids without EOS."""
    results = self._translator.translate_batch(
      [self._tokenizers.source.pieces(ids) for ids in source_ids],
      beam_size=1,
      max_decoding_length=longest,
      min_decoding_length=0,
      suppress_sequences=self._never(),
      max_input_length=0,
      max_batch_size=32,
    )
    return [self._ids(result.hypotheses[0]) for result in results]

  def score(
    self,
    source_ids: Sequence[Sequence[int]],
    target_ids: Sequence[Sequence[int]],
  ) -> list[list[float]]:
    """Returns log P of each target token and of the EOS behind them."""
    results = self._translator.score_batch(
      [self._tokenizers.source.pieces(ids) for ids in source_ids],
      [self._tokenizers.target.pieces(ids) for ids in target_ids],
      max_input_length=0,
      max_batch_size=32,
    )
    return [list(result.log_probs) for result in results]

  def _never(self) -> list[list[str]]:
    """What our search never generates."""
    target = self._tokenizers.target
    banned = {target.pad_id, target.bos_id} - {target.eos_id}
    return [[piece] for piece in target.pieces(sorted(banned))]

  def _ids(self, pieces: Sequence[str]) -> list[int]:
    return [self._numbers[piece] for piece in pieces]
