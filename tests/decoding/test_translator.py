"""Lines in, lines out: count, order, shapes, and the model's own scores."""

import functools
import itertools

import jax
import numpy as np
import pytest
import sacrebleu
from quick_compile import COMPILER_OPTIONS
from tiny_translator import (
  DECODING,
  model_with,
  random_lines,
  random_params,
  tokenizers,
  translator_with,
)

from t2t_jax.decoding.found import read_translations
from t2t_jax.decoding.requests import Request
from t2t_jax.decoding.search.batch_search import SearchBatch
from t2t_jax.decoding.translation import Translation
from t2t_jax.errors import UsageError

ODD_LINES = [
  'the \U0001f600 cat',
  'a\nb\rc',
  '\u05e9\u05dc\u05d5\u05dd',
  '\x00\x07',
  '\ufeffred',
  '\u2028',
  'e\u0301',
]


@pytest.fixture(scope='module')
def translator():
  return translator_with()


def close(found, expected):
  """The same hypotheses, scores equal but for rounding."""
  assert len(found) == len(expected)
  for one, other in zip(found, expected, strict=True):
    assert one.text == other.text
    assert one.token_ids == other.token_ids
    assert one.score == pytest.approx(other.score, rel=1e-4, abs=1e-6)


def test_a_line_does_not_depend_on_the_others(translator):
  lines = [*random_lines(40), '', *ODD_LINES]
  together = translator.translate(lines)
  assert len({translation.text for translation in together}) > 25
  close([translator.translate([line])[0] for line in lines], together)
  order = np.random.default_rng(0).permutation(len(lines))
  shuffled = translator.translate([lines[i] for i in order])
  # The same program: equal to the last bit.
  assert shuffled == [together[i] for i in order]


def test_batch_size_does_not_matter(translator):
  lines = random_lines(30, seed=3)
  other = translator_with(batch_tokens=100)
  assert other.grid.rows(16, few=False) < translator.grid.rows(16, few=False)
  close(other.translate(lines), translator.translate(lines))


def check_shrinking(whole, **settings):
  """Returns lines, a translator whose batches shrink, and what it finds."""
  assert whole.grid.last_rows(12) == whole.grid.rows(16, few=False) == 12
  lines = random_lines(60, seed=4, most_words=6)
  shrinking = translator_with(batch_tokens=1600, **settings)
  assert shrinking.grid.rows(16, few=False) == 33
  assert shrinking.grid.last_rows(33) == 9
  found = shrinking.translate(lines, nbest=3)
  close(found, whole.translate(lines, nbest=3))
  assert shrinking._search._staged.num_programs() >= 1
  return lines, shrinking, found


def test_batches_that_shrink_change_nothing(translator):
  lines, shrinking, found = check_shrinking(translator)
  compiled = shrinking._search.num_programs()
  order = np.random.default_rng(1).permutation(len(lines))
  shuffled = shrinking.translate([lines[i] for i in order], nbest=3)
  close(shuffled, [found[i] for i in order])
  assert shrinking._search.num_programs() == compiled


@pytest.mark.slow
def test_batches_that_shrink_draw_the_same_samples():
  settings = {'method': 'sampling', 'num_samples': 3}
  check_shrinking(translator_with(**settings), **settings)


@functools.partial(jax.jit, static_argnums=0, compiler_options=COMPILER_OPTIONS)
def all_log_probs(model, params, source_ids_BS, decoder_input_ids_BT):
  return jax.nn.log_softmax(
    model.apply({'params': params}, source_ids_BS, decoder_input_ids_BT)
  )


def teacher_forced_log_prob(source, target):
  """log P of the target by one full forward pass."""
  model, ids = model_with(), tokenizers().target
  target = [*target, ids.eos_id]
  source_ids_BS = np.full((1, 24), tokenizers().source.pad_id)
  source_ids_BS[0, : len(source) + 1] = [*source, tokenizers().source.eos_id]
  inputs_BT = np.full((1, 64), ids.pad_id)
  inputs_BT[0, : len(target)] = [ids.bos_id, *target[:-1]]
  log_probs_BTV = all_log_probs(
    model, random_params(model), source_ids_BS, inputs_BT
  )
  return sum(
    float(log_probs_BTV[0, t, token]) for t, token in enumerate(target)
  )


