"""What a position may depend on, and that padding changes nothing."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from variants import (
  BOS_ID,
  PAD_ID,
  VARIANTS,
  build,
  quick_jit,
  random_ids,
  random_parameters,
)

NAMES = ['paper', 'pre_relative_untied_biased', 'pre_learned_gelu_deep_decoder']
SOURCE_LENGTH, TARGET_LENGTH = 5, 6


@functools.cache
def influences(name):
  """How each logit position depends on each embedded input position.

  Returns:
    |d logits[t] / d source[s]| and |d logits[t] / d target[u]|, each the
    largest over channels and vocabulary, and |d encoded[t] / d source[s]|.
    Source position 3 is PAD.
  """
  model = build(VARIANTS[name])
  width = model.config.d_model
  rng = np.random.default_rng(0)
  x_SD = rng.normal(size=(SOURCE_LENGTH, width)).astype(np.float32)
  x_TD = rng.normal(size=(TARGET_LENGTH, width)).astype(np.float32)
  mask_BS = jnp.array([[True, True, True, False, True]])

  def run(module, x_SD, x_TD):
    encoded_BSD = module.encoder(x_SD[None], mask_BS, deterministic=True)
    decoded_BTD = module.decoder(
      x_TD[None], encoded_BSD, mask_BS, deterministic=True
    )
    return module.logits(decoded_BTD)[0], encoded_BSD[0]

  def jacobians(params):
    apply = functools.partial(model.apply, {'params': params}, method=run)
    return jax.jacrev(apply, argnums=(0, 1))(x_SD, x_TD)

  (to_source, to_target), (encoded, _) = jax.device_get(
    quick_jit(jacobians)(random_parameters(model))
  )
  return [np.abs(j).max(axis=(1, 3)) for j in (to_source, to_target, encoded)]


@pytest.mark.parametrize('name', NAMES)
def test_no_logit_has_a_gradient_from_a_later_position(name):
  _, to_target_TT, _ = influences(name)
  later = np.triu(np.ones_like(to_target_TT, bool), k=1)
  assert (to_target_TT[later] == 0).all()
  assert (to_target_TT[~later] > 1e-6).all()


@pytest.mark.parametrize('name', NAMES)
def test_every_source_token_is_seen_and_no_padding(name):
  to_source_TS, _, encoded_SS = influences(name)
  tokens = [0, 1, 2, 4]
  assert (to_source_TS[:, tokens] > 1e-6).all()
  assert (to_source_TS[:, 3] == 0).all()
  assert (encoded_SS[np.ix_(tokens, tokens)] > 1e-6).all()
  assert (encoded_SS[tokens, 3] == 0).all()


@functools.cache
def jitted(name):
  model = build(VARIANTS[name])
  params = random_parameters(model)
  return functools.partial(quick_jit(model.apply), {'params': params})


@pytest.mark.parametrize('name', NAMES)
def test_later_tokens_change_no_earlier_logit(name):
  apply = jitted(name)
  source_ids_BS = random_ids(1, SOURCE_LENGTH, vocab_size=9)
  ids_BT = random_ids(1, TARGET_LENGTH)
  logits_TV = np.asarray(apply(source_ids_BS, ids_BT)[0])
  for t in range(1, TARGET_LENGTH):
    changed_BT = ids_BT.copy()
    changed_BT[:, t:] = (changed_BT[:, t:] + 3) % 9 + 2
    changed_TV = np.asarray(apply(source_ids_BS, changed_BT)[0])
    np.testing.assert_array_equal(changed_TV[:t], logits_TV[:t])
    assert np.abs(changed_TV[t] - logits_TV[t]).max() > 1e-3


@pytest.mark.parametrize('name', NAMES)
def test_longer_padding_changes_no_logit(name):
  apply = jitted(name)
  source_ids_BS = random_ids(2, SOURCE_LENGTH, vocab_size=9)
  source_ids_BS[0, 3:] = PAD_ID
  ids_BT = random_ids(2, TARGET_LENGTH)
  ids_BT[:, 0] = BOS_ID
  ids_BT[0, 4:] = PAD_ID
  logits_BTV = np.asarray(apply(source_ids_BS, ids_BT))

  longer = [
    np.pad(ids, ((0, 0), (0, 7)), constant_values=PAD_ID)
    for ids in (source_ids_BS, ids_BT)
  ]
  longer_BTV = np.asarray(apply(*longer))[:, :TARGET_LENGTH]
  np.testing.assert_allclose(longer_BTV, logits_BTV, rtol=1e-5, atol=1e-5)

  alone_BTV = apply(source_ids_BS[:1, :3], ids_BT[:1, :4])
  np.testing.assert_allclose(
    alone_BTV[0], logits_BTV[0, :4], rtol=1e-5, atol=1e-5
  )
