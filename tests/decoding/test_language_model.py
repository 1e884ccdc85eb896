"""A language model scored, continued and sampled, beside all there is.

The vocabulary has three words, so every text of a few tokens can be
enumerated, with its probability by the model's plain forward pass.
"""

import collections
import dataclasses
import functools
import itertools
import re

import jax
import numpy as np
import pytest
from quick_compile import COMPILER_OPTIONS
from tiny_single_stack import (
  SETTINGS,
  TEXT_TOKENIZERS,
  WORDS,
  language_model,
  random_params,
)

from t2t_jax.decoding.requests import Request
from t2t_jax.decoding.scoring.scorer import Scorer
from t2t_jax.decoding.search.batches import BatchSearch
from t2t_jax.decoding.translator import Translator
from t2t_jax.errors import UsageError

PAD, BOS, EOS = WORDS.pad_id, WORDS.bos_id, WORDS.eos_id
MODEL = language_model()
PARAMS = random_params(MODEL)
LINES = ['a b c', '', 'c', 'b b a c a a b', 'a b c a b c a b c a b']
LENGTH = 8  # of every forward pass below


@functools.partial(jax.jit, compiler_options=COMPILER_OPTIONS)
def logits_of(inputs_BT):
  return MODEL.apply({'params': PARAMS}, None, inputs_BT)


def next_log_probs(prefix):
  """log P of each token behind `prefix`, float64; as often as it is asked."""
  return _next_log_probs(tuple(prefix)).copy()


@functools.cache
def _next_log_probs(prefix):
  inputs = np.full((1, LENGTH), PAD)
  inputs[0, : len(prefix) + 1] = [BOS, *prefix]
  logits_V = np.asarray(logits_of(inputs), np.float64)[0, len(prefix)]
  return logits_V - np.log(np.exp(logits_V).sum())


def log_prob(ids):
  return sum(next_log_probs(ids[:i])[token] for i, token in enumerate(ids))


def translator_with(**changes):
  translator = Translator(
    MODEL,
    PARAMS,
    TEXT_TOKENIZERS,
    dataclasses.replace(SETTINGS, **changes),
  )
  translator._search = BatchSearch(
    [MODEL],
    translator._decoding,
    bos_id=TEXT_TOKENIZERS.target.bos_id,
    eos_id=TEXT_TOKENIZERS.target.eos_id,
    compiler_options=COMPILER_OPTIONS,
  )
  return translator


# --- scoring ------------------------------------------------------------------


def scorer_with(model=MODEL, params=PARAMS, **options):
  scorer = Scorer(model, params, TEXT_TOKENIZERS, SETTINGS, **options)
  scorer._force = jax.jit(
    scorer._force.__wrapped__, compiler_options=COMPILER_OPTIONS
  )
  return scorer


@pytest.mark.parametrize('longest_part', [5, 8])
def test_a_lines_score_is_the_sum_over_its_parts(longest_part):
  scores = scorer_with(longest_part=longest_part).score([''] * 5, LINES)
  for line, score in zip(LINES, scores, strict=True):
    ids = [*WORDS.encode([line])[0], EOS]
    parts = [
      ids[start : start + longest_part]
      for start in range(0, len(ids), longest_part)
    ]
    expected = [
      next_log_probs(part[:i])[token]
      for part in parts
      for i, token in enumerate(part)
    ]
    np.testing.assert_allclose(score.token_log_probs, expected, atol=1e-5)
    assert score.log_prob == pytest.approx(sum(expected), abs=1e-5)
    assert score.tokens == tuple(WORDS.pieces(ids))


def test_learned_positions_hold_any_line_in_parts():
  model = language_model(positions='learned')
  params = random_params(model)
  whole = scorer_with(model, params)
  message = r'^target 0: expected at most 24 tokens with EOS, where learned'
  with pytest.raises(UsageError, match=message):
    whole.score([''], ['a ' * 30])
  parts = scorer_with(model, params, longest_part=24)
  first, short = parts.score_ids([[], []], [[4] * 40, [4] * 23])
  np.testing.assert_allclose(
    first.token_log_probs[:23], short.token_log_probs[:23], atol=1e-5
  )
  np.testing.assert_allclose(
    first.token_log_probs[24:40], short.token_log_probs[:16], atol=1e-5
  )
  assert first.length == 41


