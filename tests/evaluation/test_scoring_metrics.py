"""Each metric against sacreBLEU's own command line and against numbers by
hand; parts of a test set against scoring the part alone."""

import importlib.util
import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest
import sacrebleu

from t2t_jax.errors import UsageError
from t2t_jax.evaluation.metrics import make_metrics, result_line

HYPOTHESES = [
  'Ein Mann schläft auf der grünen Bank.',
  '',
  'Zwei Hunde spielen mit einem roten Ball im Schnee.',
  'Das ist ein Text-Editor, oder nicht?',
  'Nichts.',
]
REFERENCES = [
  'Ein Mann schläft auf einer grünen Bank.',
  'Diese Zeile ist nicht übersetzt.',
  'Im Schnee spielen zwei Hunde mit einem roten Ball.',
  'Das ist ein Text-Editor, nicht wahr?',
  '',
]

BLEU_KEYS = ('bleu', 'multi_bleu', 'bleu_compounds')
TEXT_KEYS = (*BLEU_KEYS, 'chrf', 'chrf++', 'ter')
KEYS = ', '.join((*TEXT_KEYS, 'exact_match', 'error_rate', 'bracket_f1'))

NEEDS_DIRECTION = (
  '--tokenize=moses, which multi_bleu and bleu_compounds have by default: '
  'needs --direction=SOURCE-TARGET too, such as en-de'
)

with_moses = pytest.mark.skipif(
  importlib.util.find_spec('sacremoses') is None, reason='no sacremoses'
)


def _score(key, hypotheses, references, tokenize='13a'):
  (metric,) = make_metrics([key], tokenize)
  counts = metric.counts(hypotheses, references, None)
  assert len(counts) == len(references)
  return metric.score(counts.sum(0))


def test_scores_and_signatures_are_those_of_sacrebleus_command(tmp_path):
  (tmp_path / 'hyp').write_text('\n'.join([*HYPOTHESES, '']))
  (tmp_path / 'ref').write_text('\n'.join([*REFERENCES, '']))
  # Its TER scores by itself all that the command line may ask of it.
  command = [sys.executable, '-m', 'sacrebleu', tmp_path / 'ref', '-i']
  command += [tmp_path / 'hyp', '-m', 'bleu', 'chrf', 'ter']
  command += ['--chrf-word-order', '2', '-w', '4', '--force']
  result = subprocess.run(command, capture_output=True, text=True, check=True)
  theirs = json.loads(result.stdout)
  keys = ['bleu', 'chrf++', 'ter']
  for metric, row in zip(make_metrics(keys), theirs, strict=True):
    counts = metric.counts(HYPOTHESES, REFERENCES, None)
    assert metric.name == row['name']
    assert metric.score(counts.sum(0)) == pytest.approx(row['score'], abs=6e-5)
    assert metric.signature() == row['signature']
    assert f'version:{sacrebleu.__version__}' in metric.signature()


def test_chrf2_is_not_chrf_plus_plus():
  lines = HYPOTHESES, REFERENCES
  ours = _score('chrf', *lines)
  theirs = sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES])
  assert ours == theirs.score
  assert ours != _score('chrf++', *lines)
  names = {key: make_metrics([key])[0].name for key in ('chrf', 'chrf++')}
  assert names == {'chrf': 'chrF2', 'chrf++': 'chrF2++'}


def test_a_part_has_the_score_of_the_part_alone():
  rows = [0, 3, 4]
  for metric in make_metrics(TEXT_KEYS, '13a'):
    whole = metric.counts(HYPOTHESES, REFERENCES, None)
    part = metric.counts(
      [HYPOTHESES[row] for row in rows], [REFERENCES[row] for row in rows], None
    )
    np.testing.assert_array_equal(whole[rows], part)


# --- TER ----------------------------------------------------------------------


