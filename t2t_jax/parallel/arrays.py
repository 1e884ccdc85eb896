"""From functions and host arrays to arrays that lie on a mesh."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from t2t_jax.data.padding import Batch, Drawn
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.mesh import (
  AXIS_RULES,
  batch_sharding,
  batch_shards,
  decoding_mesh,
  replicated,
  use_mesh,
)


def init_params(model: Transformer, key: jax.Array) -> Any:
  """Returns fresh parameters in flax's boxes, which hold the axis names."""
  ids = jnp.ones((1, 2), jnp.int32)
  return model.init(key, ids, ids)['params']


# Tracing a base model's initialisation takes half a second, and a start asks
# for its shapes six times.
@functools.lru_cache(maxsize=4)
def shapes_of(build: Callable[[], Any]) -> Any:
  """Returns the shapes of the boxed tree `build()`, in the same boxes.

  Of `build`s that are equal, and so do the same, one is traced.
  """
  return jax.eval_shape(build)


def shardings_of(build: Callable[[], Any], mesh: Mesh) -> Any:
  """Returns the sharding of each array of the boxed tree `build()`."""
  specs = nn.get_partition_spec(shapes_of(build))
  return nn.logical_to_mesh_sharding(specs, mesh, AXIS_RULES)


def abstract_arrays(build: Callable[[], Any], mesh: Mesh) -> Any:
  """Returns `build()` unboxed, as shapes with dtypes and shardings."""
  return jax.tree.map(
    lambda shape, sharding: jax.ShapeDtypeStruct(
      shape.shape, shape.dtype, sharding=sharding
    ),
    _without_boxes(shapes_of(build)),
    shardings_of(build, mesh),
  )


def _without_boxes(tree: Any) -> Any:
  """As nn.unbox, which inside of a mesh cannot take shapes."""
  return jax.tree.map(
    lambda x: x.value if isinstance(x, nn.LogicallyPartitioned) else x,
    tree,
    is_leaf=lambda x: isinstance(x, nn.LogicallyPartitioned),
  )


def create_arrays(build: Callable[[], Any], mesh: Mesh) -> Any:
  """Returns `build()` unboxed, each part made on the device that keeps it."""
  with use_mesh(mesh):
    shardings = shardings_of(build, mesh)
    return jax.jit(lambda: nn.unbox(build()), out_shardings=shardings)()


def abstract_params(model: Transformer, mesh: Mesh) -> Any:
  """Returns the parameters' shapes, dtypes and shardings."""
  return abstract_arrays(lambda: init_params(model, jax.random.key(0)), mesh)


def place_batch(
  global_array: np.ndarray, mesh: Mesh, batch_axis: int = 0
) -> jax.Array:
  """Returns `global_array` on the mesh; each host hands over its own part."""
  return jax.make_array_from_callback(
    global_array.shape,
    batch_sharding(mesh, batch_axis),
    lambda index: global_array[index],
  )


def place_microbatches(
  batch: Batch | Drawn, microbatches: int, mesh: Mesh, pad_id: int
) -> list[jax.Array]:
  """Returns source and target ids on the mesh as (microbatches, rows, length),
  as an update takes them.

  Of a batch that is drawn only the rows of this host's devices are read.
  """
  rows, *lengths = batch.shape
  each = padded_rows(rows, microbatches, batch_shards(mesh)) // microbatches
  sharding = batch_sharding(mesh, batch_axis=1)
  here = rows_here(sharding, (microbatches, each))
  row_MR = np.arange(microbatches)[:, None] * each + here
  is_real = row_MR < rows

  def part(values: np.ndarray, index: Any) -> np.ndarray:
    start, stop, _ = index[1].indices(each)
    first = np.searchsorted(here, start)
    return values[:, first : first + stop - start]

  placed: list[jax.Array] = []
  for ids, length in zip(batch.read(row_MR[is_real]), lengths, strict=True):
    values = np.full((*is_real.shape, length), pad_id, ids.dtype)
    values[is_real] = ids
    placed.append(
      jax.make_array_from_callback(
        (microbatches, each, length), sharding, functools.partial(part, values)
      )
    )
  return placed


def rows_here(sharding: NamedSharding, shape: tuple[int, int]) -> np.ndarray:
  """Returns which rows of a microbatch this host's devices take, in order.

  Args:
    sharding: of (microbatches, rows) arrays, the rows split.
    shape: of them.
  """
  parts = sharding.addressable_devices_indices_map(shape).values()
  bounds = {part[1].indices(shape[1])[:2] for part in parts if part}
  return np.concatenate([np.arange(*bound) for bound in sorted(bounds)])


def padded_rows(rows: int, microbatches: int, shards: int) -> int:
  """Returns the rows with those of padding, which count nowhere, so that they
  divide into microbatches and shards."""
  parts = microbatches * shards
  return -(-rows // parts) * parts


def split_rows(
  ids: np.ndarray, microbatches: int, shards: int, pad_id: int
) -> np.ndarray:
  """Returns (rows, length) as (microbatches, rows', length), with rows of
  padding."""
  rows = padded_rows(len(ids), microbatches, shards)
  padded = np.full((rows, ids.shape[1]), pad_id, ids.dtype)
  padded[: len(ids)] = ids
  return padded.reshape(microbatches, rows // microbatches, ids.shape[1])


def place(tree: Any, sharding: NamedSharding) -> Any:
  """Returns `tree` with every array under `sharding`."""
  return jax.tree.map(lambda x: jax.device_put(x, sharding), tree)


def copies_here(tree: Any, mesh: Mesh) -> Any:
  """Returns `tree`, which lies on `mesh`, whole on each device of this machine.

  All processes call it together; what they get is on `decoding_mesh(mesh)`,
  and shares memory with `tree` where that lay so already.
  """
  sharding = replicated(decoding_mesh(mesh))

  def local(x: jax.Array) -> jax.Array:
    parts = {shard.device: shard.data for shard in x.addressable_shards}
    ordered = [parts[device] for device in sharding.mesh.devices.flat]
    return jax.make_array_from_single_device_arrays(x.shape, sharding, ordered)

  return jax.tree.map(local, place(tree, replicated(mesh)))
