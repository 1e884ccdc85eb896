"""The run card of made-up runs; test_card_browser.py opens the page."""

import json
import os
import re

import made_run
import pytest
from card_reader import ReadPage, rows_of, write_card

from t2t_jax.config_files import base_values
from t2t_jax.errors import UsageError
from t2t_jax.reporting.card import facts, write
from t2t_jax.reporting.card.history import faults, history
from t2t_jax.reporting.card.markdown import markdown, plain
from t2t_jax.reporting.card.parts import Card, Section, Table
from t2t_jax.reporting.card.run import read_run
from t2t_jax.reporting.run_results import read_measured


def _run(tmp_path, **options):
  return read_run(made_run.make_run(tmp_path, **options), 'run')


# --- one run ------------------------------------------------------------------


def test_a_finished_run_is_told(tmp_path):
  workdir = made_run.make_run(tmp_path)
  said: list[str] = []
  text, told = write_card([workdir], said)
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
    assert expected in ReadPage(text).text, expected
  # Addresses may stand in the config's text.
  assert re.findall(r'<link|@import|\bsrc=|href="[^#]', text) == []
  assert "default-src 'none'" in text
  assert '| training.steps | 100000 | 20 |' in told
  assert '| Loss a token | train | 9 | 5.2 | 9 | 5.2 |' in told
  assert said == [
    f'wrote {workdir.path / "report.html"}',
    f'wrote {workdir.path / "report.md"}',
  ]


def test_each_corpus_has_its_counts(tmp_path):
  files = {
    f'data__train_{side}': (f'train.{end}', f'dev.{end}')
    for side, end in (('source', 'en'), ('target', 'de'))
  }
  run = _run(tmp_path, **files)
  section = facts.what_was_trained(run)
  [table] = [part for part in section.parts if isinstance(part, Table)]
  assert table.titles == [
    'After cleaning',
    'train',
    'train, train.en',
    'train, dev.en',
    'dev',
  ]
  assert ['pairs kept', '68', '60', '8', '8'] in rows_of(section)
  assert '| pairs kept | 68 | 60 | 8 | 8 |' in write_card([run.workdir])[1]


def test_figures_of_other_kinds_have_their_place(tmp_path):
  rows = [
    made_run.train_row(1),
    {'kind': 'dev', 'step': 1, 'nll': 2.5, 'f1': 0.5},
    {'kind': 'test', 'step': 1, 'test_set': 'heldout', 'accuracy': 0.75},
  ]
  section = facts.results(_run(tmp_path, rows=rows))
  assert rows_of(section) == [
    ['nll', '2.5000', '2.5000'],
    ['at step', '1', '1'],
    ['f1', '0.5000', '0.5000'],
  ]
  assert rows_of(section, 1) == [['heldout', '0.7500']]


def test_the_config_differs_where_it_does(tmp_path):
  run = _run(tmp_path, model__dropout_rate=0.1)
  rows = {row[0]: row[1:] for row in rows_of(facts.settings(run))}
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
  measured = [made_run.train_row(n, flops_per_second=5e9) for n in (1, 2, 3)]
  assert _run(tmp_path, rows=measured).flops() == pytest.approx(3e10)
  assert run.mfu() is None  # no data sheet of this CPU
  on_gpus = _run(tmp_path, record={'devices': '2 x NVIDIA H100 80GB HBM3'})
  assert on_gpus.mfu() == pytest.approx(run.flops() / 40 / (2 * 989e12))


def test_a_run_at_work_with_a_half_written_line(tmp_path):
  rows = made_run.finished_rows()[:3]
  record = {'sessions': [made_run.session(0)]}
  workdir = made_run.make_run(tmp_path, rows=rows, record=record)
  with workdir.metrics.open('a') as file:
    file.write('{"kind": "train", "st')
  text, _ = write_card([workdir])
  found = ReadPage(text).text
  assert 'Not finished: 3 of 20 updates' in found
  assert 'at work, or killed: no end recorded; its newest row is from' in found
  assert 'No evaluation yet.' in found


@pytest.mark.parametrize('rows', [[], [made_run.train_row(1)]])
def test_a_run_of_one_step_or_none(tmp_path, rows):
  text, told = write_card([made_run.make_run(tmp_path, rows=rows)])
  assert f'{len(rows)} of 20 updates' in ReadPage(text).text
  assert ('No figures yet.' in text) == (not rows)
  assert told.startswith('# run\n\nNot finished: ')


