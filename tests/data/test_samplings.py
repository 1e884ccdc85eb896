"""Subword regularisation: many segmentations of one text."""

import itertools
import os
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from data_configs import make_config, write_lines
from vocabulary_text import PAIRS, train

from t2t_jax.data import token_store
from t2t_jax.data.samplings import Sampler
from t2t_jax.errors import UsageError

LINES = [source for source, _ in PAIRS][:50]


@pytest.fixture(scope='module', params=['bpe', 'unigram'])
def tokenizer(request, tmp_path_factory):
  directory = tmp_path_factory.mktemp('samplings')
  return train(directory, vocabulary_kind=request.param).source


def test_a_sample_is_another_segmentation_of_the_same_text(tokenizer):
  best = tokenizer.encode(LINES)
  drawn = tokenizer.sample(LINES, 0.3, seed=1)
  assert drawn != best
  assert tokenizer.decode(drawn) == tokenizer.decode(best)


def test_the_seed_decides(tokenizer):
  first = tokenizer.sample(LINES, 0.3, seed=1)
  assert tokenizer.sample(LINES, 0.3, seed=2) != first
  assert tokenizer.sample(LINES, 0.3, seed=1) == first


_DIGEST = """
import hashlib, sys
sys.path.insert(0, {tests!r})
from t2t_jax.data.subwords import SentencePieceTokenizer
from vocabulary_text import PAIRS
tokenizer = SentencePieceTokenizer(open({model!r}, 'rb').read(), '')
drawn = tokenizer.sample([source for source, _ in PAIRS], 0.3, 1)
print(hashlib.sha256(repr(drawn).encode()).hexdigest())
"""


def test_other_processes_draw_the_same(tokenizer, tmp_path):
  model = tmp_path / 'model'
  model.write_bytes(tokenizer.files()['.model'])
  program = _DIGEST.format(tests=str(Path(__file__).parent), model=str(model))
  done = subprocess.run(
    [sys.executable, '-c', program],
    env=os.environ | {'PYTHONPATH': str(Path(__file__).parents[2])},
    capture_output=True,
    text=True,
    check=True,
  )
  drawn = tokenizer.sample([source for source, _ in PAIRS], 0.3, 1)
  assert done.stdout.strip() == sha256(repr(drawn).encode()).hexdigest()


def test_bpe_dropout_has_the_probabilities_of_the_merges(tmp_path):
  """A word of two characters is one piece or two: 1 - rate or rate."""
  text = [('ab ab', 'cd cd')] * 50
  bpe = train(tmp_path, text, vocabulary_kind='bpe', size=268).source
  (one,) = bpe.encode(['ab'])
  assert len(one) == 1
  drawn = bpe.sample(['ab'] * 4, 0.0, seed=1)
  assert drawn == [one] * 4
  sampler = Sampler(bpe.processor, 0.3)
  counts = Counter(len(ids) for ids in sampler.draw(['ab'] * 3000, 1))
  # ▁ab: ▁a or ab first, then the whole; each of 64 draws is passed over alike.
  assert set(counts) <= {1, 2, 3}
  draws = [len(sampler._draw('▁ab', n)) for n in range(2000)]
  assert draws.count(1) / 2000 == pytest.approx(_whole(sampler, 0.3), abs=0.05)


def _whole(sampler, rate):
  """The probability that both merges of ▁ab take place."""
  pairs = [pair for pair in ('▁a', 'ab') if pair in sampler._rank]
  assert '▁ab' in sampler._rank
  return (1 - rate ** len(pairs)) * (1 - rate)


def test_unigram_draws_with_probability_to_the_rate(tmp_path):
  unigram = train(tmp_path, vocabulary_kind='unigram').source
  processor, word = unigram.processor, PAIRS[0][0].split()[0]
  best = processor.nbest_encode_as_ids(word, 64)
  scores = [sum(map(processor.get_score, ids)) for ids in best]
  weights = np.exp(0.5 * np.array(scores))
  sampler = Sampler(processor, 0.5)
  draws = Counter(tuple(sampler._draw(word, n)) for n in range(4000))
  for ids, weight in zip(best, weights / weights.sum(), strict=True):
    assert draws[tuple(ids)] / 4000 == pytest.approx(weight, abs=0.03)


def test_without_dropout_it_is_the_best(tmp_path):
  bpe = train(tmp_path, vocabulary_kind='bpe').source
  assert bpe.sample(LINES, 0.0, seed=1) == bpe.encode(LINES)


def test_a_line_with_the_space_mark_comes_back(tokenizer):
  line = 'red▁house ▁ big'
  (ids,) = tokenizer.sample([line], 0.3, seed=1)
  assert tokenizer.decode([ids]) == [line]


@pytest.fixture
def corpus(tmp_path):
  for side, language in enumerate(('en', 'de')):
    lines = [pair[side] for pair in PAIRS]
    write_lines(tmp_path / f'train.{language}', lines)
    write_lines(tmp_path / f'dev.{language}', lines[:5])
  return tmp_path


def texts(store, tokenizer, side):
  tokens = getattr(store, f'{side}_tokens')
  offsets = getattr(store, f'{side}_offsets')
  return tokenizer.decode(
    [tokens[a:b].tolist() for a, b in itertools.pairwise(offsets)]
  )


def test_the_store_holds_each_pair_so_many_times(corpus):
  said = []
  prepared = token_store.prepare(
    make_config(corpus, samplings=3, sampling_rate=0.3), said.append
  )
  assert any('written in 3 random segmentations' in line for line in said)
  assert prepared.report['train']['kept'] == len(PAIRS)
  store = prepared.train
  assert len(store) == 3 * len(PAIRS)
  for side, number in (('source', 0), ('target', 1)):
    tokenizer = getattr(prepared.tokenizers, side)
    found = texts(store, tokenizer, side)
    assert found == 3 * [pair[number] for pair in PAIRS]
  lengths_SP = store.source_lengths.reshape(3, -1)
  assert (lengths_SP[0] != lengths_SP[1]).any()
  assert (lengths_SP[1] != lengths_SP[2]).any()
  # The dev set is as always.
  assert len(prepared.dev) == 5
  plain = token_store.prepare(make_config(corpus), said.append)
  np.testing.assert_array_equal(
    plain.dev.source_tokens, prepared.dev.source_tokens
  )
  assert plain.fingerprint != prepared.fingerprint


def test_no_sample_is_longer_than_a_sentence_may_be(corpus):
  plain = token_store.prepare(make_config(corpus), str)
  longest = int(plain.train.source_lengths.max())
  config = make_config(
    corpus, samplings=2, sampling_rate=0.9, max_tokens=longest
  )
  store = token_store.prepare(config, str).train
  assert store.source_lengths.max() <= longest
  assert store.target_lengths.max() <= longest


def test_segmented_text_cannot_be_cut_anew(corpus):
  with pytest.raises(UsageError, match='samplings: segmented text has one'):
    make_config(corpus, vocabulary_kind='segmented', samplings=2)


def test_a_sample_of_segmented_text_is_its_one_segmentation(tmp_path):
  tokenizer = train(tmp_path, vocabulary_kind='segmented').source
  assert tokenizer.sample(LINES, 0.5, seed=1) == tokenizer.encode(LINES)
