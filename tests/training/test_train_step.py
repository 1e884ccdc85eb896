"""One update: its gradient, its sums, and that no split changes them."""

import dataclasses

import jax
import numpy as np
import optax
import pytest
from tiny_run import make_config

from t2t_jax.config import MeshConfig
from t2t_jax.data.batching import Batch
from t2t_jax.model.transformer import Transformer, shift_right
from t2t_jax.parallel.arrays import (
  create_arrays,
  place_microbatches,
  split_rows,
)
from t2t_jax.parallel.mesh import create_mesh, use_mesh
from t2t_jax.training.train_state import build_state
from t2t_jax.training.train_step import make_eval_step, make_train_step

PAD_ID, BOS_ID, EOS_ID, VOCAB = 0, 1, 2, 13


@pytest.fixture(autouse=True)
def _quick_compiles():
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', False)


def random_batch(seed, rows=16):
  """Returns ids of both sides; the first rows are much shorter."""
  rng = np.random.default_rng(seed)
  sides = []
  for length in (7, 6):
    ids = np.full((rows, length), PAD_ID, np.int32)
    for row in range(rows):
      tokens = 1 + (length - 2) * row // rows
      ids[row, :tokens] = rng.integers(4, VOCAB, size=tokens)
      ids[row, tokens] = EOS_ID
    sides.append(ids)
  return sides


def model_of(config):
  return Transformer(
    config.model,
    source_vocab_size=VOCAB,
    target_vocab_size=VOCAB,
    pad_id=PAD_ID,
  )


def first_state(config, mesh):
  return create_arrays(lambda: build_state(config, model_of(config)), mesh)


def place(batch, mesh, microbatches):
  return place_microbatches(Batch(*batch), microbatches, mesh, PAD_ID)


def advance(config, batches, microbatches=1, sizes=(1, 1, 1)):
  """Returns state and metrics after each batch, the first state included."""
  mesh = create_mesh(MeshConfig(*sizes), jax.devices()[: np.prod(sizes)])
  with use_mesh(mesh):
    step = make_train_step(config, model_of(config), BOS_ID, mesh)
    state = first_state(config, mesh)
    states, metrics = [jax.tree.map(np.array, state)], []
    for batch in batches:
      state, figures = step(state, *place(batch, mesh, microbatches))
      states.append(jax.tree.map(np.array, state))
      metrics.append(jax.tree.map(float, figures))
  return states, metrics


def assert_close(one, other, tolerance):
  jax.tree.map(
    lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=tolerance),
    one,
    other,
  )


BATCHES = [random_batch(1), random_batch(2)]


@pytest.fixture(scope='module')
def config(tmp_path_factory):
  return make_config(tmp_path_factory.mktemp('text'))


@pytest.fixture(scope='module')
def plain_config(tmp_path_factory):
  directory = tmp_path_factory.mktemp('text')
  return make_config(directory, model__dropout_rate=0.0)


def smoothed_loss(model, params, batch):
  """The mean loss a real target token, from all logits, by optax."""
  source_ids, target_ids = batch
  logits = model.apply(
    {'params': params}, source_ids, shift_right(target_ids, BOS_ID)
  )
  q = optax.smooth_labels(jax.nn.one_hot(target_ids, VOCAB), 0.1)
  real = target_ids != PAD_ID
  loss = optax.softmax_cross_entropy(logits, q)
  return (loss * real).sum() / real.sum()


