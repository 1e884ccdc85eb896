"""Our parameters as a CTranslate2 model."""

from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.specs import TransformerSpec

from benchmarks.peers.weights import (
  Attention,
  FeedForward,
  Norm,
  read_weights,
)
from benchmarks.sizes import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from t2t_jax.model.positions import sinusoids
from t2t_jax.model.transformer import Transformer

_SPECIAL = {PAD_ID: '<pad>', BOS_ID: '<s>', EOS_ID: '</s>', UNK_ID: '<unk>'}


def make_spec(model: Transformer, params: Any, longest: int) -> TransformerSpec:
  """Returns the specification of a model of `sizes.model_config`.

  Args:
    model, params: ours.
    longest: rows of the position table.
  """
  config = model.config
  weights = read_weights(params, model.target_vocab_size)
  spec = TransformerSpec.from_config(
    (config.num_encoder_layers, config.num_decoder_layers),
    config.num_heads,
    pre_norm=False,
    activation=ctranslate2.specs.Activation.RELU,
  )
  positions_TD = sinusoids(longest, config.d_model)
  for stack, layers in (
    (spec.encoder, weights.encoder),
    (spec.decoder, weights.decoder),
  ):
    stack.scale_embeddings = True
    stack.position_encodings.encodings = positions_TD
    for layer, values in zip(stack.layer, layers, strict=True):
      _set_self_attention(layer.self_attention, values.self_attention)
      if values.cross_attention is not None:
        _set_cross_attention(layer.attention, values.cross_attention)
      _set_feed_forward(layer.ffn, values.feed_forward)
  spec.encoder.embeddings[0].weight = weights.embedding_VD
  spec.decoder.embeddings.weight = weights.embedding_VD
  spec.decoder.projection.weight = weights.embedding_VD
  _set_vocabulary(spec, model.target_vocab_size)
  spec.config.layer_norm_epsilon = config.layer_norm_epsilon
  return spec


def to_tokens(ids: list[int]) -> list[str]:
  """Returns the entries of the vocabulary that `ids` are."""
  return [_SPECIAL.get(i, str(i)) for i in ids]


def to_ids(tokens: list[str]) -> list[int]:
  """Returns the ids of entries of the vocabulary."""
  special = {token: i for i, token in _SPECIAL.items()}
  return [special[t] if t in special else int(t) for t in tokens]


def _set_vocabulary(spec: TransformerSpec, vocab_size: int) -> None:
  tokens = to_tokens(list(range(vocab_size)))
  spec.register_source_vocabulary(tokens)
  spec.register_target_vocabulary(tokens)
  config = spec.config
  config.bos_token = config.decoder_start_token = _SPECIAL[BOS_ID]
  config.eos_token, config.unk_token = _SPECIAL[EOS_ID], _SPECIAL[UNK_ID]
  config.add_source_bos = config.add_source_eos = False


def _set_norm(spec: Any, norm: Norm) -> None:
  spec.gamma, spec.beta = norm.scale_D, norm.bias_D


def _set_self_attention(spec: Any, attention: Attention) -> None:
  projections = (attention.query, attention.key, attention.value)
  spec.linear[0].weight = np.concatenate(projections)
  spec.linear[1].weight = np.ascontiguousarray(attention.out)
  _set_norm(spec.layer_norm, attention.norm)


def _set_cross_attention(spec: Any, attention: Attention) -> None:
  keys_values = (attention.key, attention.value)
  spec.linear[0].weight = np.ascontiguousarray(attention.query)
  spec.linear[1].weight = np.concatenate(keys_values)
  spec.linear[2].weight = np.ascontiguousarray(attention.out)
  _set_norm(spec.layer_norm, attention.norm)


def _set_feed_forward(spec: Any, values: FeedForward) -> None:
  spec.linear_0.weight = np.ascontiguousarray(values.in_FD)
  spec.linear_0.bias = values.in_bias_F
  spec.linear_1.weight = np.ascontiguousarray(values.out_DF)
  spec.linear_1.bias = values.out_bias_D
  _set_norm(spec.layer_norm, values.norm)