@pytest.mark.parametrize(
  ('hypothesis', 'reference', 'edits', 'words'),
  [
    ('a b c d e', 'a b c d e', 0, 5),
    # One block moved is one edit; without shifts it would be four.
    ('d e a b c', 'a b c d e', 1, 5),
    # A shift and a substitution.
    ('d e a x c', 'a b c d e', 2, 5),
    ('a b d e', 'a b c d e', 1, 5),
    ('', 'a b c', 3, 3),
    # Lower-cased, as the signature says.
    ('A b', 'a B', 0, 2),
  ],
)
def test_ter_by_hand(hypothesis, reference, edits, words):
  (metric,) = make_metrics(['ter'])
  counts = metric.counts([hypothesis], [reference], None)
  assert counts.tolist() == [[edits, words]]
  assert metric.score(counts.sum(0)) == pytest.approx(100 * edits / words)
  assert 'case:lc' in metric.signature()


def test_ter_divides_once():
  score = _score('ter', ['d e a b c', 'x'], ['a b c d e', 'y'])
  assert score == pytest.approx(100 * (1 + 1) / (5 + 1))


# --- BLEU of other tokens -----------------------------------------------------


def test_bleu_of_split_compounds_by_hand():
  """rich-text of the reference is three tokens, and text is found."""
  hypothesis, reference = 'a plain-text file format', 'a rich-text file format'
  # a plain ##AT##-##AT## text file format: 1-grams 5 of 6; 2-grams -text,
  # text file, file format: 3 of 5; 3-grams 2 of 4; 4-grams 1 of 3.
  found = _score('bleu_compounds', [hypothesis], [reference], 'none')
  product = 5 / 6 * 3 / 5 * 2 / 4 * 1 / 3
  assert found == pytest.approx(100 * product**0.25)
  # Unsplit: 3 of 4, 1 of 3, and nothing: sacreBLEU smooths that.
  assert _score('bleu', [hypothesis], [reference], 'none') < found


def test_bleu_of_split_compounds_penalises_lengths_after_the_split():
  found = _score('bleu_compounds', ['b c d e f'], ['a-b c d e f'], 'none')
  # Against a ##AT##-##AT## b c d e f; all precisions are 1.
  assert found == pytest.approx(100 * math.exp(1 - 7 / 5))


def test_multi_bleu_by_hand():
  """1-grams 4 of 5, 2-grams 3 of 4, 3-grams 2 of 3, 4-grams 1 of 2."""
  found = _score('multi_bleu', ['a b c d x'], ['a b c d e-f g'], 'none')
  product = 4 / 5 * 3 / 4 * 2 / 3 * 1 / 2
  assert found == pytest.approx(100 * math.exp(1 - 6 / 5) * product**0.25)


@pytest.mark.parametrize('key', ['multi_bleu', 'bleu_compounds'])
def test_bleu_as_the_papers_does_not_smooth(key):
  """As multi-bleu.perl: no 4-gram found, no score."""
  assert _score(key, ['a b c x'], ['a b c d'], 'none') == 0
  assert _score('bleu', ['a b c x'], ['a b c d'], 'none') > 0


@pytest.mark.parametrize(
  ('key', 'tokenize', 'name', 'signature'),
  [
    ('bleu', '13a', 'BLEU', 'tok:13a|smooth:exp'),
    ('bleu', 'none', 'BLEU of given tokens', 'tok:none|smooth:exp'),
    (
      'multi_bleu',
      'none',
      'BLEU of given tokens, unsmoothed',
      'tok:none|smooth:none',
    ),
    (
      'bleu_compounds',
      'none',
      'BLEU of given tokens, compounds split',
      'tok:none+compounds|smooth:none',
    ),
    (
      'bleu_compounds',
      '13a',
      'BLEU of 13a tokens, compounds split',
      'tok:13a+compounds|smooth:none',
    ),
  ],
)
def test_every_bleu_says_which_it_is(key, tokenize, name, signature):
  (metric,) = make_metrics([key], tokenize)
  counts = metric.counts(HYPOTHESES, REFERENCES, None)
  assert metric.name == name
  assert signature in metric.signature()
  line = result_line(metric, counts.sum(0))
  score = metric.score(counts.sum(0))
  assert line.startswith(f'{name} = {score:.2f} (')
  assert f'tokens, {metric.signature()})' in line


