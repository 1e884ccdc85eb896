"""What is planned for: a config with its vocabulary and batch shapes."""

import dataclasses
from collections.abc import Callable

from t2t_jax.config import Config
from t2t_jax.data.batching import TrainBatches
from t2t_jax.data.shapes import rows_within
from t2t_jax.data.token_store import Prepared, prepare
from t2t_jax.errors import UsageError
from t2t_jax.model.transformer import Transformer, build_transformer
from t2t_jax.training.memory import Shape


@dataclasses.dataclass(frozen=True)
class Subject:
  """Attributes:
  config: of the run.
  model: with its vocabularies' sizes.
  shapes: of its global batches.
  bos_id: the start symbol.
  """

  config: Config
  model: Transformer
  shapes: tuple[Shape, ...]
  bos_id: int


def from_text(
  config: Config, say: Callable[[str], None]
) -> tuple[Subject, Prepared, TrainBatches]:
  """Returns what a run would have, from the prepared text; prepares it."""
  prepared = prepare(config, say)
  tokenizers = prepared.tokenizers
  batches = TrainBatches.of(
    prepared.train, config.training, tokenizers.target.pad_id
  )
  model = build_transformer(config.model, tokenizers)
  subject = Subject(config, model, batches.shapes, tokenizers.target.bos_id)
  return subject, prepared, batches


def from_lengths(config: Config, lengths: str) -> Subject:
  """Returns one batch shape of `lengths`, and vocabularies as large as the
  config allows: no text is needed.

  Args:
    config: of the run.
    lengths: SxT, tokens a side, such as 64x64.

  Raises:
    UsageError: `lengths` is not of that form, or beyond the batch.
  """
  source, times, target = lengths.partition('x')
  if not (times and source.isdecimal() and target.isdecimal()):
    raise UsageError(
      f"--lengths={lengths}: expected source x target tokens, as in '64x64'"
    )
  pair = int(source), int(target)
  most = config.training.global_batch_tokens
  if not 0 < min(pair) <= max(pair) <= most:
    raise UsageError(
      f'--lengths={lengths}: expected lengths from 1 to '
      f'training.global_batch_tokens = {most}'
    )
  vocabulary = config.vocabulary
  joint = vocabulary.size if vocabulary.joint else vocabulary.target_size
  model = Transformer(
    config.model,
    source_vocab_size=vocabulary.size,
    target_vocab_size=joint,
    pad_id=0,
  )
  return Subject(config, model, ((rows_within(most, *pair), *pair),), 1)