def test_gradient_is_the_numerical_one(plain_config):
  states, metrics = advance(plain_config, BATCHES[:1], microbatches=2)
  # Adam's first moment after one update is a tenth of the gradient.
  [adam] = [s for s in states[1].opt_state if hasattr(s, 'mu')]
  gradient = jax.tree.map(lambda m: m / (1 - 0.9), adam.mu)
  params, model = states[0].params, model_of(plain_config)
  loss = jax.jit(lambda params: smoothed_loss(model, params, BATCHES[0]))
  tokens = (BATCHES[0][1] != PAD_ID).sum()
  assert metrics[0].sums.tokens == tokens
  assert metrics[0].sums.loss / tokens == pytest.approx(
    float(loss(params)), rel=1e-5
  )
  squares = sum(
    (g.astype(np.float64) ** 2).sum() for g in jax.tree.leaves(gradient)
  )
  assert metrics[0].gradient_norm == pytest.approx(squares**0.5, rel=1e-5)
  # Up each array's own gradient, whose slope is its length.
  leaves, structure = jax.tree.flatten(params)
  for number, g in enumerate(jax.tree.leaves(gradient)):
    length = np.linalg.norm(g)
    way = 3e-3 * g / length

    def shifted(sign, number=number, way=way):
      moved = leaves[number] + sign * way
      changed = [*leaves[:number], moved, *leaves[number + 1 :]]
      return float(loss(structure.unflatten(changed)))

    slope = (shifted(1) - shifted(-1)) / 6e-3
    assert slope == pytest.approx(length, rel=0.01, abs=1e-3)


def test_accumulated_microbatches_are_one_large_batch(plain_config):
  whole, whole_metrics = advance(plain_config, BATCHES, 1)
  parts, parts_metrics = advance(plain_config, BATCHES, 4)
  tokens = [
    (part != PAD_ID).sum() for part in split_rows(BATCHES[0][1], 4, 1, PAD_ID)
  ]
  # Else equal weights for microbatches would pass as well.
  assert max(tokens) > 2 * min(tokens)
  for one, other in zip(whole, parts, strict=True):
    assert_close(one.params, other.params, 1e-6)
  for one, other in zip(whole_metrics, parts_metrics, strict=True):
    np.testing.assert_allclose(
      jax.tree.leaves(one), jax.tree.leaves(other), rtol=1e-5
    )


@pytest.fixture(scope='module')
def one_device(config):
  jax.config.update('jax_disable_most_optimizations', True)
  return advance(config, BATCHES, 2)


@pytest.mark.parametrize(
  'sizes',
  [
    (8, 1, 1),
    (2, 2, 2),
    (1, 8, 1),
    pytest.param((1, 1, 2), marks=pytest.mark.slow),
    pytest.param((1, 4, 2), marks=pytest.mark.slow),
  ],
)
def test_a_mesh_changes_nothing(config, one_device, sizes):
  # With dropout: its keys are the same on every mesh.
  states, metrics = advance(config, BATCHES, 2, sizes)
  assert_close(one_device[0][0].params, states[0].params, 0)
  assert_close(one_device[0][-1].params, states[-1].params, 1e-5)
  for one, other in zip(one_device[1], metrics, strict=True):
    np.testing.assert_allclose(
      jax.tree.leaves(one), jax.tree.leaves(other), rtol=1e-4
    )


# Together every part of a model that a config can choose but attention's
# biases: those of the keys have a gradient of rounding alone, which Adam makes
# as large as any other.
_MODELS = {
  'pre_relative_untied_biased': {
    'norm_position': 'pre',
    'positions': 'relative',
    'activation': 'swish',
    'softmax_bias': True,
    'tie_source_target': False,
    'tie_softmax': False,
    'd_k': 3,
    'd_v': 5,
  },
  'learned_gelu_drops_everywhere': {
    'positions': 'learned',
    'activation': 'gelu',
    'attention_dropout_rate': 0.1,
    'activation_dropout_rate': 0.1,
  },
  'looped_and_made_again': {
    'num_encoder_layers': 2,
    'num_decoder_layers': 3,
    'scan_layers': True,
    'remat': 'full',
  },
  'decoder_alone': {'num_encoder_layers': 0},
}


