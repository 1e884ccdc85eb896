"""A user's mistake: one line on standard error, status 2, no traceback."""

import os
import pathlib
import subprocess
import sys

import jax
import pytest
from run_command import run_command

from t2t_jax import cli
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.training.stopping import Stopped, TrainingError

ROOT = pathlib.Path(__file__).parents[2]
QUICKSTART = '--config=configs/quickstart.py'
MAIN = ('main', QUICKSTART, '--workdir=w')


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
  """Nothing may be written into the checkout; its configs are found anyway."""
  monkeypatch.chdir(tmp_path)


@pytest.fixture
def two_files(tmp_path):
  (tmp_path / 'long').write_text('one\ntwo\n')
  (tmp_path / 'short').write_text('one\n')
  (tmp_path / 'empty').write_text('')


def assert_refuses(message, name, *arguments, stdin=b''):
  finished = run_command(name, *arguments, stdin=stdin)
  assert finished.stderr == f'{name}: {message}\n'
  assert (finished.status, finished.stdout) == (2, '')


# --- flags and configs --------------------------------------------------------


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (
      ['--workdir=w'],
      '--config: expected a file such as configs/base.py, found none',
    ),
    (
      ['--config=', '--workdir=w'],
      '--config: expected a file such as configs/base.py, found none',
    ),
    ([QUICKSTART], '--workdir: expected a directory, found none'),
    (
      ['--config=configs/quikstart.py', '--workdir=w'],
      '--config=configs/quikstart.py: no such file. Did you mean '
      "'quickstart.py'?",
    ),
    (
      ['--config.model.d_ff=8', '--workdir=w'],
      '--config.model.d_ff: needs --config=FILE too',
    ),
    (
      [QUICKSTART, '--workdir=w', 'runs'],
      "'runs': expected flags only, such as --name=value",
    ),
    (
      [QUICKSTART, '--wrkdir=w'],
      "Unknown command line flag 'wrkdir'. Did you mean: workdir ?",
    ),
  ],
)
def test_flags(arguments, message):
  assert_refuses(message, 'main', *arguments)


@pytest.mark.parametrize(
  ('override', 'message'),
  [
    (
      'model.d_modl=8',
      "--config.model.d_modl: config.model has no field 'd_modl'. Did you mean "
      "'d_model'?",
    ),
    (
      'modle.d_model=8',
      "--config.modle.d_model: config has no field 'modle'. Did you mean "
      "'model'?",
    ),
    (
      'mesh=8',
      '--config.mesh: is a section; set one of data, fsdp, tensor',
    ),
    (
      'training.steps.more=8',
      "--config.training.steps: is a value and has no field 'more'",
    ),
    (
      'training.steps=many',
      'flag --config.training.steps=many: invalid literal for int() with base '
      "10: 'many'",
    ),
    (
      'model.dropout_rate=high',
      'flag --config.model.dropout_rate=high: could not convert string to '
      "float: 'high'",
    ),
    (
      'optimizer.schedule=cosin',
      'config.optimizer.schedule: expected one of inverse_sqrt, cosine, '
      "constant, found 'cosin'. Did you mean 'cosine'?",
    ),
    (
      'mesh.fsdp=3',
      'config.mesh: 3 does not divide the 8 devices here; the nearest that '
      'fits is 2 x 4 x 1',
    ),
    (
      'mesh.tensor=3',
      'config.mesh: 3 does not divide the 8 devices here; the nearest that '
      'fits is 2 x 1 x 4',
    ),
  ],
)
def test_overrides(override, message):
  assert_refuses(message, *MAIN, f'--config.{override}')


def test_a_config_file_that_fails(tmp_path):
  (tmp_path / 'mine.py').write_text('def get_config():\n  return 1 / 0\n')
  assert_refuses(
    '--config=mine.py: ZeroDivisionError: division by zero',
    'prepare',
    '--config=mine.py',
  )


def test_a_config_with_a_field_too_many(tmp_path):
  (tmp_path / 'mine.py').write_text(
    'from t2t_jax.config_files import load\n'
    'def get_config():\n'
    "  config = load('configs/base.py')\n"
    '  with config.unlocked():\n'
    '    config.model.depth = 6\n'
    '  return config\n'
  )
  assert_refuses(
    'config.model.depth: there is no such field.',
    'prepare',
    '--config=mine.py',
  )


# --- text ---------------------------------------------------------------------


def _prepare_mine(*more):
  """The README's own data in five lines, in preparation alone."""
  return (
    'prepare',
    '--config=configs/base.py',
    '--config.data.directory=mine',
    '--config.data.train_source=train.en',
    '--config.data.train_target=train.de',
    '--config.data.dev_source=dev.en',
    '--config.data.dev_target=dev.de',
    '--config.data.test_source=test.en',
    '--config.data.test_target=test.de',
    '--config.vocabulary.size=300',
    *more,
  )


