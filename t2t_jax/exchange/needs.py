"""Packages that only one format needs, and what a format cannot express."""

import importlib
from typing import Any, NoReturn

from t2t_jax.errors import UsageError

# Extra of this project that brings each.
_EXTRAS = {
  'ctranslate2': 'export',
  'safetensors': 'export',
  'flatbuffers': 'export',
  'transformers': 'marian',
  'torch': 'marian',
}


def require(package: str) -> Any:
  """Returns the imported package.

  Raises:
    UsageError: it is not installed; says how to.
  """
  try:
    return importlib.import_module(package)
  except ImportError as error:
    top = package.partition('.')[0]
    raise UsageError(
      f'{top}: expected it to be installed, found {error}; '
      f'pip install "t2t_jax[{_EXTRAS[top]}]"'
    ) from error


def refuse(kind: str, key: str, expected: str, found: str) -> NoReturn:
  """Raises UsageError: a format cannot express a model's setting."""
  raise UsageError(
    f'--format={kind}: cannot express config.{key} = {found}; expected '
    f'{expected}'
  )
