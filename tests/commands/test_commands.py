"""The commands, on the workdir of a tiny run."""

import gzip
import hashlib
import json
import math
import re
import shlex

import pytest
import sacrebleu
from run_command import run_command

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.data.corpora import read_split

LINES = ['The dog sleeps.', 'A small child sees the big house.', 'He runs.']


@pytest.fixture(scope='module')
def translations(trained):
  """What LINES become, from standard input to standard output."""
  finished = run_command('translate', trained.flag, stdin=_bytes(LINES))
  assert finished.status == 0, finished.stderr
  assert finished.stderr == 'translating with average of checkpoints 2, 4\n'
  assert len(finished.lines) == len(LINES)
  return finished.lines


@pytest.fixture(scope='module')
def heldout(trained):
  """The held-out pairs, read from the grammar, not from the run."""
  config = Workdir(trained.directory).read_config()
  return list(read_split(config.data, 'heldout'))


def _bytes(lines):
  return ''.join(f'{line}\n' for line in lines).encode()


# --- main ---------------------------------------------------------------------


def test_a_run_ends_with_scores_and_translations(trained, heldout):
  output = trained.finished.stdout
  signature = re.escape('nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:')
  for name in ('dev', 'held-out'):
    assert re.search(rf'^{name} BLEU [\d.]+ \(.*{signature}', output, re.M)
  sources = re.findall(r'^source      (.*)$', output, re.M)
  assert len(sources) == 5
  assert set(sources) <= {source for source, _ in heldout}
  assert len(re.findall(r'^translation ', output, re.M)) == 5


def test_the_command_that_it_ends_with_works(trained):
  command = trained.finished.lines[-1]
  echo, _, translate = command.partition(' | ')
  sentence = shlex.split(echo)[1]
  _, m, module, workdir = shlex.split(translate)
  assert (m, module) == ('-m', 't2t_jax.translate')
  finished = run_command('translate', workdir, stdin=_bytes([sentence]))
  assert finished.status == 0, finished.stderr
  assert len(finished.lines) == 1


def test_the_same_command_again_only_scores_again(trained):
  again = run_command('main', *trained.command)
  assert again.status == 0, again.stderr
  assert 'resuming after step 4' in again.stderr
  assert 'step 1/' not in again.stderr
  assert again.stdout == trained.finished.stdout


# --- prepare ------------------------------------------------------------------


def test_prepare_reports_and_finds_what_is_there(trained):
  options = [x for x in trained.command if not x.startswith('--workdir')]
  prepared = run_command('prepare', *options)
  assert prepared.status == 0, prepared.stderr
  report = json.loads(prepared.stdout[: prepared.stdout.rindex('}') + 1])
  run = json.loads((trained.directory / 'run.json').read_text())
  assert report == run['data_report']
  assert run['data_fingerprint'].startswith(prepared.lines[-1].split('/')[-1])


# --- translate ----------------------------------------------------------------


def test_order_and_files_change_nothing(trained, translations, tmp_path):
  (tmp_path / 'in').write_bytes(_bytes(LINES[::-1]))
  finished = run_command(
    'translate',
    trained.flag,
    f'--input={tmp_path / "in"}',
    f'--output={tmp_path / "out"}',
  )
  assert (finished.status, finished.stdout) == (0, '')
  assert (tmp_path / 'out').read_bytes() == _bytes(translations[::-1])


def test_one_line_out_for_each_line_in(trained, translations, tmp_path):
  odd = [
    b'',
    b'  \t ',
    b'dog ' * 300,
    b'x' * 500,
    'Zoë 🐕 犬\u2028\x85 \x00'.encode(),
    b'\xff\xfe broken',
    b'The end\r',
  ]
  with gzip.open(tmp_path / 'in.gz', 'wb') as file:
    # The last line has no end.
    file.write(_bytes(LINES) + b'\n'.join(odd))
  finished = run_command(
    'translate', trained.flag, f'--input={tmp_path / "in.gz"}'
  )
  assert finished.status == 0, finished.stderr
  assert len(finished.lines) == len(LINES) + len(odd)
  assert finished.lines[: len(LINES) + 2] == [*translations, '', '']
  assert len(finished.stdout.splitlines()) == len(finished.lines)
  assert (
    f'{tmp_path / "in.gz"}, line 9: not UTF-8; its bad bytes became U+FFFD'
    in finished.stderr
  )


