"""The vocabulary of the run that a new one begins with."""

from pathlib import Path

from t2t_jax.config import Config
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.errors import UsageError


def split_init_from(init_from: str) -> tuple[str, str]:
  """Returns (workdir, checkpoint) of training.init_from, DIR or
  DIR@CHECKPOINT; the checkpoint is '' where none is named."""
  directory, at, checkpoint = init_from.rpartition('@')
  return (directory, checkpoint) if at else (init_from, '')


def given_tokenizers(config: Config) -> Tokenizers | None:
  """Returns the tokenizers of training.init_from, or None without one.

  Its embeddings mean nothing with any other vocabulary.

  Raises:
    UsageError: there is no such run, or other models are asked for too.
  """
  if not config.training.init_from:
    return None
  for name in ('source_model', 'target_model'):
    if found := getattr(config.vocabulary, name):
      raise UsageError(
        f'config.vocabulary.{name}: expected none, for training.init_from '
        f"brings its own vocabulary, found '{found}'"
      )
  directory = Path(split_init_from(config.training.init_from)[0]).expanduser()
  if not (directory / 'tokenizer').is_dir():
    raise UsageError(
      'config.training.init_from: expected the workdir of a run, found no '
      f'vocabulary in {directory}'
    )
  return Tokenizers.load(directory / 'tokenizer')
