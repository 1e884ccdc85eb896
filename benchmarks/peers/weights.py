"""Our parameters as other engines hold them: matrices (out, in)."""

from typing import Any, NamedTuple

import numpy as np

Array = Any


class Norm(NamedTuple):
  """Layer norm over d_model."""

  scale_D: Array
  bias_D: Array


class Attention(NamedTuple):
  """Projections without biases; the heads lie behind each other."""

  query: Array
  key: Array
  value: Array
  out: Array
  norm: Norm


class FeedForward(NamedTuple):
  """Both layers and their biases."""

  in_FD: Array
  in_bias_F: Array
  out_DF: Array
  out_bias_D: Array
  norm: Norm


class Layer(NamedTuple):
  """An encoder layer (cross_attention is None) or a decoder layer."""

  self_attention: Attention
  cross_attention: Attention | None
  feed_forward: FeedForward


class Weights(NamedTuple):
  """A post-norm model with one embedding for source, target and softmax."""

  embedding_VD: Array
  encoder: tuple[Layer, ...]
  decoder: tuple[Layer, ...]


def read_weights(params: Any, vocab_size: int) -> Weights:
  """Returns the weights of a model of `sizes.model_config`.

  Args:
    params: of the model.
    vocab_size: entries of the embedding; its further rows are left out.
  """
  return Weights(
    _numpy(params['target_embedding'])[:vocab_size],
    _stack(params['encoder']),
    _stack(params['decoder']),
  )


def _stack(params: Any) -> tuple[Layer, ...]:
  return tuple(_layer(params[f'layer_{i}']) for i in range(len(params)))


def _layer(params: Any) -> Layer:
  return Layer(
    _attention(params, 'self_attention'),
    _attention(params, 'cross_attention')
    if 'cross_attention' in params
    else None,
    _feed_forward(params),
  )


def _attention(params: Any, name: str) -> Attention:
  own = params[name]
  out_HUD = _numpy(own['out'])
  return Attention(
    _projection(own['query']),
    _projection(own['key']),
    _projection(own['value']),
    out_HUD.reshape(-1, out_HUD.shape[-1]).T,
    _norm(params, name),
  )


def _projection(w_DHK: Any) -> np.ndarray:
  return _numpy(w_DHK).reshape(len(w_DHK), -1).T


def _feed_forward(params: Any) -> FeedForward:
  own = params['feed_forward']
  return FeedForward(
    _numpy(own['in']).T,
    _numpy(own['in_bias']),
    _numpy(own['out']).T,
    _numpy(own['out_bias']),
    _norm(params, 'feed_forward'),
  )


def _norm(params: Any, name: str) -> Norm:
  own = params[f'{name}_residual']['norm']
  return Norm(_numpy(own['scale']), _numpy(own['bias']))


def _numpy(array: Any) -> np.ndarray:
  return np.asarray(array, np.float32)