@pytest.mark.parametrize('beam_size', [1, 3])
def test_scores_are_the_models(translator, beam_size):
  if beam_size != DECODING.beam_size:
    translator = translator_with(beam_size=beam_size)
  lines = random_lines(4, seed=5, most_words=9)
  for line, translation in zip(
    lines, translator.translate(lines, nbest=beam_size), strict=True
  ):
    assert len(translation.hypotheses) == beam_size
    [source] = tokenizers().source.encode([line])
    assert len(source) < translator.grid.longest
    for hypothesis in translation.hypotheses:
      expected = teacher_forced_log_prob(source, hypothesis.token_ids)
      assert hypothesis.log_prob == pytest.approx(expected, abs=1e-4, rel=1e-5)
      length = len(hypothesis.token_ids) + 1
      assert length <= len(source) + DECODING.max_decode_length_offset
      assert hypothesis.score == pytest.approx(
        expected / ((5 + length) / 6) ** 0.6, abs=1e-4, rel=1e-5
      )
      [text] = tokenizers().target.decode([hypothesis.token_ids])
      assert hypothesis.text == ' '.join(text.splitlines())


def test_nbest_is_sorted_distinct_and_begins_with_the_best(translator):
  lines = random_lines(10, seed=6)
  best = translator.translate(lines)
  for one, three in zip(
    best, translator.translate(lines, nbest=3), strict=True
  ):
    scores = [hypothesis.score for hypothesis in three.hypotheses]
    assert scores == sorted(scores, reverse=True)
    assert len({h.token_ids for h in three.hypotheses}) == 3
    assert len(one.hypotheses) == 1
    close([one], [three])


@pytest.mark.parametrize('nbest', [0, 4])
def test_nbest_fits_the_beam(translator, nbest):
  message = f'nbest: expected 1 to decoding.beam_size = 3, found {nbest}'
  with pytest.raises(UsageError, match=message):
    translator.translate(['red'], nbest=nbest)
  with pytest.raises(UsageError, match=message):
    next(translator.translate_stream(['red'], nbest=nbest))


def test_a_short_limit_leaves_fewer_hypotheses():
  translator = translator_with(max_decode_length_offset=1)
  [[token]] = tokenizers().source.encode(['red'])
  assert token > tokenizers().source.unk_id
  # With EOS two tokens at most. EOS first is one sequence; the beam's other
  # candidates have a token before it.
  [translation] = translator.translate(['red'], nbest=3)
  assert all(len(h.token_ids) <= 1 for h in translation.hypotheses)
  # Its limit alone: one sequence, whatever is asked for.
  ids_B = np.full((1, 16), tokenizers().source.eos_id, np.int32)
  batch = SearchBatch(ids_B, np.ones(1, np.int32), np.zeros(1, np.int32))
  found = translator._search.begin(translator._params, batch, nbest=3)()
  assert (
    len(read_translations(found, 1, tokenizers().target)[0].hypotheses) == 1
  )


def test_lines_without_tokens_never_reach_the_model():
  translator = translator_with(params={})
  for line in ('', ' ', '\t', '\u3000', '\n'):
    [translation] = translator.translate([line])
    assert translation.text == ''
    assert translation.token_ids == ()
    assert translation.score == 0
  assert translator.translate([]) == []


def test_lines_beyond_the_grid_are_joined_from_parts(translator):
  assert translator.grid.longest == 24
  parts = translator.translate(
    [' '.join(['red'] * 20), ' '.join(['cats'] * 20)]
  )
  [whole] = translator.translate(['red ' * 20 + 'cats ' * 20])
  assert parts[0].text != parts[1].text
  assert whole.text == f'{parts[0].text} {parts[1].text}'
  assert whole.token_ids == parts[0].token_ids + parts[1].token_ids
  assert whole.score == pytest.approx(parts[0].score + parts[1].score)


