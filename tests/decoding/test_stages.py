"""Searches whose batch shrinks, beside the same ones whose batch does not."""

import collections
import contextlib
import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh
from quick_compile import COMPILER_OPTIONS
from toy_model import BOS_ID, EOS_ID, PAD_ID, ToyModel, trim

from t2t_jax.decoding.search.beam_search import beam_steps
from t2t_jax.decoding.search.growing_loop import growing_loop
from t2t_jax.decoding.search.phrases import make_phrases
from t2t_jax.decoding.search.rules import Rules
from t2t_jax.decoding.search.single_path import sample_steps
from t2t_jax.decoding.search.stages import StagedSearch
from t2t_jax.parallel.mesh import use_mesh
from t2t_jax.parallel.own_rows import deal

SENTENCES = 16
MAX_LENGTH = 14
LENGTHS = (5, MAX_LENGTH)


def toy_model(eos=-3.0):
  toy = ToyModel(3, SENTENCES, vocab_size=9, max_length=MAX_LENGTH)
  toy.c_V[EOS_ID] = eos
  return toy


class ToyBatch(NamedTuple):
  """As SearchBatch, with what the toy model begins with for sources."""

  h0_BD: Any
  max_lengths_B: Any
  row_ids_B: Any
  prefix_ids_BP: Any = None
  phrases: Any = None


def batch_of(**more):
  """All sentences of the toy model, of any longest length."""
  order = np.random.default_rng(0).permutation(SENTENCES)
  batch = ToyBatch(
    h0_BD=np.float32(toy_model().h0_BD),
    max_lengths_B=np.int32(order % MAX_LENGTH + 1),
    row_ids_B=np.arange(SENTENCES, dtype=np.int32),
  )
  return batch._replace(**more)


