"""The run card of made-up runs; test_card_browser.py opens the page."""

import html.parser
import json
import pathlib
import re

import made_run
import numpy as np
import pytest

from t2t_jax.config_files import base_values
from t2t_jax.errors import UsageError
from t2t_jax.evaluation.parallel_text import ParallelText
from t2t_jax.reporting.card import comparison, facts, samples, write
from t2t_jax.reporting.card.history import faults, history
from t2t_jax.reporting.card.html import page
from t2t_jax.reporting.card.markdown import markdown, plain
from t2t_jax.reporting.card.parts import Card, HeatMap, Note, Section, Table
from t2t_jax.reporting.card.run import read_run
from t2t_jax.reporting.card.translated import Translated


class _Page(html.parser.HTMLParser):
  """Collects tag names, text, and the script's data."""

  def __init__(self, text):
    super().__init__()
    self.tags, self.texts, self.attributes = [], [], []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    self.attributes += [name for name, _ in attrs]

  def handle_data(self, data):
    self.texts.append(data)

  @property
  def text(self):
    return ' '.join(' '.join(self.texts).split())


@pytest.fixture
def say():
  said = []

  def say(line):
    said.append(line)

  say.said = said
  return say


def _write(workdirs, say, with_samples=False):
  """Returns the page and the Markdown."""
  write.write_report(workdirs, None, with_samples, say)
  files = [line.removeprefix('wrote ') for line in say.said[-2:]]
  return [pathlib.Path(file).read_text(encoding='utf-8') for file in files]


def _run(tmp_path, **options):
  return read_run(made_run.make_run(tmp_path, **options), 'run')


def _translated(hypotheses=('x', 'b c', 'd e f'), attention=None):
  text = ParallelText(['a', 'b c', 'd e g'], ['a', 'c b', 'g e d'], 'en-de')
  return Translated(text, list(hypotheses), 'checkpoint 20', attention, 1)


def _table(section, place=0):
  tables = [part for part in section.parts if isinstance(part, Table)]
  return [list(row) for row in tables[place].rows]


# --- one run ------------------------------------------------------------------


def test_a_finished_run_is_told(tmp_path, say):
  workdir = made_run.make_run(tmp_path)
  text, told = _write([workdir], say)
  for expected in (
    'translation en-de',
    '1 + 1 layers, d_model 16, d_ff 16, 2 heads, post norm',
    '1,234',
    workdir.read_run()['data_fingerprint'],
    'pairs kept 60 8',
    'segmented, joint, 12 tokens',
    'abcdef1234567890',
    'training.steps 100000 20',
    'Finished, 20 of 20 updates; best dev nll 4.900',
  ):
    assert expected in _Page(text).text, expected
  # The name of SVG is an address, which nothing is loaded from.
  loads = text.replace('http://www.w3.org/2000/svg', '')
  assert re.findall(r'https?:|\bsrc=|<link|@import', loads) == []
  assert "default-src 'none'" in text
  assert '| training.steps | 100000 | 20 |' in told
  assert '| Loss a token | train | 9 | 5.2 | 9 | 5.2 |' in told
  assert say.said == [
    f'wrote {workdir.path / "report.html"}',
    f'wrote {workdir.path / "report.md"}',
  ]


def test_the_config_differs_where_it_does(tmp_path):
  run = _run(tmp_path, model__dropout_rate=0.1)
  rows = {row[0]: row[1:] for row in _table(facts.settings(run))}
  base = base_values()
  assert rows['model.d_model'] == [str(base['model']['d_model']), '16']
  assert 'model.dropout_rate' not in rows  # as in base.py
  assert rows['data.test_source'][1] == '-'


