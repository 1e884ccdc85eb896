"""Scores of given targets: numpy's forward pass, and the search's own."""

import contextlib
import dataclasses
import functools
import math
import re

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

from t2t_jax.decoding.scoring import forced_targets
from t2t_jax.decoding.scoring.score_lines import read_pairs
from t2t_jax.decoding.scoring.scorer import Scorer
from t2t_jax.decoding.scoring.scores import Pair
from t2t_jax.errors import UsageError

SOURCES = random_lines(24, most_words=12)
TARGETS = [line[::-1] for line in random_lines(24, seed=2, most_words=12)]


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
      one.token_log_probs, other.token_log_probs, rtol=1e-5, atol=1e-5
    )
    assert one.score == pytest.approx(other.score, abs=1e-5, rel=1e-5)


# --- against the model and the search -----------------------------------------


@functools.partial(jax.jit, static_argnums=0, compiler_options=COMPILER_OPTIONS)
def all_logits(model, params, source_ids_BS, decoder_input_ids_BT):
  return model.apply({'params': params}, source_ids_BS, decoder_input_ids_BT)


def whole_log_probs(source, target):
  """log P of each token and EOS, from all logits at once, in float64."""
  ids = tokenizers()
  [source], [target] = ids.source.encode([source]), ids.target.encode([target])
  target = [*target, ids.target.eos_id]
  source_ids_BS = np.full((1, 140), ids.source.pad_id)
  source_ids_BS[0, : len(source) + 1] = [*source, ids.source.eos_id]
  inputs_BT = np.full((1, 140), ids.target.pad_id)
  inputs_BT[0, : len(target)] = [ids.target.bos_id, *target[:-1]]
  model = model_with()
  logits_BTV = all_logits(model, random_params(model), source_ids_BS, inputs_BT)
  logits_TV = np.asarray(logits_BTV[0, : len(target)], np.float64)
  log_probs_TV = logits_TV - np.log(np.exp(logits_TV).sum(-1, keepdims=True))
  return log_probs_TV[np.arange(len(target)), target]


@pytest.mark.parametrize('chunk', [512, 40])
def test_probabilities_are_the_models(scorer, chunk, monkeypatch):
  if chunk != 512:  # one that does not divide the length
    monkeypatch.setattr(forced_targets, '_CHUNK', chunk)
    scorer = scorer_with()
  sources, targets = SOURCES[:2], TARGETS[:2]
  found = scorer.score(sources, targets)
  for source, target, score in zip(sources, targets, found, strict=True):
    expected = whole_log_probs(source, target)
    np.testing.assert_allclose(score.token_log_probs, expected, atol=1e-4)
    length = len(expected)
    assert score.length == len(score.tokens) == length
    assert score.tokens[-1] == '</s>'
    assert ''.join(score.tokens[:-1]).replace('\u2581', ' ').strip() == target
    assert score.log_prob == pytest.approx(expected.sum(), abs=1e-3)
    penalty = ((5 + length) / 6) ** 0.6
    assert score.score == pytest.approx(score.log_prob / penalty, rel=1e-6)
    perplexity = math.exp(-expected.mean())
    assert score.perplexity == pytest.approx(perplexity, rel=1e-4)


@pytest.mark.parametrize(
  'beam_size, changes',
  [
    (1, {}),
    (3, {}),
    (3, {'norm_position': 'pre', 'positions': 'relative'}),
    (3, {'positions': 'learned', 'max_positions': 40}),
  ],
  ids=str,
)
def test_the_searchs_scores_are_found_again(beam_size, changes):
  model = model_with(**changes)
  translator = translator_with(model, beam_size=beam_size)
  lines = random_lines(6, seed=5, most_words=8)
  translations = translator.translate(lines, nbest=beam_size)
  hypotheses = [
    (i, h) for i, t in enumerate(translations) for h in t.hypotheses
  ]
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
  sources, targets = ['', 'red', ''], ['', '', 'der']
  found = scorer.score(sources, targets)
  assert [score.tokens for score in found[:2]] == [('</s>',), ('</s>',)]
  for source, target, score in zip(sources, targets, found, strict=True):
    expected = whole_log_probs(source, target)
    np.testing.assert_allclose(score.token_log_probs, expected, atol=1e-4)
  assert scorer.score([], []) == []


def test_long_pairs_are_scored_whole(scorer):
  source, target = 'red cats ' * 60, 'der sgod ' * 55
  [score] = scorer.score([source], [target])
  assert score.length > 100
  expected = whole_log_probs(source, target)
  np.testing.assert_allclose(score.token_log_probs, expected, atol=1e-4)


def test_a_stream_is_read_in_windows(scorer):
  expected = scorer.score(SOURCES, TARGETS)
  pairs = iter(
    [
      Pair(source, target, '', '', number)
      for number, (source, target) in enumerate(
        zip(SOURCES, TARGETS, strict=True)
      )
    ]
  )
  stream = scorer.score_stream(pairs, window=9)
  first_pair, first = next(stream)
  assert (first_pair.number, first) == (0, expected[0])
  assert next(pairs).number == 9
  assert [score for _, score in stream] == expected[1:9] + expected[10:]


def test_programs_are_bounded(scorer):
  lengths = {scorer.grid.padded_length(length) for length in range(1, 200)}
  scorer.score(SOURCES, TARGETS)
  scorer.score(SOURCES[:3], TARGETS[:3])
  compiled = scorer._force._cache_size()
  # A full and a small batch of each length.
  assert compiled <= 2 * len(lengths)
  scorer.score(SOURCES[:3], TARGETS[3:6])
  scorer.score(SOURCES[::-1], TARGETS)
  assert scorer._force._cache_size() == compiled


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


def test_learned_positions_end(tmp_path):
  scorer = scorer_with(model_with(positions='learned', max_positions=8))
  assert scorer.score_ids([[5] * 7], [[5] * 7])[0].length == 8
  message = (
    'target 1: expected at most 8 tokens with EOS, where learned positions '
    'end (model.max_positions), found 9'
  )
  with pytest.raises(UsageError, match=re.escape(message)):
    scorer.score_ids([[5], [5]], [[5], [5] * 8])
  with pytest.raises(UsageError, match=r'source 0: expected at most 8 tokens'):
    scorer.score(['red ' * 20], ['der'])
  (tmp_path / 'source').write_text('red\nred\n')
  (tmp_path / 'target').write_text(f'der\n{"der " * 20}\n')
  names = str(tmp_path / 'source'), str(tmp_path / 'target')
  with contextlib.closing(read_pairs(*names, print)) as pairs:
    message = f'{names[1]}, line 2: expected at most 8 tokens'
    with pytest.raises(UsageError, match=re.escape(message)):
      list(scorer.score_stream(pairs))


@pytest.mark.parametrize('token', [-1, 10_000])
def test_ids_are_in_the_vocabulary(scorer, token):
  with pytest.raises(
    UsageError, match=rf'source 1: expected ids from 0 to \d+, found {token}'
  ):
    scorer.score_ids([[5], [6, token]], [[5], [5]])
