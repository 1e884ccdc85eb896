"""Copies of the model that add up gradients alone, and exchange them once."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
from jax.sharding import Mesh

from t2t_jax.model.dropout import COPIES
from t2t_jax.parallel.mesh import AXIS_RULES

# `data` tells the copies apart, so nothing of a copy is split over it.
_OF_A_COPY = {'act_batch': 'fsdp', 'loss_batch': None}
_RULES_OF_A_COPY = tuple(
  (name, _OF_A_COPY.get(name, axes)) for name, axes in AXIS_RULES
)


def reduced_once(sum_up: Callable[..., Any], mesh: Mesh) -> Callable[..., Any]:
  """Returns `sum_up`, made of each copy's rows alone and then added.

  Left to the compiler, gradients are reduced after every microbatch, and
  those of a shared embedding in each of its uses. Copies are an axis of the
  arrays, split over `data`; so there is one reduction, where it is summed.

  Args:
    sum_up: (params, source_ids, target_ids, key) -> sums over rows, a tree.
      The ids are (microbatches, rows, length).
    mesh: whose axis `data` counts the copies.
  """
  copies = mesh.shape['data']
  if copies == 1:
    return sum_up

  def split(ids):
    return ids.reshape(ids.shape[0], copies, -1, ids.shape[2])

  def of_all(params, source_ids, target_ids, key):
    with nn.logical_axis_rules(_RULES_OF_A_COPY):
      sums = jax.vmap(
        sum_up,
        in_axes=(None, 1, 1, None),
        axis_name=COPIES,
        spmd_axis_name='data',
      )(params, split(source_ids), split(target_ids), key)
    return jax.tree.map(lambda x: x.sum(axis=0), sums)

  return of_all