def test_speed_and_flops_by_hand(tmp_path):
  run = _run(tmp_path)
  # 20 rows, two seconds each at 100 tokens a second.
  assert run.target_tokens() == pytest.approx(4000)
  train = run.record['data_report']['train']
  source = train['source_tokens'] / train['kept']
  target = train['target_tokens'] / train['kept']
  # One layer each; 2 heads of 8 + 8; d_model 16, d_ff 16; 12 tokens.
  square = 16 * 16  # weights of one projection
  encoder = source * (4 * square + 2 * square) + 2 * source**2 * 16
  decoder = target * (4 * square + 2 * square) + 2 * target**2 * 16
  cross = 2 * (source + target) * square + 2 * source * target * 16
  forward = 2 * (encoder + decoder + cross + target * 16 * 12)
  pairs = 4000 / target
  assert run.flops() == pytest.approx(3 * pairs * forward, rel=1e-6)
  assert run.mfu() is None  # no data sheet of this CPU
  on_gpus = _run(tmp_path, record={'devices': '2 x NVIDIA H100 80GB HBM3'})
  assert on_gpus.mfu() == pytest.approx(run.flops() / 40 / (2 * 989e12))


def test_a_run_at_work_with_a_half_written_line(tmp_path, say):
  rows = made_run.finished_rows()[:3]
  record = {'sessions': [made_run.session(0)]}
  workdir = made_run.make_run(tmp_path, rows=rows, record=record)
  with workdir.metrics.open('a') as file:
    file.write('{"kind": "train", "st')
  text, _ = _write([workdir], say)
  found = _Page(text).text
  assert 'Not finished: 3 of 20 updates' in found
  assert 'at work, or killed: no end recorded; its newest row is from' in found
  assert 'No evaluation yet.' in found


@pytest.mark.parametrize('rows', [[], [made_run.train_row(1)]])
def test_a_run_of_one_step_or_none(tmp_path, say, rows):
  text, told = _write([made_run.make_run(tmp_path, rows=rows)], say)
  assert f'{len(rows)} of 20 updates' in _Page(text).text
  assert ('No figures yet.' in text) == (not rows)
  assert told.startswith('# run\n\nNot finished: ')


def test_a_run_stopped_by_nan(tmp_path, say):
  rows = [
    made_run.train_row(1),
    made_run.train_row(2, loss='nan', gradient_norm=None),
    made_run.dev_row(2, nll='inf', bleu='nan'),
  ]
  why = 'step 3: the loss is nan'
  record = {'sessions': [made_run.session(0, 3, why)]}
  workdir = made_run.make_run(tmp_path, rows=rows, record=record)
  text, told = _write([workdir], say)
  found = _Page(text).text
  assert why in found
  assert 'Step 2: train loss is nan' in found
  assert 'Step 2: dev nll is inf' in found
  assert '**Step 2: train gradient norm is None**' in told
  data = text[text.index('id="data">') :]
  assert 'NaN' not in data[: data.index('</script>')]


def test_a_workdir_of_an_older_version(tmp_path, say):
  workdir = made_run.make_run(tmp_path)
  run = workdir.read_run()
  for name in ('sessions', 'commit', 'parameters', 'versions'):
    del run[name]
  workdir.run_file.write_text(json.dumps(run))
  found = _Page(_write([workdir], say)[0]).text
  assert 'Commit unknown' in found
  assert 'The version that recorded it lists no sessions.' in found


def test_sessions_and_faults(tmp_path):
  record = {
    'sessions': [
      made_run.session(0),
      made_run.session(5, 9, 'stopped by SIGTERM after step 9'),
      made_run.session(9, 20, 'finished'),
    ]
  }
  run = _run(tmp_path, record=record)
  (run.workdir.path / 'damaged.15').mkdir()
  rows = _table(history(run))
  assert [row[1] for row in rows] == [
    'fresh',
    'resumed after step 5',
    'resumed after step 9',
  ]
  assert [row[4] for row in rows] == [
    'killed: it recorded no end',
    'stopped by SIGTERM after step 9',
    'finished',
  ]
  assert rows[1][0] == '2026-11-21 10:00:00 UTC'
  assert faults(run) == ['Checkpoint set aside as damaged: damaged.15']


def test_many_faults_are_counted(tmp_path):
  rows = [made_run.train_row(step, loss='nan') for step in range(1, 31)]
  found = faults(_run(tmp_path, rows=rows))
  assert (len(found), found[-1]) == (21, 'and 10 more')