def test_no_lines_become_no_lines(trained):
  assert run_command('translate', trained.flag).stdout == ''


def test_nbest_is_numbered_and_sorted(trained, translations):
  finished = run_command(
    'translate', trained.flag, '--nbest=2', stdin=_bytes(LINES)
  )
  rows = [line.split(' ||| ') for line in finished.lines]
  assert [row[0] for row in rows] == ['0', '0', '1', '1', '2', '2']
  assert [row[1] for row in rows[::2]] == translations
  for first, second in zip(rows[::2], rows[1::2], strict=True):
    assert 0 > float(first[2]) >= float(second[2])


@pytest.mark.parametrize(
  'checkpoint, origin',
  [
    ('latest', 'checkpoint 4'),
    ('2', 'checkpoint 2'),
    ('best', 'checkpoint 4'),
    ('averaged', 'average of checkpoints 2, 4'),
  ],
)
def test_checkpoint_chooses_the_parameters(trained, checkpoint, origin):
  finished = run_command(
    'translate', trained.flag, f'--checkpoint={checkpoint}', stdin=b'He runs.\n'
  )
  assert re.fullmatch(f'translating with {origin}\n', finished.stderr)
  assert len(finished.lines) == 1


# --- average ------------------------------------------------------------------


def test_average_writes_what_averaged_then_means(trained):
  try:
    one = run_command('average', trained.flag, '--last=1')
    assert one.stdout == (
      f'{trained.directory}/averaged: average of 1 checkpoints, steps 4\n'
    )
    alone, latest = (
      run_command('translate', trained.flag, *flags, stdin=_bytes(LINES))
      for flags in ([], ['--checkpoint=latest'])
    )
    assert alone.stderr == 'translating with average of checkpoints 4\n'
    assert alone.stdout == latest.stdout
  finally:
    both = run_command('average', trained.flag)
  assert both.stdout.endswith('average of 2 checkpoints, steps 2, 4\n')


# --- evaluate -----------------------------------------------------------------


def test_evaluate_scores_the_configs_test_set(trained, heldout, tmp_path):
  finished = run_command(
    'evaluate', trained.flag, f'--output={tmp_path / "out"}', '--json'
  )
  assert finished.status == 0, finished.stderr
  written = (tmp_path / 'out' / 'heldout.txt').read_text()
  hypotheses = written.split('\n')[:-1]
  references = [[target for _, target in heldout]]
  scores = finished.last_json['test_sets']['heldout']
  assert scores['bleu'] == sacrebleu.corpus_bleu(hypotheses, references).score
  assert (
    scores['chrf++']
    == sacrebleu.corpus_chrf(hypotheses, references, word_order=2).score
  )
  assert scores['sentences'] == 12
  assert scores['direction'] == 'en-de'
  content = ''.join(f'{source}\t{target}\n' for source, target in heldout)
  sha256 = hashlib.sha256(content.encode()).hexdigest()
  assert scores['sha256'] == sha256
  assert (
    f'heldout: 12 lines, en-de, sha256 of sources and references {sha256[:16]}'
    in finished.lines
  )
  assert finished.last_json['parameters'] == 'average of checkpoints 2, 4'
  assert f'heldout: BLEU = {scores["bleu"]:.2f} (' in finished.stdout
  # The run itself ended with the same.
  assert f'held-out BLEU {scores["bleu"]:.2f} (' in trained.finished.stdout


def test_evaluate_scores_given_text(trained, translations, tmp_path):
  (tmp_path / 'in').write_bytes(_bytes(LINES))
  (tmp_path / 'reference').write_bytes(_bytes(translations))
  finished = run_command(
    'evaluate',
    trained.flag,
    f'--source={tmp_path / "in"}',
    f'--reference={tmp_path / "reference"}',
    f'--output={tmp_path / "out"}',
    '--tokenize=none',
    '--json',
  )
  assert finished.status == 0, finished.stderr
  assert (tmp_path / 'out').read_bytes() == _bytes(translations)
  scores = finished.last_json['test_sets']['in']
  assert scores['chrf++'] == pytest.approx(100)
  assert scores['ter'] == 0
  assert 'tok:none' in scores['bleu_signature']


