"""Config files: which file a name means, and what a bad one says."""

import pathlib
import re

import pytest

from t2t_jax import config_files
from t2t_jax.config import from_mapping, to_dict
from t2t_jax.errors import UsageError

SHIPPED = pathlib.Path(__file__).parents[2] / 'configs'


@pytest.mark.parametrize('name', sorted(p.name for p in SHIPPED.glob('*.py')))
def test_every_shipped_config_passes_the_checks(name):
  assert from_mapping(config_files.load(f'configs/{name}'))


def write(directory, name, text):
  file = directory / name
  file.parent.mkdir(exist_ok=True)
  file.write_text(text)
  return file


def test_the_working_directorys_file_comes_before_the_installed(
  tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  assert config_files.load('configs/base.py').model.d_model == 512
  write(tmp_path, 'configs/base.py', 'def get_config(): return "mine"')
  assert config_files.load('configs/base.py') == 'mine'


def test_what_follows_the_colon_is_the_argument(tmp_path):
  file = write(tmp_path, 'row.py', 'def get_config(row): return row * 2')
  assert config_files.load(f'{file}:A') == 'AA'


def test_a_config_begins_with_the_one_beside_it(tmp_path):
  write(tmp_path, 'base.py', 'def get_config(): return 1')
  assert config_files.load_beside(str(tmp_path / 'more.py'), 'base.py') == 1


def assert_refuses(name, message):
  with pytest.raises(UsageError, match=f'^{re.escape(message)}$'):
    config_files.load(name)


def test_no_such_file_names_the_nearest(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  assert_refuses(
    'configs/bse.py',
    "--config=configs/bse.py: no such file. Did you mean 'base.py'?",
  )
  write(tmp_path, 'tiny.py', '')
  assert_refuses(
    'tiy.py', "--config=tiy.py: no such file. Did you mean 'tiny.py'?"
  )


def test_a_directory_is_no_config(tmp_path):
  assert_refuses(
    str(tmp_path), f'--config={tmp_path}: expected a file, found a directory'
  )


def test_a_file_of_another_kind_is_no_config(tmp_path):
  file = write(tmp_path, 'base.yaml', '')
  assert_refuses(
    str(file), f'{file}: expected a Python file, a name ending in .py'
  )


@pytest.mark.parametrize(
  'text, message',
  [
    ('x = ', 'SyntaxError: invalid syntax'),
    ('1 / 0', 'ZeroDivisionError: division by zero'),
    ('', 'AttributeError: module .* has no attribute .get_config.'),
    ('def get_config(row): return row', 'TypeError: .* missing 1 required'),
  ],
)
def test_a_file_that_fails_is_named_with_its_error(tmp_path, text, message):
  file = write(tmp_path, 'bad.py', text)
  with pytest.raises(UsageError, match=f'^--config={file}: {message}'):
    config_files.load(str(file))


def test_changes_are_those_of_the_command_line():
  changes = {'training.steps': 7, 'task': 'translation'}
  config = config_files.load_config('configs/base.py', changes)
  assert config.training.steps == 7
  mapping = config_files.load('configs/base.py')
  mapping.training.steps = 7
  assert config == from_mapping(mapping)


def test_a_runs_config_is_changed_likewise():
  base = config_files.load_config('configs/base.py')
  changes = {'training.init_from': 'runs/base', 'data.test_source': ()}
  changes |= {'data.test_target': ()}
  assert config_files.with_changes(base, changes) == (
    config_files.load_config('configs/base.py', changes)
  )
  assert base.training.init_from == ''
  with pytest.raises(UsageError, match=r'^config\.training\.stepz: there '):
    config_files.with_changes(base, {'training.stepz': 7})


def test_a_run_from_before_there_was_a_report_tells_what_it_told():
  values = config_files.base_values()
  del values['evaluation']['report']
  filled = config_files.with_base_values(values)
  assert filled['evaluation']['report'] == ('bleu', 'chrf++', 'ter')
  quickstart = config_files.load_config('configs/quickstart.py')
  values = to_dict(quickstart)
  del values['evaluation']['report']
  assert from_mapping(config_files.with_base_values(values)) == quickstart


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    (
      {'training.stepz': 7},
      "config.training.stepz: there is no such field. Did you mean 'steps'?",
    ),
    (
      {'trainin.steps': 7},
      'config.trainin.steps: there is no such field.',
    ),
    ({'task.kind': 7}, 'config.task.kind: there is no such field.'),
    ({'training': 7}, 'config.training: expected the fields '),
    ({'training.steps': 'many'}, 'config.training.steps: expected '),
  ],
)
def test_changes_that_cannot_be_are_named(changes, message):
  with pytest.raises(UsageError) as error:
    config_files.load_config('configs/base.py', changes)
  assert str(error.value).startswith(message)
