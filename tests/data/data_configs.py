"""Configs and text files for the tests of data/."""

import importlib.util
from pathlib import Path

from t2t_jax import config as config_lib

_BASE = Path(__file__).parents[2] / 'configs' / 'base.py'


def make_config(directory, **changes):
  """Returns base's config for text in `directory`.

  Args:
    directory: of train.en, train.de, dev.en and dev.de; the cache lies in it.
    **changes: values of fields of data and vocabulary, by name;
      `vocabulary_kind` is vocabulary.kind.
  """
  spec = importlib.util.spec_from_file_location('base', _BASE)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  config = module.get_config()
  values = {
    'directory': str(directory),
    'train_source': ('train.en',),
    'train_target': ('train.de',),
    'dev_source': ('dev.en',),
    'dev_target': ('dev.de',),
    'test_source': (),
    'test_target': (),
    'cache_dir': str(directory / 'cache'),
    'size': 300,
    'normalization': 'identity',
    **changes,
  }
  if 'vocabulary_kind' in values:
    config.vocabulary.kind = values.pop('vocabulary_kind')
  for name, value in values.items():
    section = config.data if name in config.data else config.vocabulary
    is_one = isinstance(section[name], tuple) and isinstance(value, str)
    section[name] = (value,) if is_one else value
  config.model.tie_source_target = config.vocabulary.joint
  return config_lib.from_mapping(config)


def write_lines(path, lines, ending='\n'):
  """Writes a text file, every line ended."""
  path.write_bytes(''.join(line + ending for line in lines).encode())
