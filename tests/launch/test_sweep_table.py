"""The table of a sweep, against figures worked out by hand."""

import csv
import json
import math
import statistics

import pytest
from sweep_rows import dev, make_config, make_row, scores, train, write_run

from t2t_jax.sweeps.table import make_table, write_table

STEPS = 1000  # of quickstart


def write_finished(row, nll, bleu, seconds=60.0, **options):
  write_run(
    row,
    train(500, seconds / 2),
    dev(500, nll, 10.0),
    train(STEPS, seconds),
    dev(STEPS, nll + 1, 20.0),
    *scores(STEPS, dev=bleu, heldout=bleu + 1),
    **options,
  )


@pytest.fixture
def rows(tmp_path):
  """Two settings by three seeds and one that has not begun."""
  rows = [
    make_row(tmp_path, name, seed, model__dropout_rate=rate)
    for name, rate in (('low', 0.1), ('high', 0.3))
    for seed in (1, 2, 3)
  ]
  for row, (nll, bleu) in zip(
    rows, ((1.0, 20.0), (1.5, 22.0), (2.0, 27.0), (3.0, 9.0)), strict=False
  ):
    write_finished(row, nll, bleu, seconds=100 * row.seed)
  write_run(rows[4], train(300, 33.0), dev(300, 4.0, 54.6))
  rows[5].workdir.mkdir()
  rows[5].failure_file.write_text('status 1: main: no | text\n')
  other = make_row(tmp_path, 'wide', 1, model__d_model=256)
  return [*rows, other]


def test_figures_are_means_over_finished_seeds(rows):
  low, high, wide = make_table(rows)
  assert low['mean'] == pytest.approx(
    {
      'parameters': 1000,
      'updates': STEPS,
      'train_seconds': 200,
      'dev_nll': 1.5,
      'dev_perplexity': 10.0,
      'bleu_dev': 23.0,
      'bleu_heldout': 24.0,
    }
  )
  # The sample's: squares 9 + 1 + 16 over 3 - 1.
  assert low['sd']['bleu_dev'] == pytest.approx(13**0.5)
  assert low['sd']['dev_nll'] == pytest.approx(0.5)
  assert low['sd']['train_seconds'] == statistics.stdev([100, 200, 300])
  assert (low['state'], low['finished_runs']) == ('done', 3)
  # One seed of three: no spread.
  assert (high['mean']['bleu_dev'], high['sd']) == (9.0, {})
  assert high['finished_runs'] == 1
  assert high['state'] == 'seed 2: step 300/1000; seed 3: failed'
  assert (wide['state'], wide['mean']) == ('not started', {})


def test_markdown(rows, tmp_path):
  lines = write_table(tmp_path, make_table(rows)).split('\n')
  cells = [[c.strip() for c in line.split(' | ')] for line in lines[:5]]
  # The order of the paper's Table 3.
  figures = ['updates', 'dev nll', 'dev perplexity', 'BLEU dev', 'BLEU heldout']
  assert cells[0][:8] == ['| row', 'differs', 'runs', *figures]
  assert cells[0][8:10] == ['parameters', 'train time']
  assert cells[2][:10] == [
    '| low',
    'd_model=128 dropout_rate=0.1',
    '3/3',
    '1,000',
    '1.5000 ± 0.5000',
    '10.00',
    '23.00 ± 3.61',
    '24.00 ± 3.61',
    '1,000',
    '3m20s ± 1m40s',
  ]
  assert cells[3][:3] == ['| high', 'dropout_rate=0.3', '1/3']
  assert cells[3][6] == '9.00'
  # As quickstart decodes and scores.
  assert (
    'BLEU: sacreBLEU, tokenize 13a (beam 4, penalty 0.6, last checkpoint)'
  ) in lines[6]
  assert cells[4][1] == 'd_model=256 dropout_rate=0.05'
  assert len({len(line) for line in lines[:5]}) == 1
  assert lines[-2] == 'high,seed=3 failed: status 1: main: no | text'


def test_csv_and_json(rows, tmp_path):
  write_table(tmp_path, make_table(rows))
  with open(tmp_path / 'table.csv', encoding='utf-8', newline='') as file:
    low, high, wide = csv.DictReader(file)
  assert low['dropout_rate'] == '0.1' and wide['d_model'] == '256'
  assert float(low['bleu_dev']) == 23.0
  assert float(low['bleu_dev_sd']) == pytest.approx(13**0.5)
  assert (high['bleu_dev'], high['bleu_dev_sd']) == ('9.0', '')
  table = json.loads((tmp_path / 'table.json').read_text())
  assert [run['seed'] for run in table[0]['runs']] == [1, 2, 3]
  assert table[0]['runs'][2]['figures']['bleu_dev'] == 27.0
  assert table[1]['runs'][2]['failure'] == 'status 1: main: no | text'


