"""Scores of given targets: numpy's forward pass, and the search's own."""

import dataclasses
import math

import jax
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh
from quick_compile import COMPILER_OPTIONS
from tiny_translator import (
  DECODING,
  model_with,
  random_lines,
  random_params,
  tokenizers,
  translator_with,
)

from t2t_jax.decoding import forced_targets
from t2t_jax.decoding.scorer import Scorer
from t2t_jax.errors import UsageError
from t2t_jax.parallel.mesh import replicated

TARGETS = [line[::-1] for line in random_lines(40, seed=2)]
SOURCES = random_lines(40)


def scorer_with(model=None, params=None, mesh=None, **changes):
  model = model or model_with()
  scorer = Scorer(
    model,
    random_params(model) if params is None else params,
    tokenizers(),
    dataclasses.replace(DECODING, **changes),
    mesh=mesh,
  )
  scorer._force = jax.jit(
    scorer._force.__wrapped__,
    out_shardings=replicated(mesh) if mesh else None,
    compiler_options=COMPILER_OPTIONS,
  )
  return scorer


@pytest.fixture(scope='module')
def scorer():
  return scorer_with()


def close(found, expected):
  """The same tokens, probabilities equal but for rounding."""
  assert len(found) == len(expected)
  for one, other in zip(found, expected, strict=True):
    assert one.tokens == other.tokens
    np.testing.assert_allclose(
      one.token_log_probs, other.token_log_probs, atol=1e-5
    )
    assert one.score == pytest.approx(other.score, abs=1e-5, rel=1e-5)


# --- against the model and the search -----------------------------------------


def whole_log_probs(model, params, source, target):
  """log P of each token and EOS: all logits at once, no padding."""
  ids = tokenizers()
  target = [*target, ids.target.eos_id]
  logits_TV = np.asarray(
    model.apply(
      {'params': params},
      np.array([[*source, ids.source.eos_id]]),
      np.array([[ids.target.bos_id, *target[:-1]]]),
    )[0],
    np.float64,
  )
  log_probs_TV = logits_TV - np.log(np.exp(logits_TV).sum(-1, keepdims=True))
  return log_probs_TV[np.arange(len(target)), target]


def test_probabilities_are_the_models(scorer, monkeypatch):
  model = model_with()
  params = random_params(model)
  sources, targets = SOURCES[:2], TARGETS[:2]
  # Some with a chunk that does not divide the length.
  monkeypatch.setattr(forced_targets, '_CHUNK', 40)
  for in_chunks in (scorer, scorer_with()):
    found = in_chunks.score(sources, targets)
    for source, target, score in zip(sources, targets, found, strict=True):
      [source_ids] = tokenizers().source.encode([source])
      [target_ids] = tokenizers().target.encode([target])
      expected = whole_log_probs(model, params, source_ids, target_ids)
      np.testing.assert_allclose(score.token_log_probs, expected, atol=1e-4)
      length = len(target_ids) + 1
      assert score.length == len(score.tokens) == length
      assert score.tokens[-1] == '</s>'
      assert ''.join(score.tokens[:-1]).replace('\u2581', ' ').strip() == target
      assert score.log_prob == pytest.approx(expected.sum(), abs=1e-3)
      penalty = ((5 + length) / 6) ** 0.6
      assert score.score == pytest.approx(score.log_prob / penalty, rel=1e-6)
      assert score.perplexity == pytest.approx(
        math.exp(-expected.mean()), rel=1e-4
      )


@pytest.mark.parametrize(
  'changes',
  [
    {},
    {'norm_position': 'pre'},
    {'positions': 'relative'},
    {'positions': 'learned', 'max_positions': 40},
    {'norm_position': 'pre', 'positions': 'relative', 'activation': 'swish'},
  ],
  ids=lambda changes: '-'.join(map(str, changes.values())) or 'paper',
)
@pytest.mark.parametrize('beam_size', [1, 3])
def test_the_searchs_scores_are_found_again(changes, beam_size):
  if beam_size == 1 and changes:
    pytest.skip('greedy search: one model says enough')
  model = model_with(**changes)
  translator = translator_with(model, beam_size=beam_size)
  lines = random_lines(6, seed=5, most_words=8)
  translations = translator.translate(lines, nbest=beam_size)
  hypotheses = [(i, h) for i, t in enumerate(translations) for h in t.hypotheses]
  source_ids = tokenizers().source.encode(lines)
  assert max(map(len, source_ids)) < translator.grid.longest
  found = scorer_with(model).score_ids(
    [source_ids[i] for i, _ in hypotheses],
    [hypothesis.token_ids for _, hypothesis in hypotheses],
  )
  assert len(found) == 6 * beam_size
  cut = [
    len(hypothesis.token_ids) + 1 == len(source_ids[i]) + 24
    for i, hypothesis in hypotheses
  ]
  # Those that the length limit ended have EOS at the model's probability.
  assert any(cut) or changes
  for (_, hypothesis), score in zip(hypotheses, found, strict=True):
    assert score.length == len(hypothesis.token_ids) + 1
    assert score.log_prob == pytest.approx(hypothesis.log_prob, abs=1e-4)
    assert score.score == pytest.approx(hypothesis.score, abs=1e-4)


def test_the_penalty_is_a_setting(scorer):
  plain = scorer_with(length_penalty_alpha=0.0).score(SOURCES[:2], TARGETS[:2])
  strong = scorer_with(length_penalty_alpha=2.0).score(SOURCES[:2], TARGETS[:2])
  for none, two in zip(plain, strong, strict=True):
    assert none.score == none.log_prob == pytest.approx(two.log_prob)
    penalty = ((5 + none.length) / 6) ** 2
    assert two.score == pytest.approx(two.log_prob / penalty)


