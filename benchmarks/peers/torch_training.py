"""The Transformer's training in PyTorch: what a careful user of it would write.

Queries, keys and values in one product, fused attention, one look-up for both
sides, a loss that never holds the logits of the whole batch, Adam in one
kernel. On a CPU eager, with cheaper random bits than torch's own; on a GPU
compiled, bfloat16 by autocast.

Dimensions as in t2t_jax; N: positions of a whole batch, B * T.
"""

import contextlib
import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.peers.our_training import initial_params
from benchmarks.peers.torch_loss import ChunkedLoss, full_loss
from benchmarks.peers.weights import (
  Attention,
  FeedForward,
  Layer,
  Norm,
  Weights,
  read_weights,
)
from benchmarks.work import Work
from t2t_jax.config import ModelConfig
from t2t_jax.data.batching import Batch
from t2t_jax.data.workers import usable_cpus
from t2t_jax.model.positions import sinusoids
from t2t_jax.training.optimizer import learning_rate_schedule

# Positions whose logits exist at one time.
_CPU_CHUNK, _GPU_CHUNK = 256, 8192
_SCHEDULED = 10_000  # updates whose learning rate is made beforehand


class TorchTrainer:
  """Begins with the parameters that ours begins with.

  `variant` 'full' leaves the logits to the compiler, all of them at once,
  in place of the loss in chunks.
  """

  def __init__(self, work: Work, variant: str = ''):
    self._on_gpu = jax.default_backend() == 'gpu'
    self._device = 'cuda' if self._on_gpu else 'cpu'
    if self._on_gpu:
      torch.set_float32_matmul_precision('high')  # TF32, as jax has it
    else:
      torch.set_num_threads(usable_cpus())
    c, o = work.config, work.config.optimizer
    self._pad_id, self._bos_id = work.pad_id, work.bos_id
    self._smoothing = c.training.label_smoothing
    self._dtype = getattr(torch, c.model.compute_dtype)
    weights = read_weights(initial_params(work), work.vocab_size)
    longest = max(ids.shape[1] for batch in work.batches for ids in batch)
    self._model = TorchModel(c.model, weights, longest).to(self._device)
    self._optimizer = torch.optim.Adam(
      self._model.parameters(),
      betas=(o.beta1, o.beta2),
      eps=o.epsilon,
      fused=True,
    )
    schedule = jax.vmap(learning_rate_schedule(c))
    self._rates = schedule(jax.numpy.arange(_SCHEDULED)).tolist()
    self._batches = [self._place(batch) for batch in work.batches]
    self._features: Callable[..., Any] = self._model
    self._loss: Callable[..., Any] = full_loss if variant else self._chunked
    if self._on_gpu:
      # Of one shape, or of as many as the batches have.
      shapes = {tuple(ids.shape for ids in batch) for batch in self._batches}
      dynamic = False if len(shapes) == 1 else None
      self._features = torch.compile(self._features, dynamic=dynamic)
      if variant:
        self._loss = torch.compile(self._loss, dynamic=dynamic)
      torch.cuda.reset_peak_memory_stats()
    self._done = 0

  def run(self, updates: int) -> float:
    loss = torch.zeros(())
    for batch in itertools.islice(itertools.cycle(self._batches), updates):
      loss = self._update(*batch)
    return float(loss)  # waits

  def device_peak(self) -> int | None:
    return torch.cuda.max_memory_allocated() if self._on_gpu else None

  def program_bytes(self) -> int | None:
    return None

  def _place(self, batch: Batch) -> tuple[torch.Tensor, ...]:
    """Source, decoder input and target, on the device from the beginning."""
    source_BS, target_BT = (torch.tensor(ids).long() for ids in batch)
    input_BT = F.pad(target_BT[:, :-1], (1, 0), value=self._bos_id)
    ids = (source_BS, input_BT, target_BT)
    return tuple(each.to(self._device) for each in ids)

  def _update(self, source_BS, input_BT, target_BT) -> torch.Tensor:
    for group in self._optimizer.param_groups:
      group['lr'] = self._rates[min(self._done, _SCHEDULED - 1)]
    with self._autocast():
      decoded_BTD = self._features(
        source_BS, input_BT, source_BS != self._pad_id
      )
    table_VD = self._model.embedding_VD.to(self._dtype)
    loss = self._loss(
      decoded_BTD.flatten(0, 1).to(self._dtype),
      table_VD,
      target_BT.flatten(),
      (target_BT != self._pad_id).flatten(),
      self._smoothing,
    )
    self._optimizer.zero_grad(set_to_none=True)
    loss.backward()
    self._optimizer.step()
    self._done += 1
    return loss.detach()

  def _autocast(self) -> contextlib.AbstractContextManager:
    if self._dtype == torch.float32:
      return contextlib.nullcontext()
    return torch.autocast(self._device, dtype=self._dtype)

  def _chunked(self, decoded_ND, table_VD, target_N, mask_N, smoothing):
    chunk = _GPU_CHUNK if self._on_gpu else _CPU_CHUNK
    return ChunkedLoss.apply(
      decoded_ND, table_VD, target_N, mask_N, smoothing, chunk
    )