def _write_mine(tmp_path, **changed):
  texts = {
    f'{split}.{side}': ''.join(f'{word} {i} {word}\n' for i in range(50))
    for split in ('train', 'dev', 'test')
    for side, word in (('en', 'sheep'), ('de', 'Schaf'))
  }
  (tmp_path / 'mine').mkdir()
  for name, text in (texts | changed).items():
    if text is not None:
      (tmp_path / 'mine' / name).write_text(text)


def test_own_data_as_in_the_readme(tmp_path):
  _write_mine(tmp_path)
  finished = run_command(*_prepare_mine())
  assert finished.status == 0, finished.stderr


def test_a_missing_file_names_the_nearest(tmp_path):
  _write_mine(tmp_path, **{'train.de': None, 'trian.de': 'x\n'})
  assert_refuses(
    'config.data.train_target: there is no file mine/train.de, plain or .gz. '
    "Did you mean 'trian.de'?",
    *_prepare_mine(),
  )


def test_no_directory():
  assert_refuses(
    'config.data.train_source: expected the file mine/train.en, but there is '
    'no directory mine',
    *_prepare_mine(),
  )


def test_unequal_files(tmp_path):
  _write_mine(tmp_path, **{'train.de': 'ein Satz\n' * 49})
  finished = run_command(*_prepare_mine())
  assert finished.status == 2
  assert finished.stderr.endswith(
    'prepare: mine/train.en and mine/train.de: expected equal numbers of '
    'lines, found 50 and 49; mine/train.de ends at line 49\n'
  )
  assert 'Traceback' not in finished.stderr


# --- workdirs and checkpoints -------------------------------------------------


@pytest.mark.parametrize('command', ['translate', 'evaluate', 'average'])
def test_a_workdir_without_a_run(command, tmp_path):
  assert_refuses(
    f'--workdir={tmp_path}: expected a run of t2t_jax, found no config.json '
    'in it',
    command,
    f'--workdir={tmp_path}',
  )
  assert_refuses(
    f'--workdir={tmp_path}/none: no such directory',
    command,
    '--workdir=none',
  )


@pytest.mark.parametrize('command', ['translate', 'average'])
def test_no_workdir(command):
  assert_refuses('--workdir: expected a directory, found none', command)


@pytest.mark.parametrize(
  ('flag', 'message'),
  [
    (
      '--checkpoint=newest',
      'config.decoding.checkpoint: expected averaged, best, latest or a step, '
      "found 'newest'. Did you mean 'best'?",
    ),
    (
      '--checkpoint=3',
      '--checkpoint=3: expected one of averaged, best, latest, 2, 4.',
    ),
    (
      '--beam_size=0',
      'config.decoding.beam_size: expected at least 1, found 0',
    ),
    ('--input=none.en', '--input=none.en: No such file or directory'),
    (
      '--beam_size=two',
      "flag --beam_size=two: invalid literal for int() with base 10: 'two'",
    ),
  ],
)
def test_translate(trained, flag, message):
  assert_refuses(message, 'translate', trained.flag, flag)


def test_nbest_beyond_the_beam(trained):
  finished = run_command(
    'translate', trained.flag, '--nbest=3', stdin=b'He runs.\n'
  )
  assert finished.status == 2
  assert finished.stderr.splitlines()[-1] == (
    'translate: nbest: expected 1 to decoding.beam_size = 2, found 3'
  )


def test_the_output_may_not_be_the_input(trained, tmp_path):
  (tmp_path / 'text').write_text('He runs.\n')
  assert_refuses(
    '--output=text: is the --input, which would be lost',
    'translate',
    trained.flag,
    '--input=./text',
    '--output=text',
  )
  assert (tmp_path / 'text').read_text() == 'He runs.\n'
  assert_refuses(
    '--output=text: is the --reference, which would be lost',
    'evaluate',
    trained.flag,
    '--source=none',
    '--reference=text',
    '--output=text',
  )
  for flag in ('prefix', 'phrases'):
    assert_refuses(
      f'--output=text: is the --{flag}, which would be lost',
      'translate',
      trained.flag,
      f'--{flag}=text',
      '--output=text',
    )


def test_an_output_that_cannot_be_written(trained):
  finished = run_command('translate', trained.flag, '--output=none/out')
  assert finished.status == 2
  assert finished.stderr.endswith(
    'translate: --output=none/out: No such file or directory\n'
  )


def test_average_of_none(trained):
  assert_refuses(
    '--last=0: expected at least 1', 'average', trained.flag, '--last=0'
  )