# --- text ---------------------------------------------------------------------


def test_text_stays_text(tmp_path, say):
  plain_page = _write([made_run.make_run(tmp_path)], say)[0]
  rows = made_run.finished_rows()
  rows[-1] = made_run.final_row(made_run.HOSTILE)
  odd = made_run.make_run(
    tmp_path,
    f'@DATA@{made_run.HOSTILE}',
    rows,
    record={
      'devices': f'</script>{made_run.HOSTILE}',
      'sessions': [made_run.session(0, 20, made_run.HOSTILE)],
    },
  )
  odd_page, told = _write([odd], say)
  assert _Page(odd_page).tags == _Page(plain_page).tags
  assert 'onerror' not in _Page(odd_page).attributes
  assert made_run.HOSTILE in _Page(odd_page).text
  assert '<img' not in told.replace('\\<img', '')


def test_labels_of_curves_stay_text(tmp_path, say):
  name = f'</script>{made_run.HOSTILE}'.replace('/', '')
  runs = [
    made_run.make_run(tmp_path, name),
    made_run.make_run(tmp_path, 'other'),
  ]
  text = _write(runs, say)[0]
  data = text[text.index('id="data">') + 10 :].partition('</script>')[0]
  assert json.loads(data)[0]['lines'][0]['label'] == name
  assert '<img' not in text


def test_markdown_means_nothing():
  assert plain('a|b *c* <i>\n[d](e) & _f_') == (
    r'a\|b \*c\* \<i\> \[d\](e) &amp; \_f\_'
  )
  card = Card('t', 'l', [Section('s', [Table(['a|b'], [['x\ny']])])])
  assert '| a\\|b |\n| :-- |\n| x y |' in markdown(card)


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
  assert _table(length)[0][:2] == ['0 to 10', '3']
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
  rows = {row[0]: row[1:] for row in _table(card.sections[0])}
  assert rows['model.dropout_rate'] == ['0.1', '0.25']
  assert [key for key in rows if '.' in key] == ['model.dropout_rate']
  assert rows['final BLEU: dev'] == ['12.50', '33.00']
  assert rows['best dev: nll'] == ['4.9000', '4.9000']
  assert rows['parameters'] == ['1,234', '1,234']
  assert rows['training time'] == ['40s', '40s']
  assert 'two: no translations' in page(card)
  assert 'Paired bootstrap' not in page(card)


def test_runs_are_compared_on_the_same_sentences(tmp_path):
  from t2t_jax.evaluation.significance import paired_bootstrap

  runs = _pair(tmp_path)
  found = {
    'one': _translated(),
    'two': _translated(['a', 'b c', 'd e g']),
  }
  card = comparison.comparison_card(runs, found, [])
  _, _, bootstrap, differ, _ = card.sections
  rows = _table(bootstrap)
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


def test_runs_that_share_a_name_go_by_their_paths(tmp_path, say):
  runs = []
  for name in ('a', 'b'):
    (tmp_path / name).mkdir()
    runs.append(made_run.make_run(tmp_path / name))
  text, _ = _write(runs, say)
  assert str(runs[1].path) in _Page(text).text
  assert say.said[0] == f'wrote {runs[0].path / "comparison.html"}'


# --- errors -------------------------------------------------------------------


def _error(workdirs, output=None):
  with pytest.raises(UsageError) as error:
    write.write_report(workdirs, output, False, print)
  return str(error.value)


def test_mistakes_are_named(tmp_path):
  workdir = made_run.make_run(tmp_path)
  path = workdir.path
  assert _error([workdir, workdir]) == f'--workdir={path}: given twice'
  assert _error([workdir], 'a.txt') == (
    "--output: expected FILE.html, found 'a.txt'"
  )
  assert _error([workdir], str(tmp_path / 'no' / 'a.html')).startswith(
    f'--output={tmp_path}/no/a.html: '
  )
  workdir.metrics.write_text('{"kind": "train", "step": 1}\n{"ki\n')
  assert _error([workdir]).startswith(
    f'{workdir.metrics}, line 2: expected a JSON object: '
  )
