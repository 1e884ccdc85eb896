"""A scorer from what a run left in its workdir."""

from typing import Any

from t2t_jax.checkpoints.params import load_params
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.decoding.restored import with_decoding
from t2t_jax.decoding.scorer import Scorer
from t2t_jax.model.transformer import build_transformer
from t2t_jax.parallel.arrays import abstract_params
from t2t_jax.parallel.mesh import check_divides, create_mesh


def restore_scorer(workdir: Workdir, **overrides: Any) -> tuple[Scorer, str]:
  """Returns a scorer and, in words, which parameters it has.

  Arguments and errors are those of `restore_translator`.
  """
  config = with_decoding(workdir.read_config(), overrides)
  tokenizers = workdir.read_tokenizers()
  model = build_transformer(config.model, tokenizers)
  mesh = create_mesh(config.mesh)
  check_divides(config, mesh)
  params, origin = load_params(
    workdir, config, config.decoding.checkpoint, abstract_params(model, mesh)
  )
  scorer = Scorer(model, params, tokenizers, config.decoding, mesh=mesh)
  return scorer, origin
