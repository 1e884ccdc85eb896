"""Which parameters are matrices, and which only shift or scale."""

from typing import Any

import jax


def are_matrices(params: Any) -> Any:
  """Returns, for each parameter, whether it is more than a vector.

  The biases of queries, keys and values are vectors though their heads are an
  axis of their own, (H, K).
  """

  def is_matrix(path: tuple[Any, ...], x: jax.Array) -> bool:
    name = [key.key for key in path if isinstance(key, jax.tree_util.DictKey)]
    return x.ndim > 1 and not name[-1].endswith('bias')

  return jax.tree_util.tree_map_with_path(is_matrix, params)