def test_a_run_of_another_config(trained):
  finished = run_command('main', *trained.command, '--config.training.seed=9')
  assert finished.status == 2
  assert finished.stderr.splitlines()[-1] == (
    f'main: {trained.flag}: holds a run that differs in training.seed: '
    '1 -> 9. Give its own config to go on, or another workdir'
  )


def test_a_run_that_goes_on_elsewhere(trained):
  lock = Workdir(trained.directory).lock()
  try:
    finished = run_command('main', *trained.command)
  finally:
    lock.release()
  assert finished.status == 2
  assert f'{trained.flag}: another run works here' in finished.stderr
  assert len(finished.stderr.splitlines()) == 1


# --- score --------------------------------------------------------------------


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ([], '--source: expected a file, or - for standard input, found none'),
    (
      ['--source=long'],
      '--target: expected a file, or - for standard input, found none',
    ),
    (
      ['--source=-', '--target=-'],
      '--source and --target: only one of them can be -',
    ),
    (
      ['--source=long', '--target=none'],
      '--target=none: No such file or directory',
    ),
    (
      ['--source=long', '--target=short', '--output=./short'],
      '--output=./short: is the --target, which would be lost',
    ),
    (
      ['--source=long', '--target=long', '--format=xml'],
      'flag --format=xml: value should be one of <text|tokens|json>',
    ),
    (
      ['--source=long', '--target=long', '--length_penalty_alpha=-1'],
      'config.decoding.length_penalty_alpha: expected at least 0, found -1.0',
    ),
  ],
)
def test_score(trained, two_files, arguments, message):
  assert_refuses(message, 'score', trained.flag, *arguments)


def test_score_without_a_workdir(two_files):
  assert_refuses(
    '--workdir: expected a directory, found none',
    'score',
    '--source=long',
    '--target=long',
  )


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (
      ['--source=long', '--target=short'],
      '--source=long has 2 lines, --target=short has 1: expected as many',
    ),
    (
      ['--source=short', '--target=-'],
      '--source=short has 1 lines, --target=- has 3: expected as many',
    ),
    (
      ['--source=empty', '--target=empty'],
      '--source=empty: expected lines, found none',
    ),
    (
      ['--source=long', '--target=empty', '--nbest'],
      '--target=empty: expected lines, found none',
    ),
    (
      ['--source=long', '--target=short', '--nbest'],
      "short, line 1: expected 'number ||| text ||| score', found 'one'",
    ),
    (
      ['--source=long', '--target=-', '--nbest'],
      'standard input, line 3: expected a number below the 2 lines of '
      '--source=long, found 2',
    ),
  ],
)
def test_score_files(trained, two_files, arguments, message):
  nbest = b''.join(b'%d ||| a ||| -1.0\n' % i for i in range(3))
  finished = run_command('score', trained.flag, *arguments, stdin=nbest)
  assert (finished.status, finished.stdout) == (2, '')
  assert finished.stderr.splitlines()[1:] == [f'score: {message}']


