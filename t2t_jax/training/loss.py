"""Label-smoothed cross-entropy that never holds all logits (section 5.4)."""

import functools
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp


class LossSums(NamedTuple):
  """Sums over real target tokens; divide once, by the global `tokens`."""

  loss: jax.Array  # smoothed: what is optimised
  nll: jax.Array  # unsmoothed; has no gradient
  tokens: jax.Array


def loss_sums(
  decoded_BTD,
  weights_VD,
  bias_V,
  target_ids_BT,
  mask_BT,
  *,
  vocab_size: int,
  label_smoothing: float,
  chunk: int,
) -> LossSums:
  """Cross-entropy of softmax(decoded weights^T + bias) with the targets.

  loss = -(1 - e) log p(y) - (e / V) sum_v log p(v), summed over the tokens:
  (1 - e) on the true token and e/V spread over all V, no constant subtracted
  (optax's convention). With Z the log-sum-exp of the logits z that is
  Z - (1 - e) z_y - (e / V) sum_v z_v.

  Args:
    decoded_BTD: the decoder's output.
    weights_VD: softmax weights; rows beyond `vocab_size` are padding.
    bias_V: as many biases, or None.
    target_ids_BT: true tokens.
    mask_BT: True where a token counts.
    vocab_size: V.
    label_smoothing: e.
    chunk: about how many positions have their logits in memory at a time.
  """
  decoded_BTD = nn.with_logical_constraint(
    decoded_BTD, ('loss_batch', 'act_length', 'act_embed')
  )
  loss, nll = _chunked(
    decoded_BTD,
    weights_VD,
    bias_V,
    target_ids_BT,
    mask_BT.astype(jnp.float32),
    vocab_size,
    label_smoothing,
    chunk,
  )
  return LossSums(loss, nll, mask_BT.sum(dtype=jnp.float32))


@functools.partial(jax.custom_vjp, nondiff_argnums=(5, 6, 7))
def _chunked(h_BTD, w_VD, b_V, y_BT, m_BT, vocab_size, smoothing, chunk):
  softmax = _softmax(w_VD, b_V, vocab_size, h_BTD.dtype)

  def add(sums, block):
    loss, nll, _ = _block(*block, softmax, smoothing)
    return (sums[0] + loss, sums[1] + nll), None

  zero = jnp.zeros((), jnp.float32)
  blocks = _blocks((h_BTD, y_BT, m_BT), chunk)
  return jax.lax.scan(add, (zero, zero), blocks)[0]


def _forward(h_BTD, w_VD, b_V, y_BT, m_BT, vocab_size, smoothing, chunk):
  """Makes the gradients together with the value: while a chunk's logits are
  there, so that they are neither kept nor made twice."""
  softmax = _softmax(w_VD, b_V, vocab_size, h_BTD.dtype)

  def add(sums, block):
    h_BCD = block[0]
    loss, nll, dz_BCV = _block(*block, softmax, smoothing)
    low_BCV = dz_BCV.astype(h_BCD.dtype)
    dh_BCD = jnp.einsum('BCV,VD->BCD', low_BCV, softmax.low_VD)
    # Not VD: CPUs would transpose the logits' gradients for that, not h.
    dw_DV = jnp.einsum(
      'BCD,BCV->DV', h_BCD, low_BCV, preferred_element_type=jnp.float32
    )
    db_V = None if b_V is None else dz_BCV.sum(axis=(0, 1))
    parts = (loss, nll, dw_DV, db_V)
    return jax.tree.map(jnp.add, sums, parts), dh_BCD

  zero = jnp.zeros((), jnp.float32)
  start = (
    zero,
    zero,
    jnp.zeros(w_VD.shape[::-1], jnp.float32),
    None if b_V is None else jnp.zeros(b_V.shape, jnp.float32),
  )
  blocks = _blocks((h_BTD, y_BT, m_BT), chunk)
  (loss, nll, dw_DV, db_V), dh = jax.lax.scan(add, start, blocks)
  dh_BTD = jnp.moveaxis(dh, 0, 1).reshape(dh.shape[1], -1, dh.shape[3])
  dh_BTD = dh_BTD[:, : h_BTD.shape[1]]
  # The barrier keeps the compiler from turning the product round again.
  dw_VD = jax.lax.optimization_barrier(dw_DV).T.astype(w_VD.dtype)
  db_V = None if b_V is None else db_V.astype(b_V.dtype)
  return (loss, nll), (dh_BTD, dw_VD, db_V)


def _backward(vocab_size, smoothing, chunk, gradients, cotangents):
  del vocab_size, smoothing, chunk
  dloss, _ = cotangents
  scaled = jax.tree.map(lambda g: g * dloss.astype(g.dtype), gradients)
  return *scaled, None, None


_chunked.defvjp(_forward, _backward)


class _Softmax(NamedTuple):
  """What all chunks need of the softmax's parameters, made once."""

  low_VD: jax.Array  # the weights in the dtype of the products
  bias_V: jax.Array | None
  padding_V: jax.Array  # added to logits: takes out the rows of padding
  share_V: jax.Array  # 1 / V, 0 in rows of padding
  mean_D: jax.Array  # mean weights and bias: with them the mean of a
  mean_bias: jax.Array | float  # position's logits need not be summed up


