"""The shape of the house: imports run one way, files stay readable."""

import ast
import pathlib
import subprocess
import sys
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / 't2t_jax'

# A room may import from itself and from the floors above it in this list.
FLOORS = (
  {'t2t_jax', 'errors'},
  {'config'},
  {'data', 'model'},
  {'parallel'},
  {'checkpoints'},
  {'decoding'},
  {'evaluation'},
  {'training'},
  {'planning', 'exchange'},
  {'reporting'},
  {'cli', 'terminal'},
  {'sweeps'},
  {
    'main',
    'prepare',
    'translate',
    'score',
    'generate',
    'tag',
    'evaluate',
    'average',
    'visualize',
    'doctor',
    'report',
    'export',
    'import_weights',
    'cost',
  },
)
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
MODULES = sorted(PACKAGE.rglob('*.py'))
BENCHMARKS = sorted((ROOT / 'benchmarks').rglob('*.py'))
EXAMPLES = sorted((ROOT / 'examples').glob('*.py'))
LAUNCH = sorted((ROOT / 'launch').glob('*.py'))
LONGEST = 310


def _room(module):
  """The room of a dotted module name: t2t_jax.data.corpora -> data."""
  parts = module.split('.')
  room = parts[1] if len(parts) > 1 else parts[0]
  return 'config' if room.startswith('config_') else room


def _imports(path):
  """Yields (dotted name, whether it is inside a function) of each import."""
  tree = ast.parse(path.read_text(encoding='utf-8'))
  inside = {
    id(child)
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in ast.walk(node)
  }
  # For annotations alone: nothing is imported when the program runs.
  for node in ast.walk(tree):
    if isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING':
      inside |= {id(child) for child in ast.walk(node)}
      for child in ast.walk(node):
        child.names = []
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      for alias in node.names:
        yield alias.name, id(node) in inside
    elif isinstance(node, ast.ImportFrom) and node.names:
      assert node.level == 0, f'{path}: relative import'
      if node.module == 't2t_jax':
        for alias in node.names:
          yield f't2t_jax.{alias.name}', id(node) in inside
      else:
        yield node.module, id(node) in inside


def _name(path):
  return str(path.relative_to(ROOT))


@pytest.mark.parametrize('path', MODULES, ids=_name)
def test_imports_run_one_way(path):
  room = _room('.'.join(path.relative_to(ROOT).with_suffix('').parts))
  room = 't2t_jax' if room == '__init__' else room
  assert room in FLOOR, f'a new room: {room}'
  for name, _ in _imports(path):
    if not name.startswith('t2t_jax'):
      continue
    other = _room(name)
    if other not in FLOOR:  # a name of t2t_jax itself, such as __version__
      continue
    assert FLOOR[other] < FLOOR[room] or other == room, f'{room} -> {other}'


@pytest.mark.parametrize('path', MODULES, ids=_name)
def test_what_may_not_be_imported(path):
  room = path.relative_to(PACKAGE).parts[0]
  banned = {'tensorflow', 'torch', 'benchmarks'}
  if room in ('data', 'errors.py') or room.startswith('config'):
    banned |= {'jax', 'jaxlib', 'flax', 'optax', 'orbax'}
  if room == 'model':
    banned |= {'absl', 'ml_collections', 'orbax'}
  for name, is_inside in _imports(path):
    top = name.split('.')[0]
    assert top not in banned, name
    if top == 'tensorflow_datasets':
      assert is_inside, 'costs every start a second'


@pytest.mark.parametrize(
  'path', [*MODULES, *BENCHMARKS, *EXAMPLES, *LAUNCH], ids=_name
)
def test_files_can_be_read_at_one_sitting(path):
  lines = path.read_text(encoding='utf-8').count('\n')
  assert lines <= LONGEST


@pytest.mark.parametrize('path', BENCHMARKS, ids=_name)
def test_engines_are_imported_where_they_are_asked_for(path):
  """Absent ones are left out, so only their own files may need them."""
  engines = {'ctranslate2', 'torch'}
  own = path.stem.split('_')[0]
  for name, _ in _imports(path):
    top = name.split('.')[0]
    assert top not in engines - {own}, name


def test_config_and_data_start_without_jax():
  modules = [
    '.'.join(path.relative_to(ROOT).with_suffix('').parts)
    for path in MODULES
    if _room('.'.join(path.relative_to(ROOT).with_suffix('').parts))
    in ('errors', 'config', 'data')
  ]
  program = (
    'import importlib, sys\n'
    f'for name in {modules}: importlib.import_module(name)\n'
    "print([m for m in ('jax', 'tensorflow', 'flax') if m in sys.modules])"
  )
  result = subprocess.run(
    [sys.executable, '-c', program],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.stdout == '[]\n', result.stderr


def test_what_the_package_gives_out():
  """What type checkers are told of is what there is, by the same name."""
  import t2t_jax

  tree = ast.parse((PACKAGE / '__init__.py').read_text())
  [told] = [node for node in tree.body if isinstance(node, ast.If)]
  assert {
    alias.asname: node.module for node in told.body for alias in node.names
  } == t2t_jax._LAZY
  for name in t2t_jax._LAZY:
    assert getattr(t2t_jax, name).__name__ == name


def test_the_wheel_carries_every_package():
  pyproject = tomllib.loads((ROOT / 'pyproject.toml').read_text())
  listed = pyproject['tool']['setuptools']['packages']
  found = {
    '.'.join(path.parent.relative_to(ROOT).parts)
    for path in PACKAGE.rglob('__init__.py')
  }
  assert set(listed) == found | {'t2t_jax.configs'}


def test_the_wheel_carries_what_the_packages_read():
  pyproject = tomllib.loads((ROOT / 'pyproject.toml').read_text())
  carried = {
    path
    for package, patterns in pyproject['tool']['setuptools'][
      'package-data'
    ].items()
    for pattern in patterns
    for path in ROOT.joinpath(*package.split('.')).glob(pattern)
  }
  there = {
    path
    for path in PACKAGE.rglob('*')
    if path.is_file() and path.suffix not in ('.py', '.pyc')
  }
  assert carried == there
  assert PACKAGE / 'py.typed' in there  # type checkers are told of the types


def test_every_command_is_a_console_script():
  pyproject = tomllib.loads((ROOT / 'pyproject.toml').read_text())
  modules = {
    target.partition(':')[0].removeprefix('t2t_jax.')
    for target in pyproject['project']['scripts'].values()
  }
  assert modules == FLOORS[-1]