def test_a_run_stopped_by_nan(tmp_path):
  rows = [
    made_run.train_row(1),
    made_run.train_row(2, loss='nan', gradient_norm=None),
    made_run.dev_row(1, nll=None),
    made_run.dev_row(2, nll='inf', bleu='nan'),
  ]
  why = 'step 3: the loss is nan'
  record = {'sessions': [made_run.session(0, 3, why)]}
  workdir = made_run.make_run(tmp_path, rows=rows, record=record)
  text, told = write_card([workdir])
  found = ReadPage(text).text
  assert why in found
  assert 'Step 2: train loss is nan' in found
  assert 'Step 2: dev nll is inf' in found
  assert '**Step 2: train gradient norm is None**' in told
  data = text[text.index('id="data">') :]
  assert 'NaN' not in data[: data.index('</script>')]


def test_a_workdir_of_an_older_version(tmp_path):
  workdir = made_run.make_run(tmp_path)
  run = workdir.read_run()
  for name in ('sessions', 'commit', 'parameters', 'versions'):
    del run[name]
  workdir.run_file.write_text(json.dumps(run))
  found = ReadPage(write_card([workdir])[0]).text
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
  rows = rows_of(history(run))
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


def test_an_imported_model_is_told(tmp_path):
  workdir = made_run.make_run(tmp_path, rows=[])
  run = {'imported_from': made_run.HOSTILE, 'data_report': {}, 'mesh': {}}
  workdir.run_file.write_text(json.dumps(run))
  found = ReadPage(write_card([workdir])[0]).text
  assert f'Imported from {made_run.HOSTILE}.' in found
  with pytest.raises(UsageError) as error:
    read_measured(workdir.path)
  assert str(error.value) == (
    f'--workdir={workdir.path}: expected a run that was trained here, found a '
    f'model imported from {made_run.HOSTILE}'
  )


def test_modules_that_are_not_the_papers_are_told(tmp_path):
  record = {'modules': {'norm': made_run.HOSTILE}}
  runs = [
    made_run.make_run(tmp_path, 'own', record=record),
    made_run.make_run(tmp_path, 'paper'),
  ]
  alone = ReadPage(write_card(runs[:1])[0])
  assert f"not the paper's norm {made_run.HOSTILE}" in alone.text
  assert 'own modules norm \\<img' in write_card(runs)[1].replace(' |', '')


def test_a_damaged_vocabulary_leaves_the_rest(tmp_path):
  workdir = made_run.make_run(tmp_path)
  for file in workdir.tokenizer.iterdir():
    file.write_text('{')
  found = ReadPage(write_card([workdir])[0]).text
  assert 'Vocabulary segmented' in found
  assert 'Finished, 20 of 20 updates' in found


def test_runs_of_other_tasks_beside_each_other(tmp_path):
  """A translator, a parser, a language model and a labeller."""
  final = {'kind': 'test', 'step': 20, 'test_set': 'dev'}
  own = {
    'translator': ({}, {'bleu': 12.5}),
    'parser': (
      {'evaluation__metric': 'bracket_f1'},
      {'bracket_f1': 88.125, 'bleu': 1.0},
    ),
    'lm': (
      {
        'task': 'language_model',
        'model__num_encoder_layers': 0,
        'model__tie_source_target': False,
        'data__train_source': (),
        'data__dev_source': (),
      },
      {'perplexity': 31.5},
    ),
  }
  runs = []
  for name, (changes, figures) in own.items():
    rows = [
      *made_run.finished_rows()[:-1],
      made_run.dev_row(20, **figures),
      final | figures,
    ]
    (tmp_path / name).mkdir()
    runs.append(made_run.make_run(tmp_path / name, name, rows, **changes))
  text, told = write_card(runs)
  assert '| final bracket F1: dev |  | 88.12 |  |' in told
  assert '| final perplexity: dev |  |  | 31.50 |' in told
  assert '| best dev: bracket F1 |  | 88.12 |  |' in told
  alone = write_card([runs[1]])[1]
  assert 'bracket F1 88.12' in alone.splitlines()[2]
  assert 'onerror' not in ReadPage(text).attributes


# --- text ---------------------------------------------------------------------