class TorchModel(nn.Module):
  """Figure 1 up to the softmax, post-norm, one embedding for all."""

  def __init__(self, config: ModelConfig, weights: Weights, longest: int):
    super().__init__()
    self.embedding_VD = _parameter(weights.embedding_VD)
    self.encoder = nn.ModuleList(_Layer(config, w) for w in weights.encoder)
    self.decoder = nn.ModuleList(_Layer(config, w) for w in weights.decoder)
    self.dropout = _Dropout(config.dropout_rate)
    self.scale = math.sqrt(config.d_model)
    table_TD = torch.tensor(sinusoids(longest, config.d_model))
    self.register_buffer('positions_TD', table_TD, persistent=False)

  def forward(self, source_BS, input_BT, mask_BS):
    """Returns decoded_BTD; mask_BS is True where a source token stands."""
    # One look-up, so one gradient as large as the table, not two.
    ids = torch.cat([source_BS.flatten(), input_BT.flatten()])
    x_ND = F.embedding(ids, self.embedding_VD) * self.scale
    sides = x_ND.split([source_BS.numel(), input_BT.numel()])
    x_BSD, y_BTD = (
      self.dropout(
        side.view(*like.shape, -1) + self.positions_TD[: like.shape[1]]
      )
      for side, like in zip(sides, (source_BS, input_BT), strict=True)
    )
    mask_B11S = mask_BS[:, None, None, :]
    for layer in self.encoder:
      x_BSD = layer(x_BSD, mask_B11S, None, None)
    for layer in self.decoder:
      y_BTD = layer(y_BTD, None, x_BSD, mask_B11S)
    return y_BTD


class _Layer(nn.Module):
  def __init__(self, config: ModelConfig, weights: Layer):
    super().__init__()
    cross = weights.cross_attention
    self.own = _Attention(config, weights.self_attention, ('query',))
    self.cross = _Attention(config, cross, ()) if cross else None
    self.feed_forward = _FeedForward(config, weights.feed_forward)

  def forward(self, x_BTD, mask, encoded_BSD, encoded_mask):
    x_BTD = self.own(x_BTD, x_BTD, mask)
    if self.cross is not None:
      x_BTD = self.cross(x_BTD, encoded_BSD, encoded_mask)
    return self.feed_forward(x_BTD)


class _Attention(nn.Module):
  """With its residual connection. `together` names what is projected in the
  same product as keys and values; without a mask it is causal."""

  def __init__(
    self, config: ModelConfig, w: Attention, together: tuple[str, ...]
  ):
    super().__init__()
    names = (*together, 'key', 'value')
    arrays = [torch.tensor(getattr(w, name)) for name in names]
    self.joint = nn.Parameter(torch.cat(arrays))
    self.query = None if together else _parameter(w.query)
    self.out = _parameter(w.out)
    self.end = _End(config, w.norm)
    self.heads = config.num_heads

  def forward(self, x_BTD, read_BSD, mask):
    *query, k_BHSK, v_BHSU = self._heads(read_BSD, self.joint)
    [q_BHTK] = query or self._heads(x_BTD, self.query)
    heads_BHTU = F.scaled_dot_product_attention(
      q_BHTK, k_BHSK, v_BHSU, attn_mask=mask, is_causal=mask is None
    )
    heads_BTD = heads_BHTU.transpose(1, 2).flatten(2)
    return self.end(x_BTD, F.linear(heads_BTD, self.out))

  def _heads(self, x_BTD, matrix):
    """What `matrix` makes of x, as one (B, H, T, K) for each d_model rows."""
    y = F.linear(x_BTD, matrix)
    batch, length, width = x_BTD.shape
    y = y.view(batch, length, -1, self.heads, width // self.heads)
    return y.permute(2, 0, 3, 1, 4).unbind(0)


class _FeedForward(nn.Module):
  def __init__(self, config: ModelConfig, w: FeedForward):
    super().__init__()
    self.in_FD, self.in_bias_F = map(_parameter, (w.in_FD, w.in_bias_F))
    self.out_DF, self.out_bias_D = map(_parameter, (w.out_DF, w.out_bias_D))
    self.end = _End(config, w.norm)

  def forward(self, x_BTD):
    h_BTF = F.relu(F.linear(x_BTD, self.in_FD, self.in_bias_F))
    return self.end(x_BTD, F.linear(h_BTF, self.out_DF, self.out_bias_D))


class _End(nn.Module):
  """Dropout, the residual connection and the layer norm."""

  def __init__(self, config: ModelConfig, w: Norm):
    super().__init__()
    self.scale_D, self.bias_D = _parameter(w.scale_D), _parameter(w.bias_D)
    self.epsilon = config.layer_norm_epsilon
    self.dropout = _Dropout(config.dropout_rate)

  def forward(self, x_BTD, y_BTD):
    z_BTD = x_BTD + self.dropout(y_BTD)
    shape = self.scale_D.shape
    return F.layer_norm(z_BTD, shape, self.scale_D, self.bias_D, self.epsilon)


class _Dropout(nn.Module):
  """On a CPU of 16 random bits an element: torch draws 64, one thread."""

  def __init__(self, rate: float):
    super().__init__()
    self.rate = rate

  def forward(self, x):
    if not self.rate:
      return x
    if x.is_cuda:
      return F.dropout(x, self.rate)
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64)
    bits = words.random_(-(2**63), None).view(torch.int16)[: x.numel()]
    keep = bits.view(x.shape) >= round(self.rate * 2**16) - 2**15
    return x * (keep.to(x.dtype) * (1 / (1 - self.rate)))


def _parameter(array) -> nn.Parameter:
  return nn.Parameter(torch.tensor(array))
