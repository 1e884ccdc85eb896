"""The settings of configs/base.py, and what becomes of changed ones."""

import pathlib
import re
import runpy

import pytest

from t2t_jax.config import Config, from_mapping
from t2t_jax.errors import UsageError

BASE_FILE = pathlib.Path(__file__).parents[2] / 'configs' / 'base.py'
BASE = runpy.run_path(str(BASE_FILE))['get_config']()


def mapping_with(**changes):
  """Returns base's settings with `task` or `section__field=value` changed."""
  mapping = BASE.to_dict()
  for key, value in changes.items():
    section, _, name = key.rpartition('__')
    (mapping[section] if section else mapping)[name] = value
  return mapping


def config_with(**changes) -> Config:
  return from_mapping(mapping_with(**changes))


def assert_refuses(message, **changes):
  """Checks that base with `changes` is refused, in just these words."""
  with pytest.raises(UsageError, match=f'^{re.escape(message)}$'):
    config_with(**changes)