def _softmax(w_VD, b_V, vocab_size, dtype) -> _Softmax:
  is_entry_V = jnp.arange(w_VD.shape[0]) < vocab_size
  share_V = jnp.where(is_entry_V, 1 / vocab_size, 0.0)
  return _Softmax(
    low_VD=w_VD.astype(dtype),
    bias_V=b_V,
    padding_V=jnp.where(is_entry_V, 0.0, -1e30),
    share_V=share_V,
    mean_D=(w_VD * share_V[:, None]).sum(axis=0),
    mean_bias=0.0 if b_V is None else (b_V * share_V).sum(),
  )


def _block(h_BCD, y_BC, m_BC, softmax: _Softmax, smoothing):
  """Returns loss, nll (scalars) and d loss / d logits of C positions."""
  z_BCV = jnp.einsum(
    'BCD,VD->BCV', h_BCD, softmax.low_VD, preferred_element_type=jnp.float32
  )
  if softmax.bias_V is not None:
    z_BCV += softmax.bias_V
  z_BCV = nn.with_logical_constraint(
    z_BCV, ('loss_batch', 'act_length', 'loss_vocab')
  )
  lse_BC, p_BCV = _log_sum_exp(z_BCV, softmax.padding_V)
  is_true_BCV = jnp.arange(z_BCV.shape[-1]) == y_BC[..., None]
  z_y_BC = _true_logits(z_BCV, y_BC, is_true_BCV)
  h_BCD = h_BCD.astype(jnp.float32)
  mean_BC = jnp.einsum('BCD,D->BC', h_BCD, softmax.mean_D) + softmax.mean_bias
  nll_BC = lse_BC - z_y_BC
  loss_BC = lse_BC - (1 - smoothing) * z_y_BC - smoothing * mean_BC

  truth_BCV = jnp.where(is_true_BCV, 1 - smoothing, 0.0)
  spread_V = smoothing * softmax.share_V
  dz_BCV = (p_BCV - truth_BCV - spread_V) * m_BC[..., None]
  return (loss_BC * m_BC).sum(), (nll_BC * m_BC).sum(), dz_BCV


def _log_sum_exp(z_BCV, padding_V):
  """Returns log sum exp of the logits, and the probabilities (B, C, V)."""
  if _splits_vocabulary():
    return _in_two_passes(z_BCV, padding_V)
  return jax.lax.platform_dependent(
    z_BCV, padding_V, cuda=_in_one_pass, default=_in_two_passes
  )


def _in_two_passes(z_BCV, padding_V):
  top_BC1 = z_BCV.max(axis=-1, keepdims=True)
  e_BCV = jnp.exp(z_BCV - top_BC1 + padding_V)
  total_BC1 = e_BCV.sum(axis=-1, keepdims=True)
  return (jnp.log(total_BC1) + top_BC1)[..., 0], e_BCV / total_BC1


def _in_one_pass(z_BCV, padding_V):
  """Reads the logits once: pairs (m, s) that stand for s exp(m) are added up.

  Milakov & Gimelshein 2018. GPUs wait for memory here, not for exp.
  """

  def add(one, other):
    top = jnp.maximum(one[0], other[0])
    parts = (s * jnp.exp(m - top) for m, s in (one, other))
    return top, sum(parts)

  z_BCV += padding_V
  top_BC, total_BC = jax.lax.reduce(
    (z_BCV, jnp.ones_like(z_BCV)),
    (jnp.float32(-1e30), jnp.float32(0)),
    add,
    (z_BCV.ndim - 1,),
  )
  lse_BC = jnp.log(total_BC) + top_BC
  return lse_BC, jnp.exp(z_BCV - lse_BC[..., None])


def _true_logits(z_BCV, y_BC, is_true_BCV):
  """The logits of the true tokens, looked up; but as a sum where devices
  split the vocabulary: for a look-up they would exchange all the logits."""
  if _splits_vocabulary():
    return jnp.where(is_true_BCV, z_BCV, 0).sum(axis=-1)
  return jnp.take_along_axis(z_BCV, y_BC[..., None], axis=-1)[..., 0]


def _splits_vocabulary() -> bool:
  sizes = jax.sharding.get_abstract_mesh().shape
  return sizes.get('fsdp', 1) * sizes.get('tensor', 1) > 1


def _blocks(arrays, chunk: int):
  """Cuts (B, T, ...) into (blocks, B, C, ...) along T: B stays sharded."""
  batch, length = arrays[0].shape[:2]
  blocks = -(-length // max(1, chunk // batch))
  width = -(-length // blocks)

  def cut(x):
    pad = [(0, 0), (0, blocks * width - length)] + [(0, 0)] * (x.ndim - 2)
    x = jnp.pad(x, pad).reshape(batch, blocks, width, *x.shape[2:])
    return jnp.moveaxis(x, 1, 0)

  return tuple(cut(x) for x in arrays)