def test_text_stays_text(tmp_path):
  plain_page = write_card([made_run.make_run(tmp_path)])[0]
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
  odd_page, told = write_card([odd])
  assert ReadPage(odd_page).tags == ReadPage(plain_page).tags
  assert 'onerror' not in ReadPage(odd_page).attributes
  assert made_run.HOSTILE in ReadPage(odd_page).text
  assert '<img' not in told.replace('\\<img', '')


def test_every_string_of_a_run_stays_text(tmp_path):
  """Directions, file names, config strings, figures, faults, versions."""
  hostile = f'</script>{made_run.HOSTILE}'
  config = {
    'data__source_language': hostile,
    'data__target_language': hostile,
    'data__tfds_name': hostile,
    'training__init_from': '',
    'vocabulary__source_model': '',
  }
  plain_page = write_card([made_run.make_run(tmp_path)])[0]
  rows = [
    made_run.train_row(1),
    made_run.train_row(2, loss=hostile),
    made_run.dev_row(2, **{hostile: 1.5}),
    made_run.final_row(hostile, bleu_signature=hostile, **{hostile: 2.5}),
  ]
  record = {
    'started': hostile,
    'data_fingerprint': hostile,
    'data_report': {'train': {hostile: 3, 'kept': 0}, hostile: {'kept': 2}},
    'mesh': {hostile: 1},
    'versions': {hostile: hostile},
    'commit': hostile,
    'sessions': [made_run.session(0, 2, hostile)],
  }
  odd = made_run.make_run(tmp_path, 'odd', rows, record=record, **config)
  (odd.path / 'damaged.<img src=x onerror=hacked()>').mkdir()
  for workdirs in ([odd], [odd, made_run.make_run(tmp_path, 'other')]):
    text, told = write_card(workdirs)
    page = ReadPage(text)
    assert set(page.tags) <= {*ReadPage(plain_page).tags, 'article'}
    assert 'onerror' not in page.attributes
    assert page.tags.count('script') == 2
    assert hostile in page.text
    assert '<' not in told.replace('\\<', '')


def test_a_name_that_is_no_text(tmp_path):
  """Bytes of a file name that are none of UTF-8."""
  name = os.fsdecode(b'run\xff')
  try:
    workdir = made_run.make_run(tmp_path, name)
  except (OSError, UnicodeError):
    pytest.skip('no such names here')
  text, told = write_card([workdir])
  assert '<h1>run?</h1>' in text
  assert told.startswith('# run?')


def test_labels_of_curves_stay_text(tmp_path):
  name = f'</script>{made_run.HOSTILE}'.replace('/', '')
  runs = [
    made_run.make_run(tmp_path, name),
    made_run.make_run(tmp_path, 'other'),
  ]
  text = write_card(runs)[0]
  data = text[text.index('id="data">') + 10 :].partition('</script>')[0]
  assert json.loads(data)[0]['lines'][0]['label'] == name
  assert '<img' not in text


def test_markdown_means_nothing():
  assert plain('a|b *c* <i>\n[d](e) & _f_') == (
    r'a\|b \*c\* \<i\> \[d\](e) &amp; \_f\_'
  )
  card = Card('t', 'l', [Section('s', [Table(['a|b'], [['x\ny']])])])
  assert '| a\\|b |\n| :-- |\n| x y |' in markdown(card)


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
  first = json.dumps(made_run.train_row(1))
  for line in (
    '[]',
    '[["kind", "train"], ["step", 2]]',
    '{}',
    '{"kind": "train"}',
    '{"kind": "train", "step": 2}',
    '{"kind": "train", "step": "2", "train_seconds": 1}',
    '{"kind": "test", "step": 2}',
    '3',
    'null',
  ):
    workdir.metrics.write_text(f'{first}\n{line}\n')
    assert _error([workdir]).startswith(
      f'{workdir.metrics}, line 2: expected a row with kind, step and what '
      'belongs to its kind, found '
    )
  workdir.metrics.write_bytes(first.encode() + b'\n\x00\x00\xff\n')
  assert _error([workdir]).startswith(f'{workdir.metrics}, line 2: expected ')
  workdir.metrics.write_text(f'{first}\n{{"ki\n')
  assert _error([workdir]).startswith(
    f'{workdir.metrics}, line 2: expected a JSON object: '
  )
