"""Parameters in the form that a search reads them in, step after step."""

from typing import Any

import jax
import jax.numpy as jnp

from t2t_jax.config import DecodingConfig, ModelConfig


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
    lambda x: x.astype(dtype) if x.ndim > 1 and x.dtype != dtype else x, params
  )