def steps_of(toy, slots, settings, params, batch, nbest):
  """What StagedSearch takes as make_steps, of the toy model."""
  del params
  sampling = 'temperature' in settings

  def init_cache(length):
    shape_BWT = (len(batch.h0_BD), slots, length)
    return {
      'tokens_BWT': jnp.zeros(shape_BWT, jnp.int32),
      'h0_BD': batch.h0_BD,
      # Has no sentences, though as many rows as a batch of some size.
      'shared_VV': jnp.ones((SENTENCES // 2, 2)),
    }

  options = {
    'max_lengths_B': batch.max_lengths_B,
    'max_length': MAX_LENGTH,
    'bos_id': BOS_ID,
    'eos_id': EOS_ID,
    'pad_id': PAD_ID,
    'num_results': nbest,
    'length_penalty_alpha': 0.6,
    **settings,
    'rules': Rules(
      *settings.get('rules', ()), prefix_ids_BP=batch.prefix_ids_BP
    ),
  }
  if sampling:
    fold_in = functools.partial(jax.random.fold_in, jax.random.key(1))
    keys_B = jax.vmap(fold_in)(batch.row_ids_B)
    return sample_steps(
      toy.step, init_cache, keys_B=keys_B, num_samples=slots, **options
    )
  return beam_steps(
    toy.step,
    init_cache,
    beam_size=slots,
    phrases=batch.phrases,
    **options,
  )


def whole(make_steps, batch, nbest):
  """In one program, as it is without stages."""
  search = jax.jit(
    lambda batch: growing_loop(make_steps(None, batch, nbest), LENGTHS),
    compiler_options=COMPILER_OPTIONS,
  )
  return jax.tree.map(np.asarray, search(batch))


def staged(make_steps, batch, nbest, last_rows, mesh=None):
  search = StagedSearch(
    make_steps, pad_id=PAD_ID, mesh=mesh, compiler_options=COMPILER_OPTIONS
  )
  with use_mesh(mesh) if mesh else contextlib.nullcontext():
    end = search.begin(
      None,
      deal(batch, mesh),
      nbest=nbest,
      lengths=LENGTHS,
      last_rows=last_rows,
    )
    return end(), search


def same(found, expected):
  np.testing.assert_array_equal(found.ids_BNT, expected.ids_BNT)
  for name in ('scores_BN', 'log_probs_BN'):
    np.testing.assert_allclose(
      getattr(found, name), getattr(expected, name), rtol=1e-5
    )


def prefixes():
  rng = np.random.default_rng(1)
  ids_BP = np.int32(rng.integers(3, 9, (SENTENCES, 3)))
  return np.where(rng.random((SENTENCES, 1)) < 0.5, ids_BP, PAD_ID)


def phrases():
  rng = np.random.default_rng(2)
  return make_phrases(
    [
      [tuple(rng.integers(3, 9, 2).tolist())] * (b % 2)
      for b in range(SENTENCES)
    ],
    1,
    2,
  )


LONG_ENOUGH = np.int32(np.arange(SENTENCES) * 5 % 9 + 6)


SEARCHES = [
  (1, {}, {}),
  (3, {}, {}),
  (3, {'stopping': 'likely'}, {}),
  (2, {'rules': (5, 2)}, {'prefix_ids_BP': prefixes()}),
  (3, {}, {'phrases': phrases(), 'max_lengths_B': LONG_ENOUGH}),
  (
    3,
    {'temperature': 0.8, 'top_k': 0, 'top_p': 0.9},
    {'prefix_ids_BP': prefixes()},
  ),
]


@pytest.mark.parametrize(
  ('last_rows', 'slots', 'settings', 'more'),
  [(5 if number % 2 else 8, *search) for number, search in enumerate(SEARCHES)],
)
def test_a_batch_that_shrinks_finds_the_same(last_rows, slots, settings, more):
  make_steps = functools.partial(steps_of, toy_model(), slots, settings)
  make_counted, rows = counted(make_steps)
  nbest = max(1, slots - 1)
  found, _ = staged(make_counted, batch_of(**more), nbest, last_rows)
  jax.effects_barrier()
  assert set(rows) == {SENTENCES, last_rows}
  assert len(rows) > LENGTHS[0]
  same(found, whole(make_steps, batch_of(**more), nbest))


def counted(make_steps):
  """The same search, and a list that gets the rows of each of its steps."""
  rows = []

  def make_counted(params, batch, nbest):
    steps = make_steps(params, batch, nbest)

    def step(state):
      size = len(state.sentences.max_lengths_B)
      jax.debug.callback(lambda _: rows.append(size), state.position)
      return steps.step(state)

    return steps._replace(step=step)

  return make_counted, rows


def steps_to_the_end(slots=1):
  """A search in which all live up to their longest length."""
  return functools.partial(
    steps_of, toy_model(-30), slots, {'rules': (MAX_LENGTH,)}
  )


def rows_of_steps(limits_B, last_rows):
  """The rows of each step that such a search takes."""
  live = [sum(limits_B > position) for position in range(max(limits_B))]
  return [len(limits_B) if n > last_rows else last_rows for n in live]


# More than four live when the short arrays are full.
LIMITS = np.int32([14, 1, 1, 2, 2, 2, 2, 7, 7, 7, 7, 7, 1, 12, 0, 11])


def test_a_step_has_few_rows_as_soon_as_they_hold_the_live_ones():
  make_counted, rows = counted(steps_to_the_end())
  batch = batch_of(max_lengths_B=LIMITS)
  found, search = staged(make_counted, batch, 1, 4)
  jax.effects_barrier()
  assert rows == rows_of_steps(LIMITS, 4)
  assert [len(trim(ids_NT[0])) for ids_NT in found.ids_BNT] == list(LIMITS)
  same(found, whole(steps_to_the_end(), batch, 1))
  # The second has longer arrays.
  assert search.num_programs() == 2
  again = batch_of(max_lengths_B=LIMITS[::-1])
  search.begin(None, deal(again, None), nbest=1, lengths=LENGTHS, last_rows=4)()
  assert search.num_programs() == 2


def test_a_sentence_that_never_ends_stays_to_the_end():
  make_steps = functools.partial(steps_of, toy_model(-30), 3, {})
  limits_B = np.full(SENTENCES, 2, np.int32)
  limits_B[-2] = MAX_LENGTH
  found, _ = staged(make_steps, batch_of(max_lengths_B=limits_B), 3, 1)
  lengths = [len(trim(ids_T)) for ids_T in found.ids_BNT[:, 0]]
  assert lengths == list(limits_B)


def test_the_order_of_sentences_does_not_matter():
  make_steps = functools.partial(
    steps_of, toy_model(), 2, {'temperature': 1.0, 'top_k': 4, 'top_p': 1.0}
  )
  batch = batch_of()
  found, _ = staged(make_steps, batch, 2, 4)
  order = np.random.default_rng(4).permutation(SENTENCES)
  shuffled = jax.tree.map(lambda x: x[order], batch)
  again, _ = staged(make_steps, shuffled, 2, 4)
  same(again, jax.tree.map(lambda x: x[order], found))


def test_rows_that_fill_a_batch_give_nothing():
  make_steps = functools.partial(steps_of, toy_model(), 2, {})
  none = batch_of(max_lengths_B=np.zeros(SENTENCES, np.int32))
  found, _ = staged(make_steps, none, 2, 8)
  assert (found.ids_BNT == PAD_ID).all()
  assert found.ids_BNT.shape == (SENTENCES, 2, MAX_LENGTH)
  assert (found.scores_BN == -np.inf).all()


def four_devices():
  devices = np.array(jax.devices()[:4]).reshape(2, 2, 1)
  axis_types = (AxisType.Auto,) * 3
  return Mesh(devices, ('data', 'fsdp', 'tensor'), axis_types=axis_types)


@pytest.mark.parametrize(
  ('slots', 'settings', 'more'), [SEARCHES[1], SEARCHES[-1]]
)
def test_several_devices_find_the_same(slots, settings, more):
  make_steps = functools.partial(steps_of, toy_model(), slots, settings)
  batch = batch_of(**more)
  found, _ = staged(make_steps, batch, 3, 4, four_devices())
  same(found, whole(make_steps, batch, 3))


def test_each_device_ends_when_its_own_sentences_do():
  make_counted, rows = counted(steps_to_the_end())
  batch = batch_of(max_lengths_B=LIMITS)
  found, _ = staged(make_counted, batch, 1, 4, four_devices())
  jax.effects_barrier()
  expected = [rows_of_steps(LIMITS[d::4], 1) for d in range(4)]
  assert len(set(map(len, expected))) == 4
  assert collections.Counter(rows) == collections.Counter(
    itertools.chain(*expected)
  )
  same(found, whole(steps_to_the_end(), batch, 1))