# --- going on -----------------------------------------------------------------


def texts_behind(prefix, most):
  """Every text of `prefix` and less than `most` tokens, with its EOS."""
  for length in range(most):
    for tail in itertools.product(range(3, 7), repeat=length):
      yield (*prefix, *tail, EOS)


def sampled_probability(ids, given, most, temperature=1.0):
  """Of drawing `ids` behind `given` of its tokens, from the definition."""
  probability = 1.0
  for i in range(given, len(ids)):
    if i == given + most - 1:
      return probability  # it must end
    log_probs_V = next_log_probs(ids[:i])
    log_probs_V[[PAD, BOS]] = -np.inf
    weights_V = np.exp(log_probs_V / temperature)
    probability *= weights_V[ids[i]] / weights_V.sum()
  return probability


@pytest.mark.parametrize(
  'prompt, temperature', [('', 1.0), ('b', 1.0), ('b', 0.5)]
)
def test_samples_come_as_often_as_they_are_probable(prompt, temperature):
  drawn, most = 3200, 3
  translator = translator_with(
    method='sampling',
    num_samples=8,
    temperature=temperature,
    max_decode_length_offset=most,
    batch_tokens=80 * 8 * 16,
  )
  requests = [prompt] * (drawn // 8)
  samples = [
    hypothesis
    for found in translator.translate(requests, nbest=8)
    for hypothesis in found.hypotheses
  ]
  counts = collections.Counter((*h.token_ids, EOS) for h in samples)
  prefix = tuple(WORDS.encode([prompt])[0])
  expected = {
    ids: drawn * sampled_probability(ids, len(prefix), most, temperature)
    for ids in texts_behind(prefix, most)
  }
  assert sum(expected.values()) == pytest.approx(drawn)
  assert counts.keys() <= expected.keys()
  usual = [ids for ids, count in expected.items() if count >= 5]
  rare = drawn - sum(counts[ids] for ids in usual)
  rare_expected = drawn - sum(expected[ids] for ids in usual)
  chi_square = sum(
    (counts[ids] - expected[ids]) ** 2 / expected[ids] for ids in usual
  ) + (rare - rare_expected) ** 2 / max(rare_expected, 1)
  assert len(usual) > 5
  # Its mean is the number of cells, its variance twice that.
  assert chi_square < len(usual) + 5 * (2 * len(usual)) ** 0.5
  for hypothesis in samples[:20]:
    ids = (*hypothesis.token_ids, EOS)
    assert hypothesis.log_prob == pytest.approx(log_prob(ids), abs=1e-4)


@pytest.mark.parametrize('prompt', ['', 'c', 'a b'])
def test_a_wide_beam_finds_the_most_probable_text(prompt):
  most = 3
  prefix = tuple(WORDS.encode([prompt])[0])
  beam = translator_with(beam_size=24, max_decode_length_offset=most)
  [found] = beam.translate([Request('', prefix=prompt)], nbest=3)
  ranked = sorted(texts_behind(prefix, most), key=log_prob, reverse=True)
  assert [
    (*hypothesis.token_ids, EOS) for hypothesis in found.hypotheses
  ] == ranked[:3]
  for hypothesis, ids in zip(found.hypotheses, ranked, strict=False):
    assert hypothesis.log_prob == pytest.approx(log_prob(ids), abs=1e-4)
    assert hypothesis.text.startswith(prompt)


def test_a_requests_text_is_a_prompt():
  translator = translator_with(beam_size=2)
  one, other = (
    translator.translate([request])[0]
    for request in (Request('a b'), Request('', prefix='a b'))
  )
  assert one == other
  with pytest.raises(UsageError, match="found both: 'a b' and 'c'"):
    translator.translate([Request('a b', prefix='c')])


def test_prompts_do_not_depend_on_each_other():
  sampler = translator_with(
    method='sampling', num_samples=2, max_decode_length_offset=4
  )
  together = sampler.translate(LINES, nbest=2)
  for number, line in enumerate(LINES):
    [(_, [alone])] = sampler.translate_groups(
      [[Request('', prefix=line)]], nbest=2, few=True, first_line=number
    )
    assert [h.text for h in alone.hypotheses] == [
      h.text for h in together[number].hypotheses
    ]
    assert re.match(line, alone.text)