# --- whatever comes with it, whatever its length ------------------------------


def test_a_pair_does_not_depend_on_the_others(scorer):
  together = scorer.score(SOURCES, TARGETS)
  alone = [
    scorer.score([s], [t])[0] for s, t in zip(SOURCES, TARGETS, strict=True)
  ]
  close(alone, together)
  order = np.random.default_rng(0).permutation(len(SOURCES))
  shuffled = scorer.score(
    [SOURCES[i] for i in order], [TARGETS[i] for i in order]
  )
  # The same program: equal to the last bit.
  assert shuffled == [together[i] for i in order]
  close(scorer_with(batch_tokens=100).score(SOURCES, TARGETS), together)


def test_the_source_and_each_token_before_it_count(scorer):
  source, target = 'red cats', 'der sgod'
  first, other_source, other_target = scorer.score(
    [source, 'red dogs', source], [target, target, 'der stac']
  )
  assert first.token_log_probs[0] != other_source.token_log_probs[0]
  same = [
    a == b for a, b in zip(first.tokens, other_target.tokens, strict=False)
  ].index(False)
  assert same > 0
  np.testing.assert_allclose(
    first.token_log_probs[:same],
    other_target.token_log_probs[:same],
    rtol=1e-5,
  )


def test_empty_sides_have_eos_alone(scorer):
  model = model_with()
  params = random_params(model)
  found = scorer.score(['', 'red', ''], ['', '', 'der'])
  assert [score.tokens for score in found[:2]] == [('</s>',), ('</s>',)]
  for score, source, target in zip(
    found, ['', 'red', ''], ['', '', 'der'], strict=True
  ):
    [source_ids] = tokenizers().source.encode([source])
    [target_ids] = tokenizers().target.encode([target])
    np.testing.assert_allclose(
      score.token_log_probs,
      whole_log_probs(model, params, source_ids, target_ids),
      atol=1e-4,
    )
  assert scorer.score([], []) == []


def test_long_pairs_are_scored_whole(scorer):
  model = model_with()
  source, target = 'red cats ' * 60, 'der sgod ' * 50
  [score] = scorer.score([source], [target])
  [source_ids] = tokenizers().source.encode([source])
  [target_ids] = tokenizers().target.encode([target])
  assert len(source_ids) > 100 < len(target_ids)
  expected = whole_log_probs(
    model, random_params(model), source_ids, target_ids
  )
  np.testing.assert_allclose(score.token_log_probs, expected, atol=1e-4)


def test_a_stream_is_read_in_windows(scorer):
  pairs = [
    (s, t, '', '', n)
    for n, (s, t) in enumerate(zip(SOURCES, TARGETS, strict=True))
  ]
  from t2t_jax.decoding.scores import Pair

  expected = scorer.score(SOURCES, TARGETS)
  source = iter(Pair(*pair) for pair in pairs)
  stream = scorer.score_stream(source, window=12)
  assert next(stream)[1] == expected[0]
  assert next(source).number == 12
  later = [score for _, score in stream]
  assert later == expected[1:12] + expected[13:]


def test_programs_are_few(scorer):
  before = scorer._force._cache_size()
  scorer.score(SOURCES, TARGETS)
  scorer.score(SOURCES[:3], TARGETS[:3])
  scorer.score_ids([[5]] * 20, [[7, 8]] * 20)
  assert scorer._force._cache_size() == max(before, scorer._force._cache_size())
  lengths = {
    scorer.grid.padded_length(length) for length in range(1, 700)
  }
  assert scorer._force._cache_size() <= 2 * len(lengths)


def test_eight_devices_score_as_one(scorer):
  devices = np.array(jax.devices()[:8]).reshape(4, 2, 1)
  mesh = Mesh(
    devices, ('data', 'fsdp', 'tensor'), axis_types=(AxisType.Auto,) * 3
  )
  split = scorer_with(mesh=mesh)
  close(
    split.score(SOURCES[:20], TARGETS[:20]),
    scorer.score(SOURCES[:20], TARGETS[:20]),
  )


# --- mistakes -----------------------------------------------------------------


def test_as_many_targets_as_sources(scorer):
  message = 'expected one target for each source, found 1 sources and 2 targets'
  with pytest.raises(UsageError, match=message):
    scorer.score(['red'], ['der', 'der'])
  with pytest.raises(UsageError, match=message):
    scorer.score_ids([[5]], [[5], [5]])


def test_learned_positions_end():
  scorer = scorer_with(model_with(positions='learned', max_positions=8))
  assert scorer.score_ids([[5] * 7], [[5] * 7])[0].length == 8
  message = (
    'target 1: expected at most model.max_positions = 8 tokens with EOS, '
    'which learned positions end at, found 9'
  )
  with pytest.raises(UsageError, match=message):
    scorer.score_ids([[5], [5]], [[5], [5] * 8])
  with pytest.raises(UsageError, match='source 0: expected at most model.max_'):
    scorer.score(['red ' * 20], ['der'])


@pytest.mark.parametrize('token', [-1, 10_000])
def test_ids_are_in_the_vocabulary(scorer, token):
  with pytest.raises(
    UsageError, match=rf'source 1: expected ids from 0 to \d+, found {token}'
  ):
    scorer.score_ids([[5], [6, token]], [[5], [5]])
