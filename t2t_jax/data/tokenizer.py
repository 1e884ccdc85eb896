"""The tokenizers of a run: made, saved and loaded together."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from t2t_jax.config import VocabularyConfig
from t2t_jax.data import subwords, vocabulary
from t2t_jax.data.mapped_subwords import MappedTokenizer
from t2t_jax.data.subwords import SegmentedTokenizer, Tokenizer
from t2t_jax.data.tree_tokenizer import TaggedTreeTokenizer, TreeTokenizer
from t2t_jax.errors import UsageError

__all__ = ['Tokenizer', 'Tokenizers']

_INDEX = 'tokenizers.json'
_FORMAT = 1
# Kinds that no model cuts into tokens.
_TEXT_OF_TOKENS = {
  'segmented': 'segmented text holds',
  'trees': 'trees hold',
  'tagged_trees': 'trees hold',
}


@dataclasses.dataclass(frozen=True)
class Tokenizers:
  """Both sides' tokenizers; with `joint` they are the same object."""

  source: Tokenizer
  target: Tokenizer
  joint: bool

  @classmethod
  def train(
    cls, config: VocabularyConfig, pairs: Iterable[tuple[str, str]]
  ) -> 'Tokenizers':
    """Returns tokenizers made from sentence pairs, or from given models.

    Args:
      config: what to make.
      pairs: the training text; not read where models are given.

    Raises:
      UsageError: a size that the text does not give, or a bad model file.
    """
    check_models(config)
    if config.joint and config.source_model:
      both: Tokenizer = subwords.read_model(
        config.source_model, 'vocabulary.source_model'
      )
      return cls(both, both, joint=True)
    given = config.source_model and config.target_model
    sources, targets = vocabulary.sample_pairs(
      [] if given else pairs, config.training_sentences
    )
    if config.joint:
      sources += targets
      targets.clear()  # millions of lines: training lets them go, one by one
      both = train_side(sources, config, 'source')
      return cls(both, both, joint=True)
    source = (
      subwords.read_model(config.source_model, 'vocabulary.source_model')
      if config.source_model
      else train_side(sources, config, 'source')
    )
    target = (
      subwords.read_model(config.target_model, 'vocabulary.target_model')
      if config.target_model
      else train_side(targets, config, 'target')
    )
    return cls.separate(source, target)

  @classmethod
  def separate(cls, source: Tokenizer, target: Tokenizer) -> 'Tokenizers':
    """Returns two vocabularies; raises UsageError if they pad differently."""
    if source.pad_id != target.pad_id:
      raise UsageError(
        'config.vocabulary: expected one padding id for both sides, found '
        f'{source.pad_id} in the source and {target.pad_id} in the target '
        'vocabulary; make the models with --pad_id=0'
      )
    return cls(source, target, joint=False)

  def digest(self) -> str:
    """Returns a hash that equal vocabularies share."""
    return hashlib.sha256(
      b''.join(
        hashlib.sha256(content).digest()
        for tokenizer in (self.source, self.target)
        for content in tokenizer.files().values()
      )
    ).hexdigest()

  def save(self, directory: Path | str) -> None:
    """Writes self-contained files into `directory`, which may be new."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    sides = {'joint': self.source} if self.joint else self._sides()
    digests = {}
    for side, tokenizer in sides.items():
      for suffix, content in tokenizer.files().items():
        (directory / (side + suffix)).write_bytes(content)
        digests[side + suffix] = hashlib.sha256(content).hexdigest()
    index = {'format': _FORMAT, 'joint': self.joint, 'sha256': digests}
    (directory / _INDEX).write_text(json.dumps(index, indent=2) + '\n')

  @classmethod
  def load(cls, directory: Path | str) -> 'Tokenizers':
    """Returns what `save` wrote into `directory`.

    Raises:
      UsageError: a file is missing or damaged; the message names it.
    """
    directory = Path(directory)
    index = _read_index(directory / _INDEX)
    contents = {
      name: _read_checked(directory / name, digest)
      for name, digest in index['sha256'].items()
    }
    sides = [
      _load_side(directory, side, contents)
      for side in (('joint',) if index['joint'] else ('source', 'target'))
    ]
    return cls(sides[0], sides[-1], index['joint'])

  def _sides(self) -> dict[str, Tokenizer]:
    return {'source': self.source, 'target': self.target}


def check_models(config: VocabularyConfig) -> None:
  """Raises UsageError where given model files do not fit the other fields."""
  if config.target_model and config.joint:
    raise UsageError(
      'config.vocabulary.target_model: a joint vocabulary has one model, '
      f"source_model; found '{config.target_model}' with joint = True"
    )
  for side in ('source', 'target'):
    kind, given = config.kind_of(side), getattr(config, f'{side}_model')
    if given and kind in _TEXT_OF_TOKENS:
      raise UsageError(
        f'config.vocabulary.{side}_model: expected none, as '
        f"{_TEXT_OF_TOKENS[kind]} its tokens already, found '{given}'"
      )


def train_side(
  lines: list[str], config: VocabularyConfig, side: str
) -> Tokenizer:
  """Returns a tokenizer made from `lines`.

  Args:
    lines: the training text of one side, or of both.
    config: kinds, sizes and settings.
    side: 'source', also of what both share, or 'target'.

  Raises:
    UsageError: the text does not give the size.
  """
  field = 'size' if side == 'source' else 'target_size'
  size, kind = getattr(config, field), config.kind_of(side)
  if kind == 'segmented':
    return SegmentedTokenizer(vocabulary.count_tokens(lines, size))
  if kind == 'trees':
    return TreeTokenizer.train(lines, size)
  if kind == 'tagged_trees':
    return TaggedTreeTokenizer.train(lines, size)
  key = f'vocabulary.{field}'
  of_kind = dataclasses.replace(config, kind=kind)
  model = vocabulary.train_sentencepiece(lines, of_kind, size, key)
  return subwords.SentencePieceTokenizer(model, key)


def _read_index(path: Path) -> dict[str, Any]:
  try:
    index = json.loads(path.read_bytes())
    if index['format'] == _FORMAT and index.keys() >= {'joint', 'sha256'}:
      return index
    found = f'format {index["format"]}'
  except FileNotFoundError:
    raise UsageError(f'{path}: missing; expected saved tokenizers') from None
  except (ValueError, KeyError, TypeError):
    found = 'something else'
  raise UsageError(
    f'{path}: expected saved tokenizers of format {_FORMAT}, found {found}'
  )


def _read_checked(path: Path, digest: str) -> bytes:
  try:
    content = path.read_bytes()
  except FileNotFoundError:
    raise UsageError(f'{path}: missing; the tokenizer needs it') from None
  if hashlib.sha256(content).hexdigest() != digest:
    raise UsageError(f'{path}: damaged; it is not the file that was saved')
  return content


def _load_side(
  directory: Path, side: str, contents: dict[str, bytes]
) -> Tokenizer:
  if f'{side}.ids.json' in contents:
    return MappedTokenizer.from_files(
      contents[f'{side}.spm'],
      contents[f'{side}.ids.json'],
      str(directory / f'{side}.ids.json'),
    )
  if f'{side}.model' in contents:
    return subwords.SentencePieceTokenizer(
      contents[f'{side}.model'], str(directory / f'{side}.model')
    )
  [segmented] = (
    cls
    for cls in (SegmentedTokenizer, TreeTokenizer, TaggedTreeTokenizer)
    if side + cls.suffix in contents
  )
  return segmented.from_bytes(contents[side + segmented.suffix])
