"""Mappings to frozen dataclasses: unknown, missing and mistyped keys."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

from t2t_jax.errors import UsageError, nearest


def build(cls: Any, mapping: Mapping[str, Any], prefix: str = '') -> Any:
  """Returns the dataclass `cls` of a mapping with its fields, in any depth.

  Raises:
    UsageError: an unknown or missing key, or a value of a wrong type.
  """
  hints = typing.get_type_hints(cls)
  if not isinstance(mapping, Mapping) and not hasattr(mapping, 'keys'):
    raise UsageError(
      f'config.{prefix.rstrip(".")}: expected the fields {sorted(hints)}, '
      f'found {mapping!r}'
    )
  for key in mapping:
    if key not in hints:
      raise UsageError(
        f'config.{prefix}{key}: there is no such field.{nearest(key, hints)}'
      )
  for key in hints:
    if key not in mapping:
      raise UsageError(f'config.{prefix}{key}: missing; see configs/base.py')
  return cls(
    **{
      key: build(hint, mapping[key], f'{prefix}{key}.')
      if dataclasses.is_dataclass(hint)
      else _convert(mapping[key], hint, f'config.{prefix}{key}')
      for key, hint in hints.items()
    }
  )


def _convert(value: Any, hint: Any, key: str) -> Any:
  if isinstance(hint, types.UnionType):  # `float | None`
    if value is None:
      return None
    hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
  if hint == tuple[str, ...]:
    return _names(value, key)
  if hint == tuple[float, ...]:
    return _numbers(value, key)
  if hint is float and isinstance(value, int) and not isinstance(value, bool):
    return float(value)
  if isinstance(value, float) and not math.isfinite(value):
    raise UsageError(f'{key}: expected a finite number, found {value}')
  if type(value) is not hint:
    raise UsageError(
      f'{key}: expected {hint.__name__}, found {value!r} '
      f'({type(value).__name__})'
    )
  return value


def _names(value: Any, key: str) -> tuple[str, ...]:
  """A tuple of names; `a,b` on the command line is two of them."""
  values = [value] if isinstance(value, str) else value
  if not isinstance(values, (tuple, list)) or not all(
    isinstance(item, str) for item in values
  ):
    raise UsageError(f'{key}: expected names, found {value!r}')
  return tuple(
    name.strip() for item in values for name in item.split(',') if name.strip()
  )


def _numbers(value: Any, key: str) -> tuple[float, ...]:
  """A tuple of numbers; `1,0.5` on the command line is two of them."""
  values = value if isinstance(value, (tuple, list)) else [value]
  try:
    numbers = [
      float(number)
      for item in values
      for number in str(item).split(',')
      if number.strip()
    ]
  except ValueError:
    numbers = [math.nan]
  if not all(map(math.isfinite, numbers)):
    raise UsageError(f'{key}: expected numbers, found {value!r}')
  return tuple(numbers)