def test_evaluate_compares_two_systems(tmp_path):
  references = [f'this is sentence number {i} of them all' for i in range(40)]
  worse = [line.replace('number', 'nr') for line in references]
  for name, lines in (('ref', references), ('a', references), ('b', worse)):
    (tmp_path / name).write_bytes(_bytes(lines))
  finished = run_command(
    'evaluate',
    f'--hypothesis={tmp_path / "a"}',
    f'--hypothesis={tmp_path / "b"}',
    f'--reference={tmp_path / "ref"}',
    '--metrics=bleu,ter',
    '--significance_trials=200',
    '--json',
  )
  assert finished.status == 0, finished.stderr
  assert finished.last_json['test_set']['lines'] == 40
  first, second = finished.last_json['systems']
  assert first['bleu'] == pytest.approx(100)
  assert second['bleu'] == sacrebleu.corpus_bleu(worse, [references]).score
  # Of 8 words a sentence one is wrong.
  assert second['ter'] == pytest.approx(100 / 8)
  tests = finished.last_json['significance']
  assert [(test['test'], test['metric']) for test in tests] == [
    ('paired bootstrap', 'bleu'),
    ('paired bootstrap', 'ter'),
    ('paired approximate randomization', 'bleu'),
    ('paired approximate randomization', 'ter'),
  ]
  for test in tests:
    assert (test['trials'], test['seed']) == (200, 12345)
    assert test['systems'][0]['p'] is None
    assert test['systems'][1]['p'] < 0.01
  assert re.search(r'/b: BLEU = .* p = 0\.00', finished.stdout)


@pytest.mark.parametrize(
  ('chosen', 'tests'),
  [
    ('none', []),
    ('bootstrap', ['paired bootstrap']),
    ('randomization', ['paired approximate randomization']),
  ],
)
def test_evaluate_tests_as_it_is_told(tmp_path, chosen, tests):
  (tmp_path / 'text').write_text('one two three four five\n' * 3)
  path = tmp_path / 'text'
  finished = run_command(
    'evaluate',
    f'--hypothesis={path}',
    f'--hypothesis={path}',
    f'--reference={path}',
    '--metrics=bleu',
    f'--significance={chosen}',
    '--significance_trials=20',
    '--significance_seed=3',
    '--json',
  )
  found = finished.last_json['significance']
  assert [test['test'] for test in found] == tests
  assert all(test['seed'] == 3 for test in found)
  assert all(test['systems'][1]['p'] == 1 for test in found)


def test_evaluate_scores_every_line_as_the_paper_did(tmp_path):
  """Empty lines count; compounds are split; the source gives the lengths."""
  files = {
    'src': 'the rich-text format\n\nagain and\n',
    'hyp': 'das rich-text Format hier\n\n\n',
    'ref': 'das rich-text Format hier\nnichts\nund noch\n',
  }
  for name, text in files.items():
    (tmp_path / name).write_text(text)
  finished = run_command(
    'evaluate',
    f'--hypothesis={tmp_path / "hyp"}',
    f'--reference={tmp_path / "ref"}',
    f'--source={tmp_path / "src"}',
    '--direction=en-de',
    '--tokenize=none',
    '--metrics=bleu_compounds',
    '--json',
  )
  assert finished.status == 0, finished.stderr
  (system,) = finished.last_json['systems']
  # das rich ##AT##-##AT## text Format hier: 6 tokens of 9, all of them right.
  assert system['bleu_compounds'] == pytest.approx(100 * math.exp(1 - 9 / 6))
  assert system['sentences'] == 3
  assert finished.last_json['test_set']['direction'] == 'en-de'
  assert finished.lines[0].startswith('3 lines, en-de, sha256 of sources and')
  assert 'BLEU of given tokens, compounds split = 60.65 (' in finished.lines[1]
  assert '60.65 for 3 lines of 0-10 source words' in finished.lines[2]
