"""Labels by an encoder alone, beside its plain forward pass a line."""

import dataclasses
import functools
import itertools

import jax
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh
from quick_compile import COMPILER_OPTIONS
from tiny_single_stack import (
  LABEL_TOKENIZERS,
  LABELS,
  SETTINGS,
  WORDS,
  encoder,
  random_params,
)
from tiny_translator import vocabulary_config

from t2t_jax.data.subwords import SentencePieceTokenizer
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.data.vocabulary import train_sentencepiece
from t2t_jax.decoding.tagging.best_labels import count_correct
from t2t_jax.decoding.tagging.tagger import Tagger
from t2t_jax.errors import UsageError

MODEL = encoder()
PARAMS = random_params(MODEL, scale=1.0)
LINES = ['a b c', 'c', '', 'b b a c a a b', ' \t', ' a\tc  b ', 'q a']


def tagger_with(tokenizers=LABEL_TOKENIZERS, model=MODEL, mesh=None, **options):
  tagger = Tagger(
    model,
    PARAMS if model is MODEL else random_params(model, scale=1.0),
    tokenizers,
    SETTINGS,
    mesh=mesh,
    **{'of_lines': False, **options},
  )
  tagger._best_labels = jax.jit(
    tagger._best_labels.__wrapped__,
    compiler_options=COMPILER_OPTIONS,
  )
  return tagger


@functools.partial(jax.jit, static_argnums=0, compiler_options=COMPILER_OPTIONS)
def logits_of(model, params, ids_BS):
  return model.apply({'params': params}, ids_BS, None)


def best(ids, model=MODEL, params=PARAMS):
  """The label of each position of `ids` and EOS, by the definition."""
  ids_BS = np.array([[*ids, WORDS.eos_id]])
  logits_SV = np.asarray(logits_of(model, params, ids_BS))[0]
  return [LABELS.pieces([4 + int(np.argmax(row[4:]))])[0] for row in logits_SV]


def test_each_words_label_is_the_most_probable():
  found = tagger_with().tag(LINES)
  for line, labels in zip(LINES, found, strict=True):
    [ids] = WORDS.encode([line])
    assert labels.split() == best(ids)[:-1]
  assert len(set(' '.join(found).split())) > 1


def test_a_lines_label_is_found_at_its_end():
  found = tagger_with(of_lines=True).tag(LINES)
  for line, label in zip(LINES, found, strict=True):
    [ids] = WORDS.encode([line])
    assert label == (best(ids)[-1] if ids else '')


def test_long_lines_are_labelled_in_parts():
  line = 'a b c a a b c b a c b'  # 11 words: 5 and 6
  [labels] = tagger_with(max_source_tokens=7).tag([line])
  [ids] = WORDS.encode([line])
  assert labels.split() == best(ids[:5])[:-1] + best(ids[5:])[:-1]
  [label] = tagger_with(max_source_tokens=7, of_lines=True).tag([line])
  assert label == best(ids[:6])[-1]


def test_a_word_of_many_pieces_has_one_label():
  settings = vocabulary_config(size=275, training_sentences=9)
  text = ['abc abcabc a', 'abcabcabc cab']
  pieces = SentencePieceTokenizer(
    train_sentencepiece(text, settings, 275, 'vocabulary.size'), 'x'
  )
  model = dataclasses.replace(MODEL, source_vocab_size=pieces.vocab_size)
  params = random_params(model, scale=1.0)
  tagger = tagger_with(Tokenizers.separate(pieces, LABELS), model)
  line = 'abccab cba abc'
  [labels] = tagger.tag([line])
  [ids] = pieces.encode([line])
  starts = [piece.startswith('\u2581') for piece in pieces.pieces(ids)]
  assert len(ids) > sum(starts) == 3
  at_each = best(ids, model, params)[:-1]
  expected = [x for x, starts in zip(at_each, starts, strict=True) if starts]
  assert labels.split() == expected
  # Of a word that no part can hold the beginning is looked at.
  short = tagger_with(tagger._tokenizers, model, max_source_tokens=4)
  [ids] = pieces.encode(['abcabccbacbacba'])
  assert len(ids) > 4
  assert short.tag(['abcabccbacbacba']) == best(ids[:3], model, params)[:1]


def test_groups_keep_their_lines_and_their_order():
  tagger = tagger_with()
  groups = [LINES[:2], LINES[2:3], LINES[3:]]
  found = itertools.chain(*tagger.tag_groups(groups))
  assert list(found) == tagger.tag(LINES)
  with pytest.raises(UsageError, match="found one string 'a b'"):
    tagger.tag('a b')


def test_two_devices_label_as_one():
  mesh = Mesh(
    np.array(jax.devices()[:2]).reshape(2, 1, 1),
    ('data', 'fsdp', 'tensor'),
    axis_types=(AxisType.Auto,) * 3,
  )
  assert tagger_with(mesh=mesh).tag(LINES) == tagger_with().tag(LINES)


def test_correct_labels_are_counted_where_there_are_any():
  source = np.array([[4, 5, 6, 2], [6, 4, 2, 0], [0, 0, 0, 0]])
  logits_BSV = np.asarray(logits_of(MODEL, PARAMS, source))
  labels = 4 + logits_BSV[..., 4:].argmax(-1)
  labels[:, -1] = 0
  labels[1, 2:] = 0
  labels[2] = 0
  count = jax.jit(
    functools.partial(count_correct, MODEL), compiler_options=COMPILER_OPTIONS
  )
  assert count(PARAMS, source, labels) == 5
  labels[0, 1] = 3  # unknown: no label that could be found
  labels[1, 0] = 4 + (labels[1, 0] - 3) % 4
  assert count(PARAMS, source, labels) == 3
