"""Beam search in PyTorch: what a careful user of it would write.

The cache is append-only and never reordered (each hypothesis knows the slots
of its ancestors), beams are folded into the query axis, the vocabulary's best
are found in two stages and no log-softmax of the vocabulary is written down.
"""

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.peers.decoders import Output, Settings, compute_dtype, on_gpu
from benchmarks.peers.torch_transformer import TorchTransformer
from benchmarks.sentences import Sentences, equal_length_groups
from benchmarks.sizes import BOS_ID, EOS_ID, PAD_ID
from t2t_jax.data.workers import usable_cpus


class TorchDecoder:
  """Decodes batches of sentences of equal length: no padding anywhere.

  On a GPU the step has one shape for all positions and is compiled, as its
  small kernels cost less than their launches; on a CPU eager steps that read
  only the filled part of the cache are faster.
  """

  def __init__(self, settings: Settings):
    if not on_gpu():
      torch.set_num_threads(usable_cpus())
    self.dtype = compute_dtype()
    self._torch_dtype = getattr(torch, self.dtype)
    self._device = 'cuda' if on_gpu() else 'cpu'
    self._beam_size = settings.beam_size
    self._batch_tokens = settings.batch_tokens
    self._model = TorchTransformer(
      settings.model,
      settings.params,
      settings.longest,
      self._device,
      self._torch_dtype,
    )
    self._step = self._model.step
    if on_gpu():
      self._step = torch.compile(self._step, dynamic=False)

  def job(self, sentences: Sentences) -> Callable[[], list[np.ndarray]]:
    batches = self._batches(sentences)

    def run() -> list[np.ndarray]:
      outputs = [np.zeros(0, np.int64)] * len(sentences)
      for indices, ids_BT, _ in self._decode(batches):
        for index, ids_T in zip(indices, ids_BT.cpu().numpy(), strict=True):
          outputs[index] = ids_T
      return outputs

    return run

  def outputs(self, sentences: Sentences) -> list[Output]:
    outputs = {}
    for indices, ids_BT, log_probs_B in self._decode(self._batches(sentences)):
      for index, ids, log_prob in zip(
        indices, ids_BT.tolist(), log_probs_B.tolist(), strict=True
      ):
        outputs[index] = Output(tuple(ids), log_prob)
    return [outputs[index] for index in range(len(sentences))]

  def _batches(
    self, sentences: Sentences
  ) -> list[tuple[list[int], torch.Tensor]]:
    batches = []
    for group in equal_length_groups(sentences):
      row_tokens = len(sentences[group[0]]) * self._beam_size
      rows = max(1, self._batch_tokens // row_tokens)
      for start in range(0, len(group), rows):
        indices = group[start : start + rows]
        ids_BS = torch.tensor([sentences[i] for i in indices])
        batches.append((indices, ids_BS.to(self._device)))
    return batches

  def _decode(self, batches):
    # A list, so that a GPU gets its work before any result is read.
    return [
      (indices, *self._search(source_ids_BS))
      for indices, source_ids_BS in batches
    ]

  @torch.inference_mode()
  def _search(self, source_ids_BS: torch.Tensor):
    """Returns ids_BT and log_probs_B of the best of each sentence."""
    batch, length = source_ids_BS.shape
    width, device = self._beam_size, source_ids_BS.device
    cross = self._model.cross_keys_values(self._model.encode(source_ids_BS))
    cache = self._model.empty_cache(batch, length * width)
    own_W = torch.arange(width, device=device)
    positions_T = torch.arange(length, device=device)
    ids_BW = torch.full((batch, width), BOS_ID, device=device)
    log_probs_BW = torch.full((batch, width), -torch.inf, device=device)
    log_probs_BW[:, 0] = 0
    tokens_BWT = torch.full((batch, width, length), EOS_ID, device=device)
    # No slot has this number: nothing is attended to before it is written.
    ancestors_BWT = torch.full((batch, width, length), width, device=device)
    for position in range(length):
      ancestors_BWT[:, :, position] = own_W
      logits_BWV = self._step(
        ids_BW,
        positions_T[position : position + 1],
        position * width + own_W,
        self._mask_B1WC(ancestors_BWT, position, own_W),
        cache,
        cross,
      )
      total_BW = logits_BWV.logsumexp(-1)
      if position + 1 == length:
        log_probs_BW = log_probs_BW + logits_BWV[..., EOS_ID] - total_BW
        break
      for banned in (PAD_ID, BOS_ID, EOS_ID):
        logits_BWV[..., banned] = -torch.inf
      best_BWK, ids_BWK = best_entries(logits_BWV, width)
      totals_BWK = (log_probs_BW - total_BW)[..., None] + best_BWK
      log_probs_BW, pick_BW = totals_BWK.flatten(1).topk(width)
      parent_BWT = (pick_BW // ids_BWK.shape[-1])[..., None].expand(
        -1, -1, length
      )
      ids_BW = ids_BWK.flatten(1).gather(1, pick_BW)
      tokens_BWT = tokens_BWT.gather(1, parent_BWT)
      ancestors_BWT = ancestors_BWT.gather(1, parent_BWT)
      tokens_BWT[:, :, position] = ids_BW
    log_probs_B, best_B = log_probs_BW.max(1)
    rows_B = torch.arange(batch, device=device)
    return tokens_BWT[rows_B, best_B], log_probs_B

  def _mask_B1WC(self, ancestors_BWT, position: int, own_W):
    """0 where the slot is an ancestor of the beam, else -inf."""
    read = ancestors_BWT.shape[-1] if on_gpu() else position + 1
    mine_BWTC = ancestors_BWT[:, :, :read, None] == own_W
    mask_BWC = torch.zeros(
      mine_BWTC.shape, dtype=self._torch_dtype, device=own_W.device
    ).masked_fill_(~mine_BWTC, -torch.inf)
    return mask_BWC.flatten(2)[:, None]


def best_entries(x_BWV: torch.Tensor, count: int, block: int = 64):
  """Returns the best `count` values of each row and where they stand.

  The `count` blocks with the best maxima hold them all; so one cheap pass over
  the vocabulary, and a top-k over a few blocks.
  """
  blocks = x_BWV.shape[-1] // block
  if blocks <= count:
    return x_BWV.topk(count)
  shape = x_BWV.shape[:-1]
  body = x_BWV[..., : blocks * block].unflatten(-1, (blocks, block))
  chosen = body.amax(-1).topk(count).indices
  values = body.gather(-2, chosen[..., None].expand(*shape, count, block))
  columns = chosen[..., None] * block + torch.arange(block, device=x_BWV.device)
  values, columns = values.flatten(-2), columns.flatten(-2)
  rest = torch.arange(
    blocks * block, x_BWV.shape[-1], device=x_BWV.device
  ).expand(*shape, -1)
  values = torch.cat([values, x_BWV[..., blocks * block :]], -1)
  columns = torch.cat([columns, rest], -1)
  values, at = values.topk(count)
  return values, columns.gather(-1, at)
