"""Parameters in the form that a search reads them in, step after step."""

from typing import Any

import jax
import jax.numpy as jnp

from t2t_jax.config import DecodingConfig, ModelConfig
from t2t_jax.model.matrices import are_matrices


def decoding_weights(
  params: Any, model: ModelConfig, decoding: DecodingConfig
) -> Any:
  """Returns `params` with matrices in the dtype they are multiplied in.

  So they are converted once, and not at each token. Biases and layer norms
  keep their own. Where nothing changes, the same arrays come back.
  """
  dtype = jnp.dtype(
    model.compute_dtype
    if decoding.weights_dtype == 'compute_dtype'
    else decoding.weights_dtype
  )
  return jax.tree.map(
    lambda x, is_matrix: (
      x.astype(dtype) if is_matrix and x.dtype != dtype else x
    ),
    params,
    are_matrices(params),
  )
