"""The most probable label at each source position.

Dimensions: B line, S source position, V label.
"""

from typing import Any

import jax.numpy as jnp

from t2t_jax.data.vocabulary import SPECIALS
from t2t_jax.model.transformer import Transformer


def best_labels(model: Transformer, params: Any, source_ids_BS):
  """Returns int32 (B, S): the best label of each position; to be jitted.

  Special entries of the label vocabulary, which come first, are no labels.

  Args:
    model: an encoder alone.
    params: its parameters.
    source_ids_BS: tokens, EOS, PAD.
  """
  logits_BSV: Any = model.apply({'params': params}, source_ids_BS, None)
  labels_BSV = logits_BSV[..., len(SPECIALS) :]
  return jnp.argmax(labels_BSV, axis=-1).astype(jnp.int32) + len(SPECIALS)


def count_correct(model: Transformer, params: Any, source_ids_BS, labels_BS):
  """Returns float32: how many of the best labels are those given, which are
  PAD where there is none."""
  best_BS = best_labels(model, params, source_ids_BS)
  return jnp.sum(best_BS == labels_BS, dtype=jnp.float32)
