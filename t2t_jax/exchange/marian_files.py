"""The files of a MarianMT folder, read with distrust: any of them may be cut,
damaged or of something else, which is said with the file's name."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from t2t_jax.errors import UsageError
from t2t_jax.exchange import marian_names as marian
from t2t_jax.exchange.needs import require


def read_arrays(folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
  """Returns the file of weights and its arrays, float32.

  Raises:
    UsageError: there is none, it is damaged, or an array holds NaN.
  """
  path = folder / marian.WEIGHTS
  if path.is_file():
    return path, _checked(path, _read_safetensors(path))
  path = folder / marian.TORCH_WEIGHTS
  if path.is_file():
    return path, _checked(path, _read_torch(path))
  raise UsageError(
    f'{folder}: expected {marian.WEIGHTS} or {marian.TORCH_WEIGHTS}, found '
    'neither'
  )


def read_json(path: Path, default: Any = None) -> dict[str, Any]:
  """Returns the JSON object of a file; `default` where there is no file.

  Raises:
    UsageError: it cannot be read, or holds something else.
  """
  if default is not None and not path.exists():
    return default
  try:
    found = json.loads(read_bytes(path))
  except (ValueError, RecursionError) as error:
    raise UsageError(f'{path}: not readable as JSON: {error}') from None
  if not isinstance(found, dict):
    raise UsageError(
      f'{path}: expected a JSON object, found {str(found)[:40]!r}'
    )
  return found


def read_ids(path: Path, default: dict[str, int] | None = None) -> Any:
  """Returns {piece: id} of a file; raises as `read_json`."""
  ids = read_json(path, default)
  for piece, token in ids.items():
    if type(token) is not int:
      raise UsageError(
        f'{path}: expected a number for each piece, found {token!r} for '
        f'{piece!r}'
      )
  return ids


def read_bytes(path: Path) -> bytes:
  try:
    return path.read_bytes()
  except OSError as error:
    raise UsageError(f'{path}: {error.strerror}') from None


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
  load_file = require('safetensors.flax').load_file
  try:
    loaded = load_file(path)
    return {name: np.asarray(x, np.float32) for name, x in loaded.items()}
  except Exception as error:
    raise _damaged(path, error) from error


def _read_torch(path: Path) -> dict[str, np.ndarray]:
  torch = require('torch')
  try:
    # Only arrays: a pickle that holds anything else is not run.
    loaded = torch.load(path, map_location='cpu', weights_only=True)
    return {
      str(name): tensor.to(torch.float32).numpy()
      for name, tensor in loaded.items()
    }
  except Exception as error:  # pickle, zip and torch raise of many kinds
    raise _damaged(path, error) from error


def _checked(
  path: Path, arrays: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
  for name, array in arrays.items():
    if np.isnan(array).any():
      raise UsageError(f'{path}: {name}: expected numbers, found NaN')
  return arrays


def _damaged(path: Path, error: Exception) -> UsageError:
  first, *_ = str(error).splitlines() or [type(error).__name__]
  return UsageError(f'{path}: cannot be read, it is damaged: {first[:200]}')
