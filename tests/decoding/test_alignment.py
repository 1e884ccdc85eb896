"""Words from pieces, and links between them."""

import dataclasses

import jax
import numpy as np
import pytest
from quick_compile import COMPILER_OPTIONS
from tiny_translator import DECODING, model_with, random_params, tokenizers

from t2t_jax.data.subwords import SegmentedTokenizer
from t2t_jax.decoding.attention.alignment import (
  Aligner,
  Unit,
  merge_pieces,
  strongest_links,
  units,
)
from t2t_jax.decoding.attention.attention_reader import (
  AttentionReader,
  HeadSet,
  Pair,
)
from t2t_jax.decoding.shapes import ShapeGrid

PAIRS = [
  Pair([40, 41, 42], [50, 51]),
  Pair(list(range(100, 119)), list(range(60, 80))),
  Pair([], []),
  Pair([43], [52, 53, 54]),
]


def reader_with(**changes):
  model = model_with(**changes)
  reader = AttentionReader(
    model,
    random_params(model),
    tokenizers(),
    ShapeGrid(longest=24, batch_tokens=96, beam_size=1, devices=1),
    max_target_tokens=24 + DECODING.max_decode_length_offset,
  )
  for name, static in (('_maps', ()), ('_cross', ('layer', 'heads'))):
    program = jax.jit(
      getattr(reader, name).__wrapped__,
      static_argnames=static,
      compiler_options=COMPILER_OPTIONS,
    )
    setattr(reader, name, program)
  return reader


@pytest.fixture(scope='module')
def reader():
  return reader_with(num_decoder_layers=2)


# --- reading ------------------------------------------------------------------


def test_maps_are_cut_to_the_tokens(reader):
  maps = reader.read(PAIRS[0])
  assert maps.encoder_LBHSS.shape == (1, 1, 2, 4, 4)
  assert maps.decoder_LBHTT.shape == (2, 1, 2, 3, 3)
  assert maps.cross_LBHTS.shape == (2, 1, 2, 3, 4)
  for weights in maps:
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)


def test_cross_weights_are_the_mean_of_the_chosen_heads(reader):
  """In batches of several shapes, as for each pair alone."""
  alone = [reader.read(pair).cross_LBHTS[:, 0] for pair in PAIRS]
  found = reader.read_cross(PAIRS, HeadSet())
  for weights_TS, maps_LHTS in zip(found, alone, strict=True):
    np.testing.assert_allclose(weights_TS, maps_LHTS[0].mean(axis=0), atol=1e-5)
  found = reader.read_cross(PAIRS[3:], HeadSet(1, (1,)))
  np.testing.assert_allclose(found[0], alone[3][1, 1], atol=1e-5)


def test_the_default_layer_is_the_last_but_one():
  layers = [HeadSet().layer_of(count) for count in (1, 2, 6)]
  assert layers == [0, 0, 4]


def test_what_does_not_fit_is_told_and_has_no_links(reader):
  assert reader.fits(Pair([40] * 23, [50] * 47))
  too_long = [Pair([40] * 24, [50]), Pair([40], [50] * 48)]
  assert not any(reader.fits(pair) for pair in too_long)
  learned = reader_with(positions='learned', max_positions=24)
  assert learned.fits(Pair([40] * 23, [50] * 23))
  assert not learned.fits(Pair([40] * 23, [50] * 24))
  aligned = Aligner(reader, tokenizers()).align([too_long[0], PAIRS[3]])
  assert aligned[0].links == ()
  assert aligned[0].source
  assert aligned[1].links


# --- words --------------------------------------------------------------------


def test_words_of_sentencepiece_are_what_stands_between_spaces():
  source = tokenizers().source
  text = 'red   dogs 🐕 cats'
  ids = [*source.encode([text])[0], source.eos_id]
  words = units(source, ids, by_word=True)
  assert [word.text for word in words] == [*text.split(), '</s>']
  assert [place for word in words for place in word.places] == list(
    range(len(ids))
  )
  pieces = units(source, ids, by_word=False)
  assert [piece.text for piece in pieces] == source.pieces(ids)


def test_spaces_at_the_end_are_no_word():
  source = tokenizers().source
  for text in ('red cats ', 'red cats  ', ' red cats'):
    ids = source.encode([text])[0]
    for behind in ([], [source.eos_id]):
      words = units(source, [*ids, *behind], by_word=True)
      assert [word.text for word in words][:2] == ['red', 'cats']
      assert len(words) == 2 + len(behind)


def test_words_of_segmented_text_join_at_the_marks():
  tokenizer = SegmentedTokenizer([('un@@', 3), ('do@@', 2), ('ne', 1)])
  ids = [*tokenizer.encode(['un@@ do@@ ne ne un@@'])[0], tokenizer.eos_id]
  words = units(tokenizer, ids, by_word=True)
  assert [word.text for word in words] == ['undone', 'ne', 'un', '</s>']
  assert [list(word.places) for word in words] == [[0, 1, 2], [3], [4], [5]]


# --- links --------------------------------------------------------------------


def test_pieces_are_summed_over_the_source_and_averaged_over_the_target():
  weights_TS = np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0.0, 0.0, 1.0]])
  source = [Unit('ab', [0, 1]), Unit('c', [2])]
  target = [Unit('x', [0]), Unit('yz', [1, 2])]
  np.testing.assert_allclose(
    merge_pieces(weights_TS, target, source), [[0.3, 0.7], [0.4, 0.6]]
  )
  assert merge_pieces(weights_TS, target, []).shape == (2, 0)
  assert merge_pieces(weights_TS, [], source).shape == (0, 2)


def test_each_target_word_links_to_its_strongest_source_word():
  weights_YX = np.array([[0.1, 0.6], [0.4, 0.3], [0.2, 0.3]])
  assert strongest_links(weights_YX, 0.0) == [(1, 0), (0, 1), (1, 2)]
  assert strongest_links(weights_YX, 0.4) == [(1, 0), (0, 1)]
  assert strongest_links(weights_YX[:, :0], 0.0) == []


def test_alignments_follow_the_weights(reader):
  """EOS, the last row and column, takes no part."""
  found = Aligner(reader, tokenizers(), by_word=False).align(PAIRS)
  for alignment, pair in zip(found, PAIRS, strict=True):
    weights_TS = reader.read(pair).cross_LBHTS[0, 0].mean(axis=0)
    expected = [
      (int(np.argmax(row_S)), t) for t, row_S in enumerate(weights_TS[:-1, :-1])
    ]
    assert list(alignment.links) == (expected if pair.source_ids else [])
    assert len(alignment.target) == len(pair.target_ids)


def test_pharaoh_is_source_dash_target(reader):
  alignment = Aligner(reader, tokenizers()).align(PAIRS[:1])[0]
  links = dataclasses.replace(alignment, links=((2, 0), (0, 1)))
  assert links.pharaoh == '2-0 0-1'
  assert dataclasses.replace(alignment, links=()).pharaoh == ''
