"""Models as runs left them in their workdirs, to decode with."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

from jax.sharding import Mesh

from t2t_jax.checkpoints.params import load_params
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config, ModelConfig, from_mapping, to_dict
from t2t_jax.config_task import LABELLING, check_task_of
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.attention.attention_reader import AttentionReader
from t2t_jax.decoding.options import DecodingOptions
from t2t_jax.decoding.scoring.scorer import Scorer
from t2t_jax.decoding.tagging.tagger import Tagger
from t2t_jax.decoding.translator import Translator
from t2t_jax.errors import UsageError
from t2t_jax.model.modules import PAPER, Modules
from t2t_jax.model.transformer import Transformer, build_transformer
from t2t_jax.parallel.arrays import abstract_params
from t2t_jax.parallel.mesh import decoding_mesh
from t2t_jax.parallel.platforms import platform_of

# What only one method reads: asked of the other it would do nothing.
_METHOD_OF = {
  **dict.fromkeys(('beam_size', 'stopping'), 'beam'),
  **dict.fromkeys(('num_samples', 'temperature', 'top_k', 'top_p'), 'sampling'),
}


class Restored(NamedTuple):
  """A model as a run left it, on the devices of this machine."""

  config: Config
  tokenizers: Tokenizers
  model: Transformer
  params: Any
  mesh: Mesh
  origin: str  # in words, which parameters these are
  others: tuple['Restored', ...] = ()  # of an ensemble: the further members

  def translator(self) -> Translator:
    """Returns a translator with this model and the others."""
    return Translator(
      self.model,
      self.params,
      self.tokenizers,
      self.config.decoding,
      others=[(other.model, other.params) for other in self.others],
      mesh=self.mesh,
      max_source_tokens=self.config.data.max_tokens,
    )

  def scorer(self) -> Scorer:
    """Returns a scorer with this model alone."""
    is_language_model = self.config.task == 'language_model'
    return Scorer(
      self.model,
      self.params,
      self.tokenizers,
      self.config.decoding,
      mesh=self.mesh,
      longest_part=self.config.data.max_tokens if is_language_model else None,
    )

  def tagger(self) -> Tagger:
    """Returns a tagger with this model alone."""
    return Tagger(
      self.model,
      self.params,
      self.tokenizers,
      self.config.decoding,
      of_lines=self.config.task == 'classification',
      mesh=self.mesh,
      max_source_tokens=self.config.data.max_tokens,
    )

  def attention_reader(self) -> AttentionReader:
    """Returns a reader of this model's attention."""
    grid = self.translator().grid
    offset = self.config.decoding.max_decode_length_offset
    return AttentionReader(
      self.model,
      self.params,
      self.tokenizers,
      grid,
      # The longest that the translator writes.
      max_target_tokens=grid.longest - 1 + offset,
      mesh=self.mesh,
    )


def restore_translator(
  workdir: Workdir,
  *,
  ensemble: Sequence[str] = (),
  modules: Modules = PAPER,
  **overrides: Unpack[DecodingOptions],
) -> tuple[Translator, str]:
  """Returns a translator and, in words, which parameters it has.

  Arguments and errors are those of `restore`.
  """
  restored = restore(workdir, ensemble=ensemble, modules=modules, **overrides)
  return restored.translator(), restored.origin


def restore_scorer(
  workdir: Workdir, **overrides: Unpack[DecodingOptions]
) -> tuple[Scorer, str]:
  """Returns a scorer and, in words, which parameters it has.

  Arguments and errors are those of `restore`.
  """
  restored = restore(
    workdir, tasks=('translation', 'language_model'), **overrides
  )
  return restored.scorer(), restored.origin


def restore_tagger(
  workdir: Workdir, **overrides: Unpack[DecodingOptions]
) -> tuple[Tagger, str]:
  """Returns a tagger and, in words, which parameters it has.

  Arguments and errors are those of `restore`.
  """
  restored = restore(workdir, tasks=LABELLING, **overrides)
  return restored.tagger(), restored.origin


def restore(
  workdir: Workdir,
  *,
  tasks: tuple[str, ...] = ('translation',),
  ensemble: Sequence[str] = (),
  modules: Modules = PAPER,
  **overrides: Unpack[DecodingOptions],
) -> Restored:
  """Returns the model of a run, or several to decode with together.

  Args:
    workdir: of a run, finished or not, on any mesh.
    tasks: what the model may be for.
    ensemble: further models, as DIR or DIR@CHECKPOINT; their vocabularies
      must be the same.
    modules: of the layers, as all of them were trained with.
    overrides: fields of the config's `decoding` to set anew; None: as it is.

  Raises:
    UsageError: no run there, one for another task, no such checkpoint, a
      damaged one, no such field of `decoding`, another vocabulary, or other
      modules.
  """
  config = workdir.read_config()
  check_task_of(config, workdir.path, tasks)
  config = with_decoding(config, **overrides)
  workdir.check_modules(modules.own())
  tokenizers = workdir.read_tokenizers()
  mesh = decoding_mesh()
  model = build_transformer(_for_mesh(config.model, mesh), tokenizers, modules)
  params, origin = load_params(
    workdir, config, config.decoding.checkpoint, abstract_params(model, mesh)
  )
  first = Restored(config, tokenizers, model, params, mesh, origin)
  others = tuple(_restore_other(name, first, modules) for name in ensemble)
  origins = [
    origin,
    *(
      f'{other.origin} of {name.rpartition("@")[0] or name}'
      for name, other in zip(ensemble, others, strict=True)
    ),
  ]
  return first._replace(origin=' and '.join(origins), others=others)


def _for_mesh(model: ModelConfig, mesh: Mesh) -> ModelConfig:
  """Returns the same function, by a kernel that the mesh's devices have."""
  if (
    model.attention_impl == 'cudnn'
    and platform_of(mesh.devices.flat[0]) != 'gpu'
  ):
    return dataclasses.replace(model, attention_impl='reference')
  return model


def _restore_other(name: str, first: Restored, modules: Modules) -> Restored:
  """A further member of an ensemble, DIR or DIR@CHECKPOINT."""
  directory, at, checkpoint = name.rpartition('@')
  workdir = Workdir(directory if at else name)
  try:
    workdir.read_config()  # names what is missing
    if workdir.read_tokenizers().digest() != first.tokenizers.digest():
      raise UsageError('expected the vocabulary of --workdir, found another')
    return restore(
      workdir,
      tasks=(first.config.task,),
      modules=modules,
      checkpoint=checkpoint if at else None,
    )
  except UsageError as error:
    raise UsageError(f'--ensemble={name}: {error}') from error


def abstract_params_of(workdir: Workdir, config: Config) -> Any:
  """Returns shapes, dtypes and shardings of a run's parameters."""
  workdir.check_modules(PAPER.own())
  model = build_transformer(config.model, workdir.read_tokenizers())
  return abstract_params(model, decoding_mesh())


def with_decoding(
  config: Config, **overrides: Unpack[DecodingOptions]
) -> Config:
  """Returns `config` with fields of its `decoding` set anew, and checked."""
  given = {name: x for name, x in overrides.items() if x is not None}
  mapping = to_dict(config)
  mapping['decoding'] |= given
  # A step is a number to who calls this, a word like `best` to a config.
  mapping['decoding']['checkpoint'] = str(mapping['decoding']['checkpoint'])
  changed = from_mapping(mapping)
  for name in given:
    method = _METHOD_OF.get(name, changed.decoding.method)
    if method != changed.decoding.method:
      raise UsageError(
        f"decoding.{name}: needs decoding.method = '{method}', found "
        f"'{changed.decoding.method}'"
      )
  return changed
