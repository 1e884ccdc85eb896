"""docs/configs.md names each field of the config, in its section, and no
other."""

import re

from documents import ROOT

from t2t_jax import config_files
from t2t_jax.config import flatten, from_mapping

_TEXT = (ROOT / 'docs' / 'configs.md').read_text(encoding='utf-8')
_SECTIONS = dict(
  re.findall(
    r'^### (\w+)\n(.*?)(?=^##|\Z)',
    _TEXT[_TEXT.index('## The sections') :],
    re.MULTILINE | re.DOTALL,
  )
)


def test_every_field_is_in_its_section():
  config = from_mapping(config_files.load('configs/base.py'))
  fields = {}
  for key in flatten(config):
    section, _, name = key.rpartition('.')
    fields.setdefault(section or 'task', set()).add(name)
  assert list(fields) == list(_SECTIONS)
  for section, names in fields.items():
    text = _SECTIONS[section]
    rows = re.findall(r'^\|(.*?)\|', text, re.MULTILINE)
    told = ' '.join(rows) if rows else text
    named = set(re.findall(r'`(\w+)`', told))
    assert named == names, section


def test_every_recipe_is_named():
  for path in (ROOT / 'configs').glob('*.py'):
    assert f'](../configs/{path.name})' in _TEXT, path.name


def test_only_fields_that_are_there():
  """Such as `training.steps`, in every document."""
  flat = flatten(from_mapping(config_files.load('configs/base.py')))
  sections = {key.partition('.')[0] for key in flat if '.' in key}
  for path in (ROOT / 'docs').glob('*.md'):
    text = path.read_text(encoding='utf-8')
    for found in re.finditer(r'`(?:config\.)?(\w+)\.(\w+)(?:=[^`]*)?`', text):
      if found[1] in sections and found[2] != 'py':
        assert f'{found[1]}.{found[2]}' in flat, f'{path.name}: {found[0]}'