def test_programs_are_bounded_and_shared_between_params(translator):
  lines = random_lines(50, seed=9)
  first = translator.translate(lines)
  translator.translate(lines[:2])
  compiled = translator._search.num_programs()
  other = translator.with_params(random_params(model_with(), seed=1))
  assert other.translate(lines) != first
  assert translator.translate(lines) == first
  assert translator._search.num_programs() == compiled
  # nbest of 1 and 3, in every shape.
  assert compiled <= 2 * len(translator.grid.shapes())


def test_a_stream_is_read_in_windows(translator):
  lines = random_lines(30, seed=10)
  expected = translator.translate(lines)
  close(list(translator.translate_stream(lines, window=12)), expected)
  endless = itertools.cycle(lines)
  stream = translator.translate_stream(endless, window=30)
  assert list(itertools.islice(stream, 5)) == expected[:5]
  assert next(endless) == lines[0]
  assert list(translator.translate_stream([])) == []
  close(list(translator.translate_stream(lines[:3])), expected[:3])


def test_groups_come_with_their_lines_and_are_told_of(translator):
  lines = [*random_lines(30, seed=10), *[''] * 10]
  expected = translator.translate(lines)
  groups = [lines[:20], lines[20:30], lines[30:]]
  told = []
  found = list(
    translator.translate_groups(groups, few=False, report=told.append)
  )
  assert [group for group, _ in found] == groups
  close(list(itertools.chain(*(done for _, done in found))), expected)
  assert told == sorted(told)
  assert {20.0, 30.0, 40.0} <= set(told)
  assert told[0] > 0
  # A group of few lines runs in small batches, unless it is said otherwise.
  groups = iter([lines[:3], lines[3:30]])
  found = translator.translate_groups(groups)
  close(next(found)[1], expected[:3])
  close(next(found)[1], expected[3:30])
  with pytest.raises(UsageError, match='nbest: expected 1 to '):
    next(translator.translate_groups([['red']], nbest=4))


def test_learned_positions_bound_the_target():
  model = model_with(positions='learned')
  params = random_params(model)
  # Never ends by itself.
  params['softmax_bias'][tokenizers().target.eos_id] = -50
  translator = translator_with(model, params)
  [translation] = translator.translate(['red green'])
  assert len(translation.token_ids) + 1 == model.config.max_positions


def pieces(text):
  [ids] = tokenizers().target.encode([text])
  return tuple(ids)


def contains(ids, phrase):
  return any(
    ids[i : i + len(phrase)] == phrase
    for i in range(len(ids) - len(phrase) + 1)
  )


def test_prefixes_and_phrases_appear(translator):
  lines = random_lines(12, seed=12, most_words=8)
  prefixes = ['', 'der', 'eht eulb'] * 4
  phrases = [(), ('zyx',), ('stac', 'sgod ees'), ('',)] * 3
  found = translator.translate(
    [
      Request(line, prefix, wanted)
      for line, prefix, wanted in zip(lines, prefixes, phrases, strict=True)
    ],
    nbest=2,
  )
  for translation, prefix, wanted in zip(found, prefixes, phrases, strict=True):
    for hypothesis in translation.hypotheses:
      start = pieces(prefix) if prefix else ()
      assert hypothesis.token_ids[: len(start)] == start
      assert hypothesis.text.startswith(prefix)
      for phrase in filter(None, wanted):
        assert contains(hypothesis.token_ids, pieces(phrase))
        assert phrase in hypothesis.text
  plain = translator.translate(lines, nbest=2)
  for i in (0, 3, 6, 9):  # what asks for nothing gets what it gets alone
    if not any(phrases[i]) and not prefixes[i]:
      close([found[i]], [plain[i]])
  shuffled = translator.translate(
    [Request(lines[i], prefixes[i], phrases[i]) for i in reversed(range(12))],
    nbest=2,
  )
  close(shuffled[::-1], found)