# --- evaluate -----------------------------------------------------------------


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ([], 'expected --workdir, or --hypothesis and --reference'),
    (
      ['--reference=long'],
      'expected --workdir, or --hypothesis and --reference',
    ),
    (['--hypothesis=long'], '--hypothesis: needs --reference=FILE too'),
    (
      ['--hypothesis=long', '--reference=short'],
      '--hypothesis=long has 2 lines, --reference=short has 1: expected as '
      'many',
    ),
    (
      ['--hypothesis=none', '--reference=short'],
      '--hypothesis=none: No such file or directory',
    ),
    (
      ['--hypothesis=-', '--reference=-'],
      '--hypothesis=-: standard input can be read once, and was read already',
    ),
    (
      ['--hypothesis=long', '--reference=empty'],
      '--reference=empty: expected lines, found none',
    ),
    (
      ['--hypothesis=long', '--reference=long', '--beam_size=4'],
      '--beam_size: belongs to a model, but --hypothesis gives translations '
      'made already; give one of them',
    ),
    (
      ['--hypothesis=long', '--reference=long', '--ensemble=4'],
      '--ensemble: belongs to a model, but --hypothesis gives translations '
      'made already; give one of them',
    ),
    (
      ['--hypothesis=long', '--reference=long', '--tokenize=mozes'],
      'flag --tokenize=mozes: value should be one of '
      '<13a|none|intl|char|zh|ja-mecab|ko-mecab|flores200|spm|moses>',
    ),
    (
      ['--hypothesis=long', '--reference=long', '--source=short'],
      '--source=short has 1 lines, --reference=long has 2: expected as many',
    ),
    (
      ['--hypothesis=long', '--reference=long', '--tokenize=moses'],
      '--tokenize=moses, which multi_bleu and bleu_compounds have by default: '
      'needs --direction=SOURCE-TARGET too, such as en-de',
    ),
    (
      ['--hypothesis=long', '--reference=long', '--metrics=bleu_compounds'],
      '--tokenize=moses, which multi_bleu and bleu_compounds have by default: '
      'needs --direction=SOURCE-TARGET too, such as en-de',
    ),
    (
      ['--hypothesis=long', '--reference=long', '--direction=en'],
      '--direction=en: expected SOURCE-TARGET, such as en-de',
    ),
    (
      ['--hypothesis=long', '--reference=long', '--metrics=bleu,tr'],
      '--metrics: expected some of bleu, multi_bleu, bleu_compounds, chrf, '
      "chrf++, ter, exact_match, error_rate, bracket_f1, found 'tr'. Did you "
      "mean 'ter'?",
    ),
    (
      ['--hypothesis=long', '--reference=long', '--metrics='],
      '--metrics: expected some of bleu, multi_bleu, bleu_compounds, chrf, '
      'chrf++, ter, exact_match, error_rate, bracket_f1, found none',
    ),
    (
      ['--hypothesis=long', '--reference=long', '--comet=model'],
      '--comet: needs the sources too; give --source=FILE',
    ),
    (
      [
        '--hypothesis=long',
        '--reference=long',
        '--source=long',
        '--comet=model',
      ],
      "--comet=model: needs unbabel-comet (No module named 'comet'); install "
      'it in an environment of its own and name that by '
      '--comet_python=PATH/bin/python',
    ),
    (
      ['--hypothesis=long', '--reference=long', '--significance=both'],
      '--significance=both: compares systems; expected two or more '
      '--hypothesis, found one',
    ),
    (
      [
        '--hypothesis=long',
        '--hypothesis=long',
        '--reference=long',
        '--significance_trials=0',
      ],
      'flag --significance_trials=0: 0 is not a positive integer',
    ),
  ],
)
def test_evaluate_files(two_files, arguments, message):
  assert_refuses(message, 'evaluate', *arguments, stdin=b'one\n')


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['--source=long'], '--source and --reference: give both or none'),
    (
      ['--source=long', '--reference=short'],
      '--source=long has 2 lines, --reference=short has 1: expected as many',
    ),
    (
      ['--source=long', '--reference=long', '--output=none/out'],
      '--output=none/out: No such file or directory',
    ),
    (
      ['--output=long'],
      '--output=long: expected a directory for the test sets: File exists',
    ),
    (
      ['--direction=en-de'],
      '--direction: belongs to --hypothesis, found --workdir',
    ),
    (
      ['--significance=both'],
      '--significance: belongs to --hypothesis, found --workdir',
    ),
  ],
)
def test_evaluate_model(trained, two_files, arguments, message):
  assert_refuses(message, 'evaluate', trained.flag, *arguments)


# --- ends of other kinds ------------------------------------------------------


def _end_of(error, capsys, monkeypatch):
  def main():
    raise error

  monkeypatch.setattr(sys, 'argv', ['main'])
  with pytest.raises(SystemExit) as end:
    cli.run(main)
  return end.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
  ('error', 'status', 'line'),
  [
    (Stopped('saved; go on'), 75, 'saved; go on'),
    (TrainingError('step 3:\n  nan'), 1, 'step 3: nan'),
    (PermissionError(13, 'Denied', '/x'), 1, '/x: Denied'),
    (KeyboardInterrupt(), 1, 'interrupted'),
    (
      jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory.\nMore'),
      1,
      'RESOURCE_EXHAUSTED: Out of memory; docs/troubleshooting.md tells what '
      'to lower',
    ),
  ],
)
def test_statuses(error, status, line, capsys, monkeypatch):
  assert _end_of(error, capsys, monkeypatch) == (status, f'main: {line}\n')


def test_a_bug_keeps_its_traceback(monkeypatch):
  def main():
    raise RuntimeError('a bug')

  monkeypatch.setattr(sys, 'argv', ['main'])
  with pytest.raises(RuntimeError, match='a bug'):
    cli.run(main)


def test_help_names_the_flags():
  finished = run_command('translate', '--help')
  assert finished.status == 0
  assert finished.stdout.startswith('Translates lines with a trained model')
  for flag in ('workdir', 'input', 'output', 'nbest', 'beam_size'):
    assert f'\n  --{flag}: ' in finished.stdout
  assert '--verbosity' not in finished.stdout


def test_a_process_of_its_own(tmp_path):
  """The only test that pays for a start: nothing else is printed."""
  result = subprocess.run(
    [sys.executable, '-m', 't2t_jax.translate', '--workdir=none'],
    env={**os.environ, 'PYTHONPATH': str(ROOT)},
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.stderr == (
    f'translate: --workdir={tmp_path}/none: no such directory\n'
  )
  assert (result.returncode, result.stdout) == (2, '')
