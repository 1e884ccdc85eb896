"""A translator from what a run left in its workdir."""

import dataclasses
from typing import Any

from t2t_jax.checkpoints.params import load_params
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config, check
from t2t_jax.decoding.translator import Translator
from t2t_jax.model.transformer import build_transformer
from t2t_jax.parallel.arrays import abstract_params
from t2t_jax.parallel.mesh import check_divides, create_mesh


def restore_translator(
  workdir: Workdir, **overrides: Any
) -> tuple[Translator, str]:
  """Returns a translator and, in words, which parameters it has.

  Args:
    workdir: of a run, finished or not.
    overrides: fields of the config's `decoding` to set anew; None: as it is.

  Raises:
    UsageError: no run there, no such checkpoint, or a damaged one.
  """
  config = with_decoding(workdir.read_config(), overrides)
  tokenizers = workdir.read_tokenizers()
  model = build_transformer(config.model, tokenizers)
  mesh = create_mesh(config.mesh)
  check_divides(config, mesh)
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
  return abstract_params(model, create_mesh(config.mesh))


def with_decoding(config: Config, overrides: dict[str, Any]) -> Config:
  """Returns `config` with fields of its `decoding` set anew, and checked."""
  given = {
    name: value for name, value in overrides.items() if value is not None
  }
  decoding = dataclasses.replace(config.decoding, **given)
  config = dataclasses.replace(config, decoding=decoding)
  check(config)
  return config