def test_a_prefix_longer_than_the_source_has_room(translator):
  prefix = ' '.join(['eht'] * 40)
  [translation] = translator.translate([Request('red', prefix)])
  assert translation.text.startswith(prefix)
  [translation] = translator.translate([Request('', 'der', ('stac',))])
  assert translation.text.startswith('der')
  assert 'stac' in translation.text


def test_what_cannot_be_asked_for():
  learned = translator_with(model_with(positions='learned'))
  message = 'line 2: its prefix and phrases have .* expected fewer than .* = 24'
  with pytest.raises(UsageError, match=message):
    learned.translate(['red', Request('red', 'eht ' * 30)])
  sampler = translator_with(method='sampling', num_samples=2)
  message = "line 1: phrases .* need decoding.method = 'beam', found 'sampling'"
  with pytest.raises(UsageError, match=message):
    sampler.translate([Request('red', phrases=('stac',))])
  with pytest.raises(UsageError, match=r'num_samples = 2, found 3'):
    sampler.translate(['red'], nbest=3)
  with pytest.raises(UsageError, match=r"expected several, .* string 'stac'"):
    Request('red', phrases='stac')


def test_samples_depend_on_the_seed_and_the_line_alone():
  settings = {'method': 'sampling', 'num_samples': 3, 'temperature': 0.7}
  sampler = translator_with(**settings)
  lines = random_lines(10, seed=13) + ['red cats'] * 2
  found = sampler.translate(lines, nbest=3)
  assert found[-1] != found[-2]
  again = translator_with(batch_tokens=100, **settings)
  close(list(again.translate_stream(lines, nbest=3, window=5)), found)
  assert translator_with(seed=2, **settings).translate(lines) != found
  # The first sample is a sample, not the best of them.
  assert any(t.score < max(h.score for h in t.hypotheses) for t in found)
  for line, translation in zip(lines, found[:3], strict=False):
    [source] = tokenizers().source.encode([line])
    for hypothesis in translation.hypotheses:
      expected = teacher_forced_log_prob(source, hypothesis.token_ids)
      assert hypothesis.log_prob == pytest.approx(expected, abs=1e-4, rel=1e-5)


def test_an_ensemble_with_itself_changes_nothing(translator):
  lines = random_lines(8, seed=14)
  model = model_with()
  params = random_params(model)
  twice = translator_with(others=[(model, params)])
  close(twice.translate(lines, nbest=3), translator.translate(lines, nbest=3))
  deeper = model_with(num_decoder_layers=2, norm_position='pre')
  mixed = translator_with(others=[(deeper, random_params(deeper, seed=3))])
  assert mixed.translate(lines) != translator.translate(lines)


@pytest.mark.parametrize(
  ('mbr', 'settings'),
  [
    ('chrf', {'method': 'sampling', 'num_samples': 6}),
    ('bleu', {'beam_size': 4}),
  ],
)
def test_minimum_bayes_risk_comes_first(mbr, settings):
  lines = random_lines(6, seed=15)
  count = 6 if 'num_samples' in settings else 4
  all_of_them = translator_with(**settings).translate(lines, nbest=count)
  found = translator_with(mbr=mbr, **settings).translate(lines, nbest=2)
  if mbr == 'chrf':
    metric = sacrebleu.CHRF()
  else:
    metric = sacrebleu.BLEU(effective_order=True)
  moved = 0
  for translation, candidates in zip(found, all_of_them, strict=True):
    hypotheses = candidates.hypotheses
    weights = np.ones(count)
    if mbr == 'bleu':
      weights = np.exp([h.log_prob for h in hypotheses])
    weights /= weights.sum()
    utilities = [
      sum(
        weight * metric.sentence_score(one.text, [other.text]).score
        for weight, other in zip(weights, hypotheses, strict=True)
      )
      for one in hypotheses
    ]
    # The first, where they are equal but for rounding.
    best = int(np.argmax(np.array(utilities) > max(utilities) - 1e-9))
    moved += best != 0
    close(
      [translation],
      [Translation((hypotheses[best], hypotheses[best == 0]))],
    )
  assert moved
