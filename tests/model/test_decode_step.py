"""Cached decoding, one step at a time, against the full forward pass.

The full pass is the float64 numpy model, on each beam's whole history; so
cache, ancestors and positions are checked against code that has none of them.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy_transformer import forward
from variants import (
  BOS_ID,
  PAD_ID,
  PAPER,
  VARIANTS,
  build,
  quick_jit,
  random_ids,
  random_parameters,
)

ROWS, BEAMS, STEPS, VOCAB_SIZE = 2, 3, 6, 11


def source_ids():
  source_ids_BS = random_ids(ROWS, 5, vocab_size=9, seed=1)
  source_ids_BS[0, 3:] = PAD_ID
  return source_ids_BS


def random_search(keep_places=False):
  """A beam search in which chance chooses parents and tokens.

  Returns:
    histories[t][b][w], the tokens of beam w after step t; their newest
    tokens_NBW; and ancestors_NBWT as `decode_step` takes them (N steps).
  """
  rng = np.random.default_rng(2)
  histories, tokens, ancestors = [], [], []
  for t in range(STEPS):
    new = [[None] * BEAMS for _ in range(ROWS)]
    # Entries beyond t must not be read: they name random slots.
    slots_BWT = rng.integers(0, BEAMS, size=(ROWS, BEAMS, STEPS))
    for b in range(ROWS):
      for w in range(BEAMS):
        parent = w if keep_places else rng.integers(BEAMS)
        past = histories[-1][b][parent] if t else []
        token = rng.integers(2, VOCAB_SIZE) if t else BOS_ID
        new[b][w] = [*past, int(token)]
        if t:
          slots_BWT[b, w, :t] = ancestors[-1][b, parent, :t]
        slots_BWT[b, w, t] = w
    histories.append(new)
    tokens.append([[beam[-1] for beam in row] for row in new])
    ancestors.append(slots_BWT)
  return histories, np.array(tokens, np.int32), np.array(ancestors, np.int32)


def decode(model, params, source_ids_BS, tokens_NBW, ancestors_NBWT):
  """Returns logits_NBWV of all steps, in one compiled scan."""
  apply = functools.partial(model.apply, {'params': params})
  mask_BS = apply(source_ids_BS, method='source_mask')
  cache = apply(
    apply(source_ids_BS, method='encode'),
    mask_BS,
    beam_size=BEAMS,
    max_length=STEPS,
    method='init_cache',
  )

  def step(cache, inputs):
    tokens_BW, position, ancestors_BWT = inputs
    logits_BWV, cache = apply(
      tokens_BW, position, ancestors_BWT, cache, method='decode_step'
    )
    return cache, logits_BWV

  inputs = tokens_NBW, jnp.arange(STEPS), ancestors_NBWT
  return jax.lax.scan(step, cache, inputs)[1]


def check_against_replay(config, keep_places=False, rtol=1e-5, atol=2e-5):
  model = build(config)
  params = random_parameters(model)
  histories, tokens_NBW, ancestors_NBWT = random_search(keep_places)
  logits_NBWV = jax.device_get(
    quick_jit(functools.partial(decode, model))(
      params, source_ids(), tokens_NBW, ancestors_NBWT
    )
  )
  assert logits_NBWV.dtype == jnp.float32
  params = jax.tree.map(lambda leaf: leaf.astype(np.float64), params)
  for t in range(STEPS):
    for w in range(BEAMS):
      history_BT = np.array([row[w] for row in histories[t]])
      expected_BTV = forward(params, config, source_ids(), history_BT, PAD_ID)
      np.testing.assert_allclose(
        logits_NBWV[t, :, w],
        expected_BTV[:, -1, :VOCAB_SIZE],
        rtol=rtol,
        atol=atol,
        err_msg=f'step {t}, beam {w}',
      )


@pytest.mark.parametrize('name', VARIANTS)
def test_beams_that_change_places_equal_the_full_forward(name):
  check_against_replay(VARIANTS[name])


def test_beams_that_keep_their_places_equal_the_full_forward():
  check_against_replay(VARIANTS['paper'], keep_places=True)


def test_bfloat16_steps_are_close_to_the_full_forward():
  config = dataclasses.replace(PAPER, compute_dtype='bfloat16')
  # bfloat16 keeps 8 bits; the logits' standard deviation is 2.
  check_against_replay(config, rtol=0, atol=0.1)


def test_cross_attention_is_cached_once_a_sentence():
  model = build(VARIANTS['d_k_and_d_v_apart'])
  encoded_BSD = jnp.zeros((ROWS, 5, model.config.d_model))
  cache = model.apply(
    {'params': random_parameters(model)},
    encoded_BSD,
    jnp.ones((ROWS, 5), bool),
    beam_size=BEAMS,
    max_length=STEPS,
    method='init_cache',
  )
  assert jax.tree.map(jnp.shape, cache) == {
    'source_mask_BS': (ROWS, 5),
    'softmax_VD': (VOCAB_SIZE, model.config.d_model),
    'layers': [
      {
        'cross': {'keys_BHKS': (ROWS, 2, 3, 5), 'values_BHSU': (ROWS, 2, 5, 5)},
        'self': {
          'keys_BHKX': (ROWS, 2, 3, STEPS * BEAMS),
          'values_BHXU': (ROWS, 2, STEPS * BEAMS, 5),
        },
      }
    ],
  }
