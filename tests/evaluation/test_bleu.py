"""Corpus scores against the formula, by hand and from the paper."""

import collections
import json
import math
import pathlib
import re

import pytest
import sacrebleu
from tiny_run import make_config

from t2t_jax.errors import UsageError
from t2t_jax.evaluation.bleu import corpus_scores
from t2t_jax.evaluation.test_sets import evaluate_lines


def test_a_case_computed_by_hand():
  # 1-grams 5 of 6 (the second `the` clipped), 2-grams 3 of 5, 3-grams 2 of 4,
  # 4-grams 1 of 3; 6 tokens against 7: brevity penalty exp(1 - 7/6).
  scores = corpus_scores(
    ['the cat sat down the mat'],
    ['now the cat sat down the hill'],
    tokenize='none',
  )
  assert scores.precisions == pytest.approx([500 / 6, 400 / 5, 75, 200 / 3])
  penalty = math.exp(1 - 7 / 6)
  product = 5 / 6 * 4 / 5 * 3 / 4 * 2 / 3
  assert scores.brevity_penalty == pytest.approx(penalty)
  assert scores.bleu == pytest.approx(100 * penalty * product**0.25)
  assert (scores.hypothesis_length, scores.reference_length) == (6, 7)
  assert scores.sentences == 1


def bleu_by_the_paper(hypotheses, references):
  """Papineni et al. 2002, sections 2.1 and 2.3, on tokens between spaces."""
  log_precisions = []
  for n in range(1, 5):
    hits = total = 0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
      grams = [
        collections.Counter(
          tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)
        )
        for tokens in (hypothesis.split(), reference.split())
      ]
      hits += (grams[0] & grams[1]).total()
      total += grams[0].total()
    log_precisions.append(math.log(hits / total))
  c = sum(len(line.split()) for line in hypotheses)
  r = sum(len(line.split()) for line in references)
  return 100 * math.exp(min(0, 1 - r / c) + sum(log_precisions) / 4)


HYPOTHESES = [
  'Ein Mann schläft auf der grünen Bank .',
  'Zwei Hunde spielen mit einem roten Ball im Schnee .',
  'Das ist ein Test , oder nicht ?',
]
REFERENCES = [
  'Ein Mann schläft auf einer grünen Bank .',
  'Zwei Hunde spielen im Schnee mit einem roten Ball .',
  'Das ist ein Test , nicht wahr ?',
]


def test_given_tokens_are_scored_as_they_are():
  scores = corpus_scores(HYPOTHESES, REFERENCES, tokenize='none')
  assert scores.bleu == pytest.approx(bleu_by_the_paper(HYPOTHESES, REFERENCES))
  assert 'tok:none' in scores.bleu_signature
  glued = [line.replace(' .', '.') for line in HYPOTHESES]
  assert corpus_scores(glued, REFERENCES, 'none').bleu < scores.bleu
  assert corpus_scores(glued, REFERENCES, '13a').bleu == pytest.approx(
    scores.bleu
  )


def test_scores_are_sacrebleus_with_their_names():
  scores = corpus_scores(HYPOTHESES, REFERENCES)
  bleu = sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES])
  assert scores.bleu == bleu.score
  assert scores.chrf == sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score
  version = re.escape(sacrebleu.__version__)
  assert re.fullmatch(
    rf'nrefs:1\|case:mixed\|eff:no\|tok:13a\|smooth:exp\|version:{version}',
    scores.bleu_signature,
  )
  assert 'nc:6|nw:0' in scores.chrf_signature
  line = scores.line()
  assert '\n' not in line
  assert line.startswith(f'BLEU {bleu.score:.2f} (')
  assert f'chrF {scores.chrf:.2f}' in line
  assert scores.bleu_signature in line
  assert json.loads(json.dumps(scores.to_dict()))['bleu'] == bleu.score


def test_case_counts_and_a_perfect_system_has_100():
  assert corpus_scores(REFERENCES, REFERENCES).bleu == pytest.approx(100)
  lower = [line.lower() for line in REFERENCES]
  assert corpus_scores(lower, REFERENCES).bleu < 90


def test_empty_hypotheses_score_nothing():
  scores = corpus_scores(['', '', ''], REFERENCES)
  assert scores.bleu == 0
  assert scores.brevity_penalty == 0
  assert 'BLEU 0.00' in scores.line()


def assert_refuses(message):
  return pytest.raises(UsageError, match=re.escape(message))


def test_counts_must_agree():
  with assert_refuses('found 2 hypotheses and 3 references'):
    corpus_scores(HYPOTHESES[:2], REFERENCES)
  with assert_refuses('expected at least one line, found none'):
    corpus_scores([], [])


def test_tokenisations_that_sacrebleu_lacks_are_named():
  with assert_refuses(
    'evaluation.bleu_tokenize: expected one of none, zh, 13a'
  ):
    corpus_scores(HYPOTHESES, REFERENCES, tokenize='13b')
  with assert_refuses("found '13b'. Did you mean '13a'?"):
    corpus_scores(HYPOTHESES, REFERENCES, tokenize='13b')


def test_tokenisations_that_lack_a_package_are_named(monkeypatch):
  def missing(name):
    raise RuntimeError('install sacrebleu[ja]')

  monkeypatch.setattr(sacrebleu.metrics.bleu, '_get_tokenizer', missing)
  with assert_refuses("cannot load 'ja-mecab': install sacrebleu[ja]"):
    corpus_scores(HYPOTHESES, REFERENCES, tokenize='ja-mecab')


BY_TOKENS = make_config(pathlib.Path()).evaluation


class Shouting:
  """Stands for a translator."""

  def translate_stream(self, lines):
    for line in lines:
      yield type('Translation', (), {'text': line.upper()})


def test_a_test_set_is_translated_and_scored():
  hypotheses, scores = evaluate_lines(
    Shouting(), ['a b c d', 'e f g h'], ['A B C D', 'E F X H'], BY_TOKENS
  )
  assert hypotheses == ['A B C D', 'E F G H']
  assert scores.precisions[0] == pytest.approx(100 * 7 / 8)


def test_a_test_set_is_checked_before_it_is_translated():
  with assert_refuses('found 2 source lines and 1 references'):
    evaluate_lines(None, ['a', 'b'], ['A'], BY_TOKENS)
  with assert_refuses('test set: expected at least one line, found none'):
    evaluate_lines(None, [], [], BY_TOKENS)
