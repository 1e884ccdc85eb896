"""Work that each device does on rows of its own, and says nothing about.

A loop over such rows ends on each device as soon as its own are done. Left to
the compiler, an array that is split over devices may be gathered in a loop's
body (XLA's for CPU does so before every top-k), and the loop goes on
everywhere until all are done, which all ask each other at every step.

Rows are dealt out like cards, for those of a batch are sorted by length.
Dimensions: B row, P device, R row of a device's own: B = P * R.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec


def num_parts(mesh: Mesh | None) -> int:
  """Returns P: all devices of the mesh, whatever its axes are for."""
  return mesh.size if mesh else 1


def deal(batch: Any, mesh: Mesh | None) -> Any:
  """Returns numpy arrays (B, ...) as (P, R, ...), where `on_own_rows` wants
  them; row b is of device b % P."""
  parts = num_parts(mesh)

  def dealt(x):
    return x.reshape(-1, parts, *x.shape[1:]).swapaxes(0, 1)

  batch = jax.tree.map(dealt, batch)
  return jax.device_put(batch, _split(mesh)) if mesh else batch


def collect(dealt: Any) -> Any:
  """Returns (P, R, ...) as numpy arrays (B, ...); waits for all devices."""

  def collected(x_PR):
    return x_PR.swapaxes(0, 1).reshape(-1, *x_PR.shape[2:])

  return jax.tree.map(collected, jax.device_get(dealt))


def on_own_rows(
  function: Callable[[Any, Any], Any], mesh: Mesh | None
) -> Callable[[Any, Any], Any]:
  """Returns `function` for all devices at one time, to be jitted.

  Args:
    function: (whole, own) -> results. Of `whole`, such as parameters, each
      device has all, gathered once at most; `own` and the results have no axis
      of devices there, and one in front outside. Results need not be rows.
    mesh: the devices; None: one.
  """

  def on_one(whole, own):
    # The model's constraints speak of arrays that are split over the mesh.
    with nn.logical_axis_rules(()):
      results = function(whole, jax.tree.map(lambda x: x[0], own))
    return jax.tree.map(lambda x: x[None], results)

  if mesh is None:
    return on_one
  split = _split(mesh).spec
  return jax.shard_map(
    on_one,
    mesh=mesh,
    in_specs=(PartitionSpec(), split),
    out_specs=split,
    # It would want each array that a loop changes to be marked as split.
    check_vma=False,
  )


def _split(mesh: Mesh) -> NamedSharding:
  return NamedSharding(mesh, PartitionSpec(mesh.axis_names))