def test_a_single_run_shows_how_far_it_is(tmp_path):
  row = make_row(tmp_path, 'one')
  write_run(row, train(400, 9.5), dev(200, 3.0, 20.1), dev(400, 3.5, 33.1))
  (line,) = make_table([row])
  assert line['state'] == 'step 400/1000'
  assert line['mean'] == {
    'parameters': 1000,
    'updates': 400,
    'train_seconds': 9.5,
    'dev_nll': 3.0,
    'dev_perplexity': 20.1,
  }
  with open(row.workdir / 'metrics.jsonl', 'a') as file:
    file.write('{"kind": "train", "st')  # being written
  assert make_table([row])[0]['state'] == 'step 400/1000'


def test_numbers_that_are_none_do_not_win_nor_break_json(tmp_path):
  row = make_row(tmp_path, 'one')
  write_run(row, dev(1, 'nan', 'nan'), dev(2, 800.0, 'inf'))
  table = make_table([row])
  assert table[0]['mean']['dev_nll'] == 800.0
  write_table(tmp_path, table)
  text = (tmp_path / 'table.json').read_text()
  assert json.loads(text)[0]['mean']['dev_perplexity'] == 'inf'
  assert 'Infinity' not in text
  # Nor a deviation over seeds.
  rows = [make_row(tmp_path, 'two', seed) for seed in (1, 2)]
  write_finished(rows[0], 1.0, 20.0)
  write_finished(rows[1], math.inf, 22.0)
  (two,) = make_table(rows)
  assert two['sd']['bleu_dev'] == pytest.approx(2**0.5)
  assert math.isnan(two['sd']['dev_nll'])


# --- finished -----------------------------------------------------------------


def state_of(row):
  return make_table([row])[0]['state']


def test_finished_is_what_has_all_scores_of_this_config(tmp_path):
  def row(name, **changes):
    return make_row(tmp_path, name, **changes)

  whole = row('whole')
  write_finished(whole, 1.0, 20.0)
  assert state_of(whole) == 'done'

  unscored = row('unscored')
  write_run(unscored, train(STEPS, 1.0), *scores(STEPS, dev=1.0))
  assert state_of(unscored) == 'step 1000/1000'

  longer = row('longer', training__steps=2000)
  write_finished(longer, 1.0, 20.0, config=make_config())
  assert state_of(longer) == 'step 1000/2000'

  # Its config is the new one already, its scores are those from before.
  resumed = row('resumed', training__steps=2000)
  write_finished(resumed, 1.0, 20.0)
  assert state_of(resumed) == 'step 1000/2000'

  early = row('early', training__steps=2000, evaluation__patience=3)
  write_finished(early, 1.0, 20.0)
  assert state_of(early) == 'done'

  rescored = row('rescored', decoding__beam_size=9)
  write_finished(rescored, 1.0, 20.0, config=make_config())
  assert state_of(rescored) == 'step 1000/1000'


def test_what_is_no_translation_has_columns_of_its_own(tmp_path):
  row = make_row(tmp_path, 'tags')
  tests = [
    {'kind': 'test', 'step': STEPS, 'test_set': name, 'accuracy': accuracy}
    for name, accuracy in (('dev', 91.5), ('heldout', 90.25))
  ]
  write_run(row, train(STEPS, 9.0), dev(STEPS, 0.5, 1.6), *tests)
  [result] = make_table([row])
  assert result['state'] == 'done'
  assert result['mean']['accuracy_heldout'] == 90.25
  first = write_table(tmp_path, [result]).split('\n')[0]
  assert '| accuracy dev | accuracy heldout |' in first


def test_another_metric_has_columns_of_its_own(tmp_path):
  row = make_row(
    tmp_path,
    'g2p',
    1,
    evaluation__metric='error_rate',
    evaluation__best_metric='error_rate',
  )
  tests = [
    {'kind': 'test', 'step': STEPS, 'test_set': name, 'error_rate': rate}
    for name, rate in (('dev', 7.25), ('heldout', 8.5))
  ]
  write_run(row, train(STEPS, 60.0), dev(STEPS, 1.0, 2.7), *tests)
  table = make_table([row])
  assert table[0]['state'] == 'done'
  assert table[0]['mean']['error_rate_heldout'] == 8.5
  titles, _, cells = write_table(tmp_path, table).splitlines()[:3]
  by_title = dict(
    zip(
      (title.strip() for title in titles.split('|')),
      (cell.strip() for cell in cells.split('|')),
      strict=True,
    )
  )
  assert by_title['error rate dev'] == '7.25'
  assert by_title['error rate heldout'] == '8.50'
