"""The update's program without its arrays: to look at, and to measure."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from t2t_jax.config import Config
from t2t_jax.errors import is_out_of_memory
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.arrays import abstract_arrays, padded_rows
from t2t_jax.parallel.mesh import batch_sharding, batch_shards, use_mesh
from t2t_jax.training.memory import Shape
from t2t_jax.training.train_state import FirstState
from t2t_jax.training.train_step import make_train_step


def compile_step(
  config: Config,
  model: Transformer,
  bos_id: int,
  mesh: Mesh,
  shape: Shape,
  microbatches: int,
) -> Any:
  """Returns the compiled update for global batches of `shape`.

  Nothing is allocated, so the mesh's devices need not be there.
  """
  return lower_step(config, model, bos_id, mesh, shape, microbatches).compile()


def compile_to_fit(
  config: Config,
  model: Transformer,
  bos_id: int,
  mesh: Mesh,
  shape: Shape,
  microbatches: int,
  memory: int,
) -> tuple[Any, int]:
  """Returns the compiled update, and its microbatches: doubled until it fits
  into `memory`, bytes of a device, or each has one row a device.

  Raises:
    RuntimeError: it does not fit so either, and the compiler gives no program.
  """
  while True:
    is_last = microbatches * batch_shards(mesh) >= shape[0]
    try:
      program = compile_step(config, model, bos_id, mesh, shape, microbatches)
      if is_last or memory_of(program) <= memory:
        return program, microbatches
    except RuntimeError as error:
      # So a TPU's compiler tells of what exceeds the chip.
      if is_last or not is_out_of_memory(error):
        raise
    microbatches *= 2


def lower_step(
  config: Config,
  model: Transformer,
  bos_id: int,
  mesh: Mesh,
  shape: Shape,
  microbatches: int,
) -> Any:
  """Returns the program that `compile_step` compiles."""
  step = make_train_step(config, model, bos_id, mesh)
  state = abstract_arrays(FirstState(config, model), mesh)
  return lower(step, state, mesh, shape, microbatches)


def lower(
  step: Any, state: Any, mesh: Mesh, shape: Shape, microbatches: int
) -> Any:
  """Returns the program of `step`, as `make_train_step` returns it.

  Args:
    step: the update.
    state: its state, with arrays or in the abstract.
    mesh: where it runs.
    shape: of the global batch.
    microbatches: parts that the batch is computed in.
  """
  rows = padded_rows(shape[0], microbatches, batch_shards(mesh))
  with use_mesh(mesh):
    ids = [
      jax.ShapeDtypeStruct(
        (microbatches, rows // microbatches, length),
        jnp.int32,
        sharding=batch_sharding(mesh, batch_axis=1),
      )
      for length in shape[1:]
    ]
    return step.lower(state, *ids)


def memory_of(compiled: Any) -> int:
  """Returns the bytes of a device that a program needs, by its compiler."""
  stats = compiled.memory_analysis()
  return (
    stats.argument_size_in_bytes
    + stats.output_size_in_bytes
    - stats.alias_size_in_bytes
    + stats.temp_size_in_bytes
    + stats.generated_code_size_in_bytes
  )
