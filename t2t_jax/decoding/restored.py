"""A translator from what a run left in its workdir."""

from typing import Any, Unpack

from t2t_jax.checkpoints.params import load_params
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config, from_mapping, to_dict
from t2t_jax.decoding.options import DecodingOptions
from t2t_jax.decoding.translator import Translator
from t2t_jax.model.transformer import build_transformer
from t2t_jax.parallel.arrays import abstract_params
from t2t_jax.parallel.mesh import decoding_mesh


def restore_translator(
  workdir: Workdir, **overrides: Unpack[DecodingOptions]
) -> tuple[Translator, str]:
  """Returns a translator and, in words, which parameters it has.

  Args:
    workdir: of a run, finished or not, on any mesh.
    overrides: fields of the config's `decoding` to set anew; None: as it is.

  Raises:
    UsageError: no run there, no such checkpoint, a damaged one, or no such
      field of `decoding`.
  """
  config = with_decoding(workdir.read_config(), **overrides)
  tokenizers = workdir.read_tokenizers()
  model = build_transformer(config.model, tokenizers)
  mesh = decoding_mesh()
  params, origin = load_params(
    workdir, config, config.decoding.checkpoint, abstract_params(model, mesh)
  )
  translator = Translator(
    model,
    params,
    tokenizers,
    config.decoding,
    mesh=mesh,
    max_source_tokens=config.data.max_tokens,
  )
  return translator, origin


def abstract_params_of(workdir: Workdir, config: Config) -> Any:
  """Returns shapes, dtypes and shardings of a run's parameters."""
  model = build_transformer(config.model, workdir.read_tokenizers())
  return abstract_params(model, decoding_mesh())


def with_decoding(
  config: Config, **overrides: Unpack[DecodingOptions]
) -> Config:
  """Returns `config` with fields of its `decoding` set anew, and checked."""
  mapping = to_dict(config)
  mapping['decoding'] |= {
    name: value for name, value in overrides.items() if value is not None
  }
  # A step is a number to who calls this, a word like `best` to a config.
  mapping['decoding']['checkpoint'] = str(mapping['decoding']['checkpoint'])
  return from_mapping(mapping)
