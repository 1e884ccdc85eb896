"""flax's examples/wmt: its own update, from a directory that is given.

The example is not in flax's wheel; it lies in its repository and its source
distribution (pip download --no-deps --no-binary :all: flax). What its train.py
imports for reading data and writing logs need not be installed.

It is pre-norm, has no biases in attention, and keeps all logits; dropout is
set to ours. On a GPU its half precision is bfloat16 here.
"""

import functools
import importlib.util
import itertools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import jax_utils
from flax.training import checkpoints, common_utils, dynamic_scale, train_state

from benchmarks.peers.our_training import device_peak
from benchmarks.work import Work
from t2t_jax.errors import UsageError

# What train.py imports of flax, which asks for tensorflow when it is loaded:
# to be loaded while tensorflow is what it is.
_OF_FLAX = (checkpoints, dynamic_scale, train_state)
# Of these only names are used, when train.py is read.
_NOT_NEEDED = (
  'clu',
  'clu.metric_writers',
  'clu.periodic_actions',
  'tensorflow',
  'bleu',
  'decode',
  'input_pipeline',
)


class FlaxTrainer:
  """`train_step` of the example, mapped over this machine's devices."""

  def __init__(self, work: Work, directory: str):
    train, models = load_example(Path(directory))
    self._work, c = work, work.config.model
    config = models.TransformerConfig(
      vocab_size=work.vocab_size,
      output_vocab_size=work.vocab_size,
      share_embeddings=True,
      logits_via_embedding=True,
      dtype=jnp.dtype(c.compute_dtype),
      emb_dim=c.d_model,
      num_heads=c.num_heads,
      num_layers=c.num_encoder_layers,
      qkv_dim=c.num_heads * c.d_k,
      mlp_dim=c.d_ff,
      max_len=max(ids.shape[1] for batch in work.batches for ids in batch),
      dropout_rate=c.dropout_rate,
      attention_dropout_rate=0.0,
    )
    rate = train.create_learning_rate_schedule(0.002, 1000)
    key = jax.random.key(work.config.training.seed)
    ids = jnp.ones((2, 8), jnp.float32)
    model = models.Transformer(config.replace(deterministic=True))
    state = train.TrainState.create(
      apply_fn=model.apply,
      params=jax.jit(model.init)(key, ids, ids)['params'],
      tx=optax.adamw(rate, b1=0.9, b2=0.98, eps=1e-9, weight_decay=0.0),
      dynamic_scale=None,
    )
    self._state = jax_utils.replicate(state)
    self._keys = jax.random.split(key, jax.local_device_count())
    self._step = jax.pmap(
      functools.partial(
        train.train_step,
        config=config,
        learning_rate_fn=rate,
        label_smoothing=work.config.training.label_smoothing,
      ),
      axis_name='batch',
      donate_argnums=(0,),
    )

  def run(self, updates: int) -> float:
    batches = itertools.cycle(self._work.batches)
    for batch in itertools.islice(batches, updates):
      ids = common_utils.shard(
        {
          'inputs': self._padded(batch.source_ids_BS),
          'targets': self._padded(batch.target_ids_BT),
        }
      )
      self._state, metrics = self._step(
        self._state, ids, dropout_rng=self._keys
      )
    loss, tokens = metrics['loss'], metrics['denominator']
    return float(loss[0] / tokens[0])

  def device_peak(self) -> int | None:
    return device_peak()

  def program_bytes(self) -> int | None:
    return None

  def _padded(self, ids: np.ndarray) -> np.ndarray:
    """0 is what the example takes for padding."""
    return np.where(ids == self._work.pad_id, 0, np.maximum(ids, 1))


def load_example(directory: Path) -> tuple[Any, Any]:
  """Returns the modules train and models of the example.

  Raises:
    UsageError: they are not there.
  """
  for name in ('train.py', 'models.py'):
    if not (directory / name).is_file():
      raise UsageError(
        f"--flax_wmt={directory}: expected flax's examples/wmt, found no "
        f'{name} in it'
      )
  absent = {name: mock.MagicMock() for name in _NOT_NEEDED}
  models = _load(directory / 'models.py')
  with mock.patch.dict(sys.modules, {**absent, 'models': models}):
    return _load(directory / 'train.py'), models


def _load(file: Path) -> ModuleType:
  name = f'flax_wmt_{file.stem}'
  spec = importlib.util.spec_from_file_location(name, file)
  assert spec and spec.loader
  module = importlib.util.module_from_spec(spec)
  # Where dataclasses look for the module of their annotations.
  with mock.patch.dict(sys.modules, {name: module}):
    spec.loader.exec_module(module)
  return module
