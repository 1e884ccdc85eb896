"""A report says all that was found: by line, by length, on every sentence."""

import json
import re

import pytest
import sacrebleu

from t2t_jax.errors import UsageError
from t2t_jax.evaluation.comparison import compare, comparison_lines
from t2t_jax.evaluation.metrics import make_metrics
from t2t_jax.evaluation.parallel_text import ParallelText
from t2t_jax.evaluation.reports import report_on

REFERENCES = [
  'a b c d e',
  'f g h i j',
  ' '.join('klmnopqrstuvwxyz'),
  'one two three four five six',
]
HYPOTHESES = [
  'a b c d x',
  '',
  ' '.join('klmnopqrsuvwxyz'),
  'one two three five four six seven',
]
SOURCES = ['s ' * 5, 's ' * 10, 's ' * 20, 's ' * 11]


def _report(hypotheses=HYPOTHESES, sources=SOURCES, keys=('bleu', 'ter')):
  text = ParallelText(REFERENCES, sources, 'en-de')
  return report_on(hypotheses, text, make_metrics(list(keys), 'none'))


def _bleu(rows):
  return sacrebleu.corpus_bleu(
    [HYPOTHESES[row] for row in rows],
    [[REFERENCES[row] for row in rows]],
    tokenize='none',
    force=True,
  )


def test_lines_name_each_metric_and_length():
  bleu, ter, short, longer = _report().lines()
  assert re.fullmatch(
    r'BLEU of given tokens = \d+\.\d\d \([\d./]+, BP \d\.\d{3}, 27/32 tokens, '
    r'nrefs:1\|case:mixed\|eff:no\|tok:none\|smooth:exp\|version:[\d.]+\)',
    bleu,
  )
  assert re.fullmatch(r'TER = \d+\.\d\d \(nrefs:1\|case:lc\|tok:tercom.*', ter)
  # 5 of 10 tokens; then 15 + 7 of 16 + 6.
  scores = [_bleu([0, 1]).score, _bleu([2, 3]).score]
  assert short == (
    f'BLEU of given tokens = {scores[0]:.2f} for 2 lines of 0-10 source words, '
    'length ratio 0.500'
  )
  assert longer == (
    f'BLEU of given tokens = {scores[1]:.2f} for 2 lines of 11-20 source '
    'words, length ratio 1.000'
  )


def test_json_holds_the_same():
  found = json.loads(json.dumps(_report().to_dict()))
  whole = _bleu(range(4))
  assert found['sentences'] == 4
  assert found['bleu'] == pytest.approx(whole.score)
  assert found['bleu_precisions'] == pytest.approx(whole.precisions)
  assert found['bleu_brevity_penalty'] == pytest.approx(whole.bp)
  assert found['bleu_hypothesis_length'] == 27
  assert found['bleu_reference_length'] == 32
  assert found['bleu_name'] == 'BLEU of given tokens'
  assert 'tok:none' in found['bleu_signature']
  # An edit, five deletions, one deletion, a shift and an insertion.
  assert found['ter'] == pytest.approx(100 * (1 + 5 + 1 + 2) / 32)
  assert found['length_in_words_of'] == 'source'
  assert [row['lines'] for row in found['by_length']] == [2, 2]
  last = found['by_length'][-1]
  assert (last['from'], last['to'], last['metric']) == (11, 20, 'bleu')
  assert last['score'] == pytest.approx(_bleu([2, 3]).score)


def test_the_last_bucket_is_open_and_references_serve():
  report = _report(sources=None)
  assert 'reference words' in list(report.lines())[-1]
  text = ParallelText(['w ' * 70])
  (_, line) = report_on(
    ['w ' * 35], text, make_metrics(['bleu'], 'none')
  ).lines()
  assert line.endswith('1 lines of 61- reference words, length ratio 0.500')


def test_lengths_are_told_of_bleu_only():
  report = _report(keys=['ter'])
  assert len(list(report.lines())) == 1
  assert report.to_dict()['by_length'] == []


def test_empty_translations_and_references_count():
  text = ParallelText(['', 'a'])
  report = report_on(['b', ''], text, make_metrics(['bleu', 'chrf++', 'ter']))
  found = report.to_dict()
  assert found['sentences'] == 2
  assert (found['bleu'], found['chrf++'], found['ter']) == (0, 0, 200)


def test_numbers_of_lines_must_agree():
  with pytest.raises(UsageError, match='found 1 hypotheses and 4 references'):
    _report(hypotheses=['a'])


def test_a_comparison_names_its_settings():
  reports = [_report(), _report(REFERENCES)]
  both = ['bootstrap', 'randomization']
  found = list(compare(reports, both, trials=50, seed=7))
  assert [(row['test'], row['metric']) for row in found] == [
    ('paired bootstrap', 'bleu'),
    ('paired bootstrap', 'ter'),
    ('paired approximate randomization', 'bleu'),
    ('paired approximate randomization', 'ter'),
  ]
  assert {(row['trials'], row['seed']) for row in found} == {(50, 7)}
  json.dumps(found)
  first, second = comparison_lines(['a.out', 'b.out'], found[1])
  ter = _report().to_dict()['ter']
  assert re.fullmatch(
    rf'a\.out: TER = {ter:.2f} \+- [\d.]+ \(paired bootstrap, 50 trials, '
    r'seed 7\)',
    first,
  )
  assert re.fullmatch(
    r'b\.out: TER = 0\.00 \+- 0\.00, p = 0\.\d{4} against a\.out \(.*\)',
    second,
  )
  _, line = comparison_lines(['a.out', 'b.out'], found[3])
  assert re.match(r'b\.out: TER = 0\.00, p = [01]\.\d{4} against a\.out', line)


def test_trials_are_sacrebleus_by_default():
  found = compare([_report(keys=['ter'])] * 2, ['bootstrap', 'randomization'])
  assert [row['trials'] for row in found] == [1000, 10_000]
