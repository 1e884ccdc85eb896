"""t2t_jax's own training step, fed as its loop feeds it."""

import dataclasses
import itertools
from typing import Any

import jax

from benchmarks.work import Work
from t2t_jax.config import Config
from t2t_jax.data.batching import Batch
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.arrays import (
  create_arrays,
  init_params,
  place_microbatches,
)
from t2t_jax.parallel.mesh import batch_shards, create_mesh, use_mesh
from t2t_jax.training.compiled_step import lower, memory_of
from t2t_jax.training.memory import Shape
from t2t_jax.training.step_programs import StepPrograms
from t2t_jax.training.train_state import FirstState
from t2t_jax.training.train_step import make_train_step

# Name -> what it changes of the model's config.
VARIANTS: dict[str, dict[str, Any]] = {
  '': {},
  'xla': {'attention_impl': 'xla'},
  'cudnn': {'attention_impl': 'cudnn'},
  'scanned': {'scan_layers': True},
}


class OurTrainer:
  """`make_train_step` on this machine's mesh.

  Batches come from the host's memory, as in a run; nothing waits for an update
  before the next one is under way. `variant` is one of VARIANTS.
  """

  def __init__(self, work: Work, variant: str = ''):
    self._work, self._config = work, _config(work, variant)
    self._model = _model(work, self._config)
    self._mesh = create_mesh(self._config.mesh)
    training = self._config.training
    self._microbatches = -(
      -training.global_batch_tokens
      // (training.microbatch_tokens * batch_shards(self._mesh))
    )
    self._state = create_arrays(
      FirstState(self._config, self._model), self._mesh
    )
    step = make_train_step(self._config, self._model, work.bos_id, self._mesh)
    self._programs = StepPrograms(
      lambda shape: lower(
        step, self._state, self._mesh, shape, self._microbatches
      ),
      coming=(),
      beside=True,
    )

  def run(self, updates: int) -> float:
    batches = itertools.cycle(self._work.batches)
    with use_mesh(self._mesh):
      for batch in itertools.islice(batches, updates):
        update = self._programs[shape_of(batch)]
        self._state, metrics = update(self._state, *self.place(batch))
    return float(metrics.sums.loss / metrics.sums.tokens)

  def device_peak(self) -> int | None:
    return device_peak()

  def program_bytes(self) -> int | None:
    return memory_of(self.compiled())

  def compiled(self) -> Any:
    """Returns the program of an update of the largest batch, that which runs:
    on a GPU another one might have other kernels."""
    return self._programs[largest_shape(self._work)]

  def place(self, batch: Batch) -> list[jax.Array]:
    """Returns the batch on the mesh, as the loop of a run puts it there."""
    return place_microbatches(
      batch, self._microbatches, self._mesh, self._work.pad_id
    )


def largest_shape(work: Work) -> Shape:
  """Returns the shape of the largest batch."""
  return shape_of(max(work.batches, key=lambda b: sum(ids.size for ids in b)))


def shape_of(batch: Batch) -> Shape:
  """Returns (rows, source length, target length)."""
  return (*batch.source_ids_BS.shape, batch.target_ids_BT.shape[1])


def initial_params(work: Work) -> Any:
  """Returns the parameters that `OurTrainer` begins with."""
  key = jax.random.key(work.config.training.seed)
  model = _model(work, work.config)
  return create_arrays(
    lambda: init_params(model, key), create_mesh(work.config.mesh)
  )


def device_peak() -> int | None:
  """Returns the most bytes that jax has had of the accelerator."""
  stats = jax.devices()[0].memory_stats()
  return stats and stats.get('peak_bytes_in_use')


def _config(work: Work, variant: str) -> Config:
  model = dataclasses.replace(work.config.model, **VARIANTS[variant])
  return dataclasses.replace(work.config, model=model)


def _model(work: Work, config: Config) -> Transformer:
  return Transformer(
    config.model, work.vocab_size, work.vocab_size, work.pad_id
  )