@with_moses
def test_moses_tokens_are_scored_and_named():
  moses = make_metrics(BLEU_KEYS, 'moses', 'de')
  given = make_metrics(BLEU_KEYS, 'none')
  tokens = (
    'Ein Text-Editor &amp; mehr , oder ?',
    'Kein Text-Editor &amp; mehr , oder ?',
  )
  plain = 'Ein Text-Editor & mehr, oder?', 'Kein Text-Editor & mehr, oder?'
  for ours, by_hand in zip(moses, given, strict=True):
    assert 'Moses tokens' in ours.name
    np.testing.assert_array_equal(
      ours.counts([plain[0]], [plain[1]], None),
      by_hand.counts([tokens[0]], [tokens[1]], None),
    )
    assert 'tok:moses-de-sacremoses-' in ours.signature()


@with_moses
@pytest.mark.parametrize(
  ('asked', 'bleu_tokenize', 'tokens'),
  [
    (None, '13a', ['13a', 'moses', 'moses+compounds']),
    (None, 'intl', ['intl', 'moses', 'moses+compounds']),
    (None, 'none', ['none', 'none', 'none+compounds']),
    ('intl', 'none', ['intl', 'intl', 'intl+compounds']),
    ('moses', 'none', ['moses', 'moses', 'moses+compounds']),
  ],
)
def test_the_papers_counts_are_of_moses_tokens(asked, bleu_tokenize, tokens):
  found = []
  for metric in make_metrics(BLEU_KEYS, asked, 'de', bleu_tokenize):
    metric.counts(HYPOTHESES, REFERENCES, None)
    (name,) = re.findall(r'tok:([^|]+)', metric.signature())
    found.append(re.sub('-de-sacremoses-[^+]+', '', name))
  assert found == tokens


# --- mistakes -----------------------------------------------------------------


@pytest.mark.parametrize(
  ('keys', 'tokenize', 'message'),
  [
    (
      ['bleu', 'chrf+'],
      '13a',
      f'--metrics: expected some of {KEYS}, '
      "found 'chrf+'. Did you mean 'chrf++'?",
    ),
    (
      [],
      '13a',
      f'--metrics: expected some of {KEYS}, found none',
    ),
    (
      ['bleu'],
      'moses',
      NEEDS_DIRECTION,
    ),
    (['chrf', 'bleu_compounds'], None, NEEDS_DIRECTION),
  ],
)
def test_metrics_that_cannot_be(keys, tokenize, message):
  with pytest.raises(UsageError, match=f'^{re.escape(message)}$'):
    make_metrics(keys, tokenize)


def test_a_metric_given_twice_is_computed_once():
  assert [metric.key for metric in make_metrics(['ter', 'bleu', 'ter'])] == [
    'ter',
    'bleu',
  ]


def test_a_metric_without_its_package_is_left_out_or_refused(monkeypatch):
  monkeypatch.setitem(sys.modules, 'sacremoses', None)
  said = []
  metrics = make_metrics(TEXT_KEYS, None, 'de', leave_out=said.append)
  assert [m.key for m in metrics] == ['bleu', 'chrf', 'chrf++', 'ter']
  message = (
    'Moses\' tokens need the package sacremoses; pip install "t2t_jax[moses]"'
  )
  assert said == [
    f'{key} is left out: {message}' for key in ('multi_bleu', 'bleu_compounds')
  ]
  with pytest.raises(UsageError, match=f'^{re.escape(message)}$'):
    make_metrics(TEXT_KEYS, None, 'de')
  # Of given tokens they need nothing.
  assert len(make_metrics(TEXT_KEYS, None, 'de', 'none')) == len(TEXT_KEYS)
