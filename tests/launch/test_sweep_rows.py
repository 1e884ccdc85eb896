"""Which rows a sweep has, what they are called, and which are refused."""

import pathlib

import pytest

from t2t_jax.errors import UsageError
from t2t_jax.sweeps.record import add_rows, read_rows
from t2t_jax.sweeps.rows import make_rows

QUICKSTART, BASE = 'configs/quickstart.py', 'configs/base.py'
DROPOUT = 'config.model.dropout_rate=0,0.1'
DIRECTORY = pathlib.Path('runs/x')


def rows_of(*files, sweeps=(), seeds=(), overrides=()):
  return make_rows(files, sweeps, seeds, overrides, DIRECTORY)


def test_one_config_is_one_row():
  (row,) = rows_of(QUICKSTART)
  assert (row.name, row.seed, row.title) == ('quickstart', None, 'quickstart')
  assert row.arguments == (
    '--config=configs/quickstart.py',
    '--workdir=runs/x/quickstart',
  )


def test_configs_values_and_seeds_are_combined_in_order():
  rows = rows_of(
    QUICKSTART,
    BASE,
    sweeps=[DROPOUT, 'config.training.steps=10,20'],
    seeds=[3, 1],
    overrides=['config.optimizer.warmup_steps=7'],
  )
  expected = [
    (file, rate, steps, seed)
    for file in ('quickstart', 'base')
    for rate in ('0', '0.1')
    for steps in ('10', '20')
    for seed in (3, 1)
  ]
  assert [row.title for row in rows] == [
    f'{file},dropout_rate={rate},steps={steps},seed={seed}'
    for file, rate, steps, seed in expected
  ]
  for row, (file, rate, steps, seed) in zip(rows, expected, strict=True):
    assert row.name == f'{file},dropout_rate={rate},steps={steps}'
    assert row.config.model.dropout_rate == float(rate)
    assert row.config.training.steps == int(steps)
    assert row.config.training.seed == row.seed == seed
    assert row.config.optimizer.warmup_steps == 7
    assert row.arguments == (
      f'--config=configs/{file}.py',
      f'--workdir=runs/x/{row.title}',
      '--config.optimizer.warmup_steps=7',
      f'--config.model.dropout_rate={rate}',
      f'--config.training.steps={steps}',
      f'--config.training.seed={seed}',
    )


def test_keys_that_end_alike_keep_their_section():
  rows = rows_of(
    QUICKSTART,
    sweeps=['config.checkpoint.every_steps=5', 'config.logging.every_steps=9'],
  )
  title = 'quickstart,checkpoint.every_steps=5,logging.every_steps=9'
  assert rows[0].title == title


def test_a_name_is_a_directory_of_any_value():
  (row,) = rows_of(QUICKSTART, sweeps=['config.data.cache_dir=/a b/$c'])
  assert row.title == 'quickstart,cache_dir=_a_b__c'
  assert row.config.data.cache_dir == '/a b/$c'


def test_a_files_rows_are_its_arguments(tmp_path):
  file = tmp_path / 'sizes.py'
  file.write_text(
    'from t2t_jax.config_files import load\n'
    'def rows():\n'
    '  yield from ("16", "32")\n'
    'def get_config(width="64"):\n'
    '  config = load("configs/quickstart.py")\n'
    '  config.model.d_model = int(width)\n'
    '  return config\n'
  )
  rows = rows_of(str(file), sweeps=[DROPOUT])
  assert [(row.config.model.d_model, row.title) for row in rows] == [
    (16, 'sizes-16,dropout_rate=0'),
    (16, 'sizes-16,dropout_rate=0.1'),
    (32, 'sizes-32,dropout_rate=0'),
    (32, 'sizes-32,dropout_rate=0.1'),
  ]
  assert rows[2].arguments[0] == f'--config={file}:32'
  (one,) = rows_of(f'{file}:48')
  assert (one.title, one.config.model.d_model) == ('sizes-48', 48)


@pytest.mark.parametrize(
  ('body', 'message'),
  [
    ('def rows(): return [1]', 'rows(): expected names, found 1'),
    ('def rows(): return [""]', "rows(): expected names, found ''"),
    ('def rows(): return 1/0', 'ZeroDivisionError: division by zero'),
  ],
)
def test_rows_that_are_no_names_are_refused(tmp_path, body, message):
  file = tmp_path / 'wrong.py'
  file.write_text(body + '\n')
  with pytest.raises(UsageError) as error:
    rows_of(str(file))
  assert str(error.value) == f'{file}: {message}'


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({}, 'expected config files such as configs/base.py, found none'),
    (
      {'sweeps': ['model.d_model=8']},
      '--sweep=model.d_model=8: expected config.key=value1,value2, such as '
      'config.model.d_model=256,512',
    ),
    (
      {'sweeps': ['config.model.d_model=8,,16']},
      '--sweep=config.model.d_model=8,,16: expected config.key=value1,value2, '
      'such as config.model.d_model=256,512',
    ),
    (
      {'sweeps': ['config.model.d_model=8,8']},
      '--sweep=config.model.d_model=8,8: expected values unlike each other',
    ),
    ({'seeds': [1, 1]}, '--seeds: expected values unlike each other'),
    (
      {'sweeps': [DROPOUT], 'overrides': ['config.model.dropout_rate=0.2']},
      '--config.model.dropout_rate: expected one of --sweep, --seeds and the '
      'setting for all rows, found more',
    ),
    (
      {'sweeps': ['config.training.seed=1,2'], 'seeds': [3]},
      '--config.training.seed: expected one of --sweep, --seeds and the '
      'setting for all rows, found more',
    ),
    (
      {'files': [QUICKSTART, QUICKSTART]},
      'two rows are called quickstart: --config=configs/quickstart.py '
      '--workdir=runs/x/quickstart and --config=configs/quickstart.py '
      '--workdir=runs/x/quickstart',
    ),
    (
      {'sweeps': ['config.model.d_modle=8']},
      "--config.model.d_modle: config.model has no field 'd_modle'. Did you "
      "mean 'd_model'?",
    ),
    (
      {'sweeps': ['config.model.activation=relu,rellu']},
      'config.model.activation: expected one of relu, gelu, swish, found '
      "'rellu'. Did you mean 'relu'?",
    ),
  ],
)
def test_mistakes_are_told_before_anything_starts(arguments, message):
  files = arguments.pop('files', [QUICKSTART] if arguments else [])
  with pytest.raises(UsageError) as error:
    rows_of(*files, **arguments)
  assert str(error.value) == message


# --- record -------------------------------------------------------------------


def test_rows_are_remembered_in_the_order_they_came(tmp_path):
  first = make_rows([QUICKSTART], [DROPOUT], [1, 2], [], tmp_path)
  assert add_rows(tmp_path, first[2:]) == first[2:]
  assert add_rows(tmp_path, first) == [*first[2:], *first[:2]]
  assert read_rows(tmp_path) == [*first[2:], *first[:2]]


def test_what_is_no_sweep_is_refused(tmp_path):
  with pytest.raises(UsageError) as error:
    read_rows(tmp_path)
  assert str(error.value) == (
    f'--workdir={tmp_path}: expected a sweep, found no sweep.json in it'
  )
  (tmp_path / 'sweep.json').write_text('[{"title": "a"}]')
  with pytest.raises(UsageError, match='not readable as a sweep'):
    read_rows(tmp_path)
