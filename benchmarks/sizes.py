"""The models that are measured: the paper's, at several sizes, random."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from t2t_jax.config import Config, ModelConfig, from_mapping
from t2t_jax.config_files import load
from t2t_jax.errors import UsageError, nearest

if TYPE_CHECKING:
  from t2t_jax.model.transformer import Transformer

PAD_ID, BOS_ID, EOS_ID, UNK_ID = range(4)
FIRST_WORD_ID = 4


@dataclasses.dataclass(frozen=True)
class Size:
  """Layers of each stack, widths, heads and entries of the vocabulary."""

  num_layers: int
  d_model: int
  d_ff: int
  num_heads: int
  vocab_size: int


SIZES = {
  'tiny': Size(4, 128, 256, 4, 10_000),
  'small': Size(3, 256, 1024, 8, 10_000),
  'base': Size(6, 512, 2048, 8, 37_000),
  'big': Size(6, 1024, 4096, 16, 37_000),
  # To try a benchmark out: it measures nothing that anybody asks for.
  'micro': Size(1, 16, 24, 2, 300),
}


def check_sizes(names: Sequence[str]) -> Sequence[str]:
  """Returns the values of --size.

  Raises:
    UsageError: one that is not in SIZES.
  """
  for name in names:
    if name not in SIZES:
      raise UsageError(
        f"--size: expected some of {', '.join(SIZES)}, found '{name}'."
        f'{nearest(name, SIZES)}'
      )
  return names


def base_config() -> Config:
  """Returns the paper's base model's config."""
  return from_mapping(load('configs/base.py'))


def model_config(size: Size, **changes: Any) -> ModelConfig:
  """Returns the base model's settings with the widths of `size`."""
  return dataclasses.replace(
    base_config().model,
    num_encoder_layers=size.num_layers,
    num_decoder_layers=size.num_layers,
    d_model=size.d_model,
    d_ff=size.d_ff,
    d_k=size.d_model // size.num_heads,
    d_v=size.d_model // size.num_heads,
    num_heads=size.num_heads,
    **changes,
  )


def random_model(
  size: Size, seed: int, **changes: Any
) -> tuple['Transformer', Any]:
  """Returns a model of `size` and its parameters as they are initialised.

  The rows of PAD, BOS and EOS in the embedding are 0. Their logits are then 0
  too, far from the best, so that it makes no difference whether a search
  leaves them out before the softmax (CTranslate2 with EOS) or after it (ours),
  or not at all (CTranslate2 with PAD and BOS): outputs can be compared.

  Args:
    size: the widths.
    seed: of the parameters.
    changes: fields of the model's config to set anew.
  """
  import jax
  import jax.numpy as jnp
  from flax import linen as nn

  from t2t_jax.model.transformer import Transformer

  config = model_config(size, **changes)
  model = Transformer(config, size.vocab_size, size.vocab_size, PAD_ID)
  ids = jnp.zeros((1, 2), jnp.int32)

  @jax.jit
  def make():
    params = nn.unbox(model.init(jax.random.key(seed), ids, ids)['params'])
    special = jnp.array([PAD_ID, BOS_ID, EOS_ID])
    table_VD = params['target_embedding']
    return params | {'target_embedding': table_VD.at[special].set(0)}

  return model, make()