@pytest.mark.slow
@pytest.mark.parametrize('name', _MODELS)
def test_any_model_may_be_split(config, name):
  config = dataclasses.replace(
    config, model=dataclasses.replace(config.model, **_MODELS[name])
  )
  states, metrics = advance(config, BATCHES, 2)
  others, other_metrics = advance(config, BATCHES, 2, (2, 2, 2))
  assert_close(states[0].params, others[0].params, 0)
  assert_close(states[-1].params, others[-1].params, 1e-5)
  for one, other in zip(metrics, other_metrics, strict=True):
    np.testing.assert_allclose(
      jax.tree.leaves(one), jax.tree.leaves(other), rtol=1e-4
    )


def test_dropout_differs_between_steps_and_microbatches(tmp_path):
  config = make_config(
    tmp_path,
    model__dropout_rate=0.5,
    # The parameters must stay where they are.
    optimizer__peak_learning_rate=1e-30,
  )
  half = random_batch(3, rows=8)
  twice = [np.concatenate([ids, ids]) for ids in half]
  _, of_half = advance(config, [half, half], 1)
  _, of_twice = advance(config, [twice], 2)
  first, second = (figures.sums.loss for figures in of_half)
  assert abs(first - second) > 1e-3 * first
  assert of_twice[0].sums.tokens == 2 * of_half[0].sums.tokens
  assert abs(of_twice[0].sums.loss - 2 * first) > 1e-3 * first


def test_an_evaluation_has_no_dropout(config):
  mesh = create_mesh(MeshConfig(1, 1, 1), jax.devices()[:1])
  with use_mesh(mesh):
    params = first_state(config, mesh).params
    step = make_eval_step(config, model_of(config), BOS_ID, mesh)
    sums = step(params, *BATCHES[0])
  loss = smoothed_loss(model_of(config), params, BATCHES[0])
  assert float(sums.loss / sums.tokens) == pytest.approx(float(loss), rel=1e-5)


def test_moving_average_of_the_parameters(tmp_path):
  config = make_config(tmp_path, training__ema_decay=0.15)
  states, _ = advance(config, BATCHES)
  expected = states[0].params
  # min(0.15, (1 + t) / (10 + t)): 1/10, then 0.15 < 2/11.
  for state, decay in zip(states[1:], (0.1, 0.15), strict=True):
    expected = jax.tree.map(
      lambda old, new, d=decay: d * old.astype(np.float64) + (1 - d) * new,
      expected,
      state.params,
    )
    assert_close(state.ema_params, expected, 1e-6)


def test_the_state_is_donated(plain_config):
  mesh = create_mesh(MeshConfig(1, 1, 1), jax.devices()[:1])
  with use_mesh(mesh):
    step = make_train_step(plain_config, model_of(plain_config), BOS_ID, mesh)
    old = first_state(plain_config, mesh)
    new, _ = step(old, *place(BATCHES[0], mesh, 1))
    assert all(x.is_deleted() for x in jax.tree.leaves(old))
    assert int(new.step) == 1


def test_types_stay_as_they_are_in_bfloat16(tmp_path):
  config = make_config(
    tmp_path,
    model__param_dtype='bfloat16',
    model__compute_dtype='bfloat16',
  )
  states, metrics = advance(config, BATCHES)
  assert [x.dtype for x in jax.tree.leaves(states[0])] == [
    x.dtype for x in jax.tree.leaves(states[-1])
  ]
  assert np.isfinite(metrics[-1].sums.loss)


@pytest.mark.slow
def test_bfloat16_computation_runs_as_it_is_compiled_for_real(tmp_path):
  # CPUs have no product of bfloat16s for every order of the factors.
  jax.config.update('jax_disable_most_optimizations', False)
  losses = []
  for dtype in ('float32', 'bfloat16'):
    config = make_config(
      tmp_path, model__compute_dtype=dtype, training__loss_chunk=512
    )
    _, metrics = advance(config, BATCHES[:1])
    losses.append(float(metrics[0].sums.loss))
  assert losses[1] == pytest.approx(losses[0], rel=0.02)
