"""A model as one safetensors file, its arrays as they are, and its text."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from t2t_jax.checkpoints.workdir import write_json
from t2t_jax.config import to_dict
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.restored import Restored
from t2t_jax.exchange.needs import require

WEIGHTS = 'params.safetensors'


def write(restored: Restored, directory: Path) -> None:
  """Writes arrays, config and vocabulary into `directory`, which is empty.

  An array's name is its path in the tree of parameters, with / between, its
  shape and dtype are those of training: tables have the rows that fill a mesh.
  """
  flat = traverse_util.flatten_dict(restored.params, sep='/')
  require('safetensors.flax').save_file(
    {name: jnp.asarray(array) for name, array in flat.items()},
    directory / WEIGHTS,
    metadata={'format': 'np', 'origin': restored.origin},
  )
  write_json(directory / 'config.json', to_dict(restored.config))
  restored.tokenizers.save(directory / 'tokenizer')


def read(directory: Path) -> Any:
  """Returns the tree of parameters."""
  flat = require('safetensors.flax').load_file(directory / WEIGHTS)
  return traverse_util.unflatten_dict(flat, sep='/')


def differences(restored: Restored, directory: Path) -> list[str]:
  """Returns the names of arrays that are not in the file bit by bit, and
  `tokenizer` if that is another."""
  flat = traverse_util.flatten_dict(restored.params, sep='/')
  there = traverse_util.flatten_dict(read(directory), sep='/')
  names = [
    name
    for name in sorted(flat.keys() | there.keys())
    if name not in flat
    or name not in there
    or not np.array_equal(np.asarray(flat[name]), np.asarray(there[name]))
  ]
  saved = Tokenizers.load(directory / 'tokenizer')
  if saved.digest() != restored.tokenizers.digest():
    names.append('tokenizer')
  return names
