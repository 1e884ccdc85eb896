"""The Transformer's inference in PyTorch, tuned for decoding.

Dimensions as in t2t_jax; C: all slots of all positions so far, T * W.
"""

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from benchmarks.peers.weights import (
  Attention,
  FeedForward,
  Layer,
  Norm,
  read_weights,
)
from t2t_jax.model.positions import sinusoids
from t2t_jax.model.transformer import Transformer


class _Layer(NamedTuple):
  """The matrices of a layer, those with the same input as one."""

  self_in: torch.Tensor
  self_attention: Attention
  cross_in: torch.Tensor | None
  cross_attention: Attention | None
  feed_forward: FeedForward


class TorchTransformer:
  """The encoder on whole rows, and the decoder a position at a time.

  Rows hold no padding: sentences of a batch are equally long. To be called in
  inference mode.
  """

  def __init__(
    self,
    model: Transformer,
    params: Any,
    longest: int,
    device: str,
    dtype: torch.dtype,
  ):
    self._config = model.config
    self._device, self._dtype = device, dtype
    weights = read_weights(params, model.target_vocab_size)
    self._embedding_VD = self._tensor(weights.embedding_VD)
    self._positions_TD = self._tensor(sinusoids(longest, model.config.d_model))
    self._encoder = [self._layer(layer) for layer in weights.encoder]
    self._decoder = [self._layer(layer) for layer in weights.decoder]

  def encode(self, source_ids_BS: torch.Tensor) -> torch.Tensor:
    """Returns encoded_BSD."""
    x_BSD = self._embed(source_ids_BS)
    x_BSD = x_BSD + self._positions_TD[: x_BSD.shape[1]]
    for layer in self._encoder:
      q_BHSK, k_BHSK, v_BHSU = self._heads(x_BSD, layer.self_in)
      heads_BHSU = F.scaled_dot_product_attention(q_BHSK, k_BHSK, v_BHSU)
      x_BSD = self._close(x_BSD, heads_BHSU, layer.self_attention)
      x_BSD = self._feed(x_BSD, layer.feed_forward)
    return x_BSD

  def cross_keys_values(
    self, encoded_BSD: torch.Tensor
  ) -> list[tuple[torch.Tensor, ...]]:
    """Returns keys (B, H, S, K) and values (B, H, S, U) of each layer."""
    return [
      tuple(x.contiguous() for x in self._heads(encoded_BSD, layer.cross_in))
      for layer in self._decoder
      if layer.cross_in is not None
    ]

  def empty_cache(
    self, batch: int, slots: int
  ) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Returns keys (B, H, C, K) and values (B, H, C, U) of each layer."""
    c = self._config
    shape = (batch, c.num_heads, slots)
    return [
      (self._zeros(*shape, c.d_k), self._zeros(*shape, c.d_v))
      for _ in self._decoder
    ]

  def step(self, ids_BW, position, slots_W, mask_B1WC, cache, cross):
    """Returns float32 logits_BWV of the next tokens; appends to the cache.

    The beams stand where other positions would: cross-attention reads each
    sentence's keys once, and self-attention those of all its beams, of which
    the mask leaves each beam its own past.

    Args:
      ids_BW: the newest tokens.
      position: int tensor (1,), where they stand.
      slots_W: the places in the cache that they take.
      mask_B1WC: 0 where a beam may attend, else -inf; its C is how much of
        the cache is read.
      cache: of `empty_cache`; changed in place.
      cross: of `cross_keys_values`.
    """
    read = mask_B1WC.shape[-1]
    x_BWD = self._embed(ids_BW) + self._positions_TD[position]
    for layer, (keys_BHCK, values_BHCU), source in zip(
      self._decoder, cache, cross, strict=True
    ):
      q_BHWK, k_BHWK, v_BHWU = self._heads(x_BWD, layer.self_in)
      keys_BHCK.index_copy_(2, slots_W, k_BHWK)
      values_BHCU.index_copy_(2, slots_W, v_BHWU)
      heads_BHWU = F.scaled_dot_product_attention(
        q_BHWK,
        keys_BHCK[:, :, :read],
        values_BHCU[:, :, :read],
        attn_mask=mask_B1WC,
      )
      x_BWD = self._close(x_BWD, heads_BHWU, layer.self_attention)
      (q_BHWK,) = self._heads(x_BWD, layer.cross_attention.query)
      heads_BHWU = F.scaled_dot_product_attention(q_BHWK, *source)
      x_BWD = self._close(x_BWD, heads_BHWU, layer.cross_attention)
      x_BWD = self._feed(x_BWD, layer.feed_forward)
    return F.linear(x_BWD, self._embedding_VD).float()

  def _tensor(self, array: Any) -> torch.Tensor:
    return torch.tensor(array, device=self._device, dtype=self._dtype)

  def _zeros(self, *shape: int) -> torch.Tensor:
    return torch.zeros(shape, device=self._device, dtype=self._dtype)

  def _layer(self, layer: Layer) -> _Layer:
    own = _map(self._tensor, layer.self_attention)
    other = layer.cross_attention and _map(self._tensor, layer.cross_attention)
    return _Layer(
      torch.cat([own.query, own.key, own.value]),
      own,
      torch.cat([other.key, other.value]) if other else None,
      other,
      _map(self._tensor, layer.feed_forward),
    )

  def _embed(self, ids: torch.Tensor) -> torch.Tensor:
    return F.embedding(ids, self._embedding_VD) * math.sqrt(
      self._config.d_model
    )

  def _heads(self, x_BTD: torch.Tensor, matrix: torch.Tensor):
    """What `matrix` makes of x, as one (B, H, T, K) for each d_model rows."""
    c = self._config
    y = F.linear(x_BTD, matrix)
    y = y.view(*x_BTD.shape[:2], -1, c.num_heads, c.d_k)
    return y.permute(2, 0, 3, 1, 4).unbind(0)

  def _close(self, x_BTD, heads_BHTU, attention: Attention):
    """W_O, the residual connection and the layer norm."""
    heads_BTHU = heads_BHTU.transpose(1, 2).flatten(2)
    return self._norm(x_BTD + F.linear(heads_BTHU, attention.out), attention)

  def _feed(self, x_BTD, w: FeedForward):
    h_BTF = F.relu(F.linear(x_BTD, w.in_FD, w.in_bias_F))
    return self._norm(x_BTD + F.linear(h_BTF, w.out_DF, w.out_bias_D), w)

  def _norm(self, x_BTD, sublayer: Attention | FeedForward):
    norm = sublayer.norm
    epsilon = self._config.layer_norm_epsilon
    return F.layer_norm(
      x_BTD, norm.scale_D.shape, norm.scale_D, norm.bias_D, epsilon
    )


def _map(function: Any, values: Any) -> Any:
  """`values`, a named tuple of arrays and norms, through `function`."""
  return type(values)(
    *(
      Norm(*map(function, value))
      if isinstance(value, Norm)
      else function(value)
      for value in values
    )
  )
