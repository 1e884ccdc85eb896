"""Attention against jax.nn's, numpy's, and what a masked row must give."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpy_transformer
import pytest
from variants import (
  PAD_ID,
  PAPER,
  build,
  quick_jit,
  random_ids,
  random_parameters,
)

from t2t_jax.errors import UsageError
from t2t_jax.model.attention import (
  dot_product_attention,
  fused_attention,
  make_mask,
)


def queries_keys_values(d_k=4, d_v=4, dtype=jnp.float32):
  """Two rows, 5 queries, 6 keys, 3 heads; float32 unless said otherwise."""
  rng = np.random.default_rng(0)
  shapes = (2, 5, 3, d_k), (2, 6, 3, d_k), (2, 6, 3, d_v)
  return [jnp.asarray(rng.normal(size=s), dtype) for s in shapes]


def random_mask():
  """Bool (B, H, T, S) with at least one key for each query."""
  mask = np.random.default_rng(1).random((2, 3, 5, 6)) < 0.5
  mask[..., 0] = True
  return jnp.asarray(mask)


@pytest.mark.parametrize('masked', [False, True])
def test_reference_is_jax_nns(masked):
  q_BTHK, k_BSHK, v_BSHU = queries_keys_values()
  mask = random_mask() if masked else None
  np.testing.assert_allclose(
    dot_product_attention(q_BTHK, k_BSHK, v_BSHU, mask),
    jax.nn.dot_product_attention(q_BTHK, k_BSHK, v_BSHU, mask=mask),
    atol=1e-6,
  )


def test_reference_in_bfloat16_is_jax_nns():
  q_BTHK, k_BSHK, v_BSHU = queries_keys_values(dtype=jnp.bfloat16)
  heads_BTHU = dot_product_attention(q_BTHK, k_BSHK, v_BSHU, random_mask())
  assert heads_BTHU.dtype == jnp.bfloat16
  expected_BTHU = jax.nn.dot_product_attention(
    q_BTHK, k_BSHK, v_BSHU, mask=random_mask()
  )
  np.testing.assert_allclose(
    heads_BTHU.astype(jnp.float32),
    expected_BTHU.astype(jnp.float32),
    atol=0.02,
  )


def test_reference_is_equation_1_with_d_v_apart_from_d_k():
  q_BTHK, k_BSHK, v_BSHU = queries_keys_values(d_k=3, d_v=7)
  mask = random_mask()
  heads_BTHU = dot_product_attention(q_BTHK, k_BSHK, v_BSHU, mask)
  assert heads_BTHU.shape == (2, 5, 3, 7)
  for b in range(2):
    for h in range(3):
      expected_TU = numpy_transformer.attention(
        *(np.asarray(x[b, :, h], np.float64) for x in (q_BTHK, k_BSHK)),
        np.asarray(v_BSHU[b, :, h], np.float64),
        np.asarray(mask[b, h]),
      )
      np.testing.assert_allclose(heads_BTHU[b, :, h], expected_TU, atol=1e-6)


def test_make_mask_joins_padding_and_causality():
  key_mask_BS = jnp.array([[True, True, False], [True, True, True]])
  assert make_mask(3, None, is_causal=False) is None
  np.testing.assert_array_equal(
    make_mask(3, None, is_causal=True), [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
  )
  np.testing.assert_array_equal(
    make_mask(3, key_mask_BS, is_causal=False)[:, 0],
    [[[1, 1, 0]], [[1, 1, 1]]],
  )
  np.testing.assert_array_equal(
    make_mask(3, key_mask_BS, is_causal=True)[:, 0],
    [[[1, 0, 0], [1, 1, 0], [1, 1, 0]], [[1, 0, 0], [1, 1, 0], [1, 1, 1]]],
  )


def reference_heads(q_BTHK, k_BSHK, v_BSHU, key_mask_BS):
  mask = make_mask(q_BTHK.shape[1], key_mask_BS, is_causal=False)
  return dot_product_attention(q_BTHK, k_BSHK, v_BSHU, mask)


def xla_heads(q_BTHK, k_BSHK, v_BSHU, key_mask_BS):
  return fused_attention(q_BTHK, k_BSHK, v_BSHU, key_mask_BS, False, 'xla')


@pytest.mark.parametrize('attend', [reference_heads, xla_heads])
def test_fully_masked_row_is_the_mean_of_the_values(attend):
  q_BTHK, k_BSHK, v_BSHU = queries_keys_values()
  key_mask_BS = jnp.array([[False] * 6, [True] * 6])

  def total(q_BTHK, k_BSHK, v_BSHU):
    heads_BTHU = attend(q_BTHK, k_BSHK, v_BSHU, key_mask_BS)
    return (heads_BTHU**2).sum(), heads_BTHU

  gradients, heads_BTHU = quick_jit(jax.grad(total, (0, 1, 2), has_aux=True))(
    q_BTHK, k_BSHK, v_BSHU
  )
  expected_HU = v_BSHU[0].mean(axis=0)
  for t in range(5):
    np.testing.assert_allclose(heads_BTHU[0, t], expected_HU, atol=1e-6)
  for gradient in gradients:
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize('compute_dtype', ['float32', 'bfloat16'])
def test_a_pair_of_padding_alone_stays_finite_in_the_model(compute_dtype):
  config = dataclasses.replace(PAPER, compute_dtype=compute_dtype)
  model = build(config)
  source_ids_BS = random_ids(2, 4)
  source_ids_BS[1] = PAD_ID
  ids_BT = random_ids(2, 3)
  ids_BT[1] = PAD_ID

  def total(params):
    logits_BTV = model.apply({'params': params}, source_ids_BS, ids_BT)
    return (logits_BTV**2).sum()

  values = quick_jit(jax.value_and_grad(total))(random_parameters(model))
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(values))


def test_reference_and_xla_are_the_same_model():
  source_ids_BS = random_ids(2, 6)
  source_ids_BS[0, 3:] = PAD_ID
  ids_BT = random_ids(2, 5, seed=1)
  models = [
    build(dataclasses.replace(PAPER, attention_impl=impl))
    for impl in ('reference', 'xla')
  ]
  params = random_parameters(models[0])
  logits = [
    quick_jit(model.apply)({'params': params}, source_ids_BS, ids_BT)
    for model in models
  ]
  np.testing.assert_allclose(*logits, rtol=1e-5, atol=1e-5)


def test_cudnn_in_float32_is_refused():
  model = build(dataclasses.replace(PAPER, attention_impl='cudnn'))
  ids = jnp.asarray(random_ids(1, 4))
  message = (
    "attention_impl: 'cudnn' needs compute_dtype = bfloat16, found float32"
  )
  with pytest.raises(UsageError, match=message):
    model.apply({'params': random_parameters(model)}, ids, ids)


@pytest.mark.parametrize('is_causal', [False, True])
def test_the_lengths_that_cudnn_is_given_are_the_mask(is_causal, monkeypatch):
  """Computed here by XLA, which takes lengths too; also within jax.vmap, as
  copies of the model are, where cuDNN wants each argument of each copy."""
  attention = jax.nn.dot_product_attention
  seen = []

  def elsewhere(*arrays, implementation, **options):
    seen.append((implementation, options))
    return attention(*arrays, implementation='xla', **options)

  monkeypatch.setattr(jax.nn, 'dot_product_attention', elsewhere)
  q_BTHK, k_BSHK, v_BSHU = (
    x[:, :5].astype(jnp.bfloat16) for x in queries_keys_values()
  )
  key_mask_BS = jnp.arange(5) < jnp.array([[3], [5]])

  def attend(*arrays):
    return fused_attention(*arrays, is_causal, 'cudnn')

  heads_BTHU = attend(q_BTHK, k_BSHK, v_BSHU, key_mask_BS)
  mask = make_mask(5, key_mask_BS, is_causal)
  expected = dot_product_attention(
    *(x.astype(jnp.float32) for x in (q_BTHK, k_BSHK, v_BSHU)), mask
  )
  np.testing.assert_allclose(
    heads_BTHU.astype(jnp.float32), expected, atol=0.03
  )
  copies = [
    jnp.stack([x, x[::-1]]) for x in (q_BTHK, k_BSHK, v_BSHU, key_mask_BS)
  ]
  of_copies = jax.vmap(attend)(*copies)
  np.testing.assert_array_equal(of_copies[0], heads_BTHU)
  np.testing.assert_array_equal(of_copies[1], heads_BTHU[::-1])
  assert [implementation for implementation, _ in seen] == ['cudnn'] * 2
  for name in ('query_seq_lengths', 'key_value_seq_lengths'):
    assert type(seen[1][1][name]).__name__ == 'BatchTracer'


def test_cudnn_is_never_given_a_row_without_keys(monkeypatch):
  lengths = []

  def record(q, *_, key_value_seq_lengths, **options):
    lengths.append(key_value_seq_lengths)
    return q

  monkeypatch.setattr(jax.nn, 'dot_product_attention', record)
  x = jnp.zeros((2, 3, 1, 8), jnp.bfloat16)
  key_mask_BS = jnp.array([[False] * 3, [True, True, False]])
  fused_attention(x, x, x, key_mask_BS, False, 'cudnn')
  np.testing.assert_array_equal(lengths[0], [1, 2])
