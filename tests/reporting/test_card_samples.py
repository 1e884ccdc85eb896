"""A run card's translations, and cards of several runs."""

import made_run
import numpy as np
from card_reader import ReadPage, rows_of, write_card

from t2t_jax.evaluation.parallel_text import ParallelText
from t2t_jax.evaluation.significance import paired_bootstrap
from t2t_jax.reporting.card import comparison, samples
from t2t_jax.reporting.card.html import page
from t2t_jax.reporting.card.markdown import markdown
from t2t_jax.reporting.card.parts import Card, HeatMap, Note
from t2t_jax.reporting.card.run import read_run
from t2t_jax.reporting.card.translated import Translated


def _translated(hypotheses=('x', 'b c', 'd e f'), attention=None):
  text = ParallelText(['a', 'b c', 'd e g'], ['a', 'c b', 'g e d'], 'en-de')
  return Translated(text, list(hypotheses), 'checkpoint 20', attention, 1)


# --- samples ------------------------------------------------------------------


def test_best_worst_and_random_are_apart():
  scores = np.random.default_rng(1).permutation(100).astype(float).tolist()
  best, worst, others = samples.choose(scores)
  order = sorted(range(100), key=lambda n: scores[n])
  assert best == order[::-1][:5]
  assert worst == order[:5]
  assert len(others) == 5
  assert not set(others) & {*best, *worst}
  assert samples.choose([1.0]) == ([0], [], [])
  assert samples.choose([1.0, 2.0]) == ([1], [0], [])
  assert samples.choose([]) == ([], [], [])


def test_samples_are_those_of_chrf(tmp_path):
  heat = HeatMap(['b', 'c', '</s>'], ['c', 'b'], [[0.2, 0.8]] * 3, [(0, 1)])
  found = _translated(attention=heat)
  config = made_run.make_run(tmp_path).read_config()
  length, shown, attention = samples.sections(found, config)
  assert rows_of(length)[0][:2] == ['0 to 10', '3']
  note, _, worst, best = shown.parts
  assert (worst.title, best.title) == (
    'Worst translations',
    'Best translations',
  )
  assert best.parts[0].texts[0] == ('source', 'c b')
  assert best.parts[0].title == 'Sentence 2, chrF 100.0'
  assert worst.parts[0].texts[2] == ('translation', 'x')
  text = page(Card('t', 'l', [attention]))
  assert text.count('style="--share:0.800"') == 3
  assert text.count('class="half strong link"') == 1
  assert 'Links: b - b' in markdown(Card('t', 'l', [attention]))
  assert isinstance(note, Note)


# --- several runs -------------------------------------------------------------


def _pair(tmp_path):
  first = made_run.make_run(tmp_path, 'one')
  rows = [*made_run.finished_rows()[:-1], made_run.final_row(bleu=33.0)]
  second = made_run.make_run(tmp_path, 'two', rows, model__dropout_rate=0.25)
  return [read_run(first, 'one'), read_run(second, 'two')]


def test_a_comparison_shows_what_differs(tmp_path):
  runs = _pair(tmp_path)
  card = comparison.comparison_card(runs, {}, ['two: no translations'])
  rows = {row[0]: row[1:] for row in rows_of(card.sections[0])}
  assert rows['model.dropout_rate'] == ['0.1', '0.25']
  assert [key for key in rows if '.' in key] == ['model.dropout_rate']
  assert rows['final BLEU: dev'] == ['12.50', '33.00']
  assert rows['best dev: nll'] == ['4.9000', '4.9000']
  assert rows['parameters'] == ['1,234', '1,234']
  assert rows['training time'] == ['40s', '40s']
  assert 'two: no translations' in page(card)
  assert 'Paired bootstrap' not in page(card)


def test_runs_are_compared_on_the_same_sentences(tmp_path):
  runs = _pair(tmp_path)
  found = {
    'one': _translated(),
    'two': _translated(['a', 'b c', 'd e g']),
  }
  card = comparison.comparison_card(runs, found, [])
  _, _, bootstrap, differ, _ = card.sections
  rows = rows_of(bootstrap)
  assert [row[:2] for row in rows[:2]] == [
    ['BLEU of given tokens', 'one'],
    ['BLEU of given tokens', 'two'],
  ]
  reports = [translated.report('none') for translated in found.values()]
  metric = reports[0].metrics[0]
  expected = paired_bootstrap([r.counts[0] for r in reports], metric.score)
  assert rows[1][3] == f'{expected[1]["p"]:.4f}'
  # They differ most in the first sentence, x for a.
  assert differ.parts[0].texts[0] == ('source', 'a')
  assert differ.parts[0].texts[2] == ('one, chrF 0.0', 'x')


def test_other_sentences_are_not_compared(tmp_path):
  runs = _pair(tmp_path)
  other = Translated(ParallelText(['z'], ['z']), ['z'], 'it', None, 0)
  found = {'one': _translated(), 'two': other}
  card = comparison.comparison_card(runs, found, [])
  assert card.sections[2].parts == [
    Note('Not compared, for want of the same dev sentences translated: two.')
  ]


def test_runs_that_share_a_name_go_by_their_paths(tmp_path):
  runs = []
  for name in ('a', 'b'):
    (tmp_path / name).mkdir()
    runs.append(made_run.make_run(tmp_path / name))
  said: list[str] = []
  text, _ = write_card(runs, said)
  assert str(runs[1].path) in ReadPage(text).text
  assert said[0] == f'wrote {runs[0].path / "comparison.html"}'
