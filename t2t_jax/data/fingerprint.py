"""What decides the token files, as one number."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from t2t_jax.config import Config
from t2t_jax.data import corpora
from t2t_jax.data.given_vocabulary import given_tokenizers
from t2t_jax.data.tokenizer import check_models
from t2t_jax.errors import UsageError

_FORMAT = 1  # raise it when the same input gives other files
# The same, of text in several random segmentations: pairs, a text.
_SAMPLED_FORMATS = {'translation': 2, 'language_model': 3}
_NO_MATTER = ('directory', 'cache_dir', 'downloads', 'workers')
# At these values they change nothing, and the files are those that were made
# before there was a choice.
_NEUTRAL = {
  'train_weights': (),
  'remove_identical': False,
  'min_script_share': 0.0,
}


def compute_fingerprint(
  config: Config, progress: Callable[[str], None] = lambda _: None
) -> str:
  """Returns the SHA-256 of text and settings, without reading a sentence.

  Where the files lie does not count, what they hold does.

  Args:
    config: what is prepared.
    progress: gets a line for each large file that is read.

  Raises:
    UsageError: a file is missing.
  """
  data = dataclasses.asdict(config.data)
  for name in _NO_MATTER:
    del data[name]
  if set(data['train_weights']) == {1.0}:
    data['train_weights'] = ()
  for name, neutral in _NEUTRAL.items():
    if data[name] == neutral:
      del data[name]
  for name in list(data):
    other_kind = name.startswith(('tfds_', 'generated_')) and (
      not name.startswith(config.data.kind)
    )
    if other_kind or name.endswith(('_source', '_target')) or 'test' in name:
      del data[name]
  vocabulary = _describe_vocabulary(config)
  is_sampled = config.vocabulary.samplings > 1
  described = {
    'format': _SAMPLED_FORMATS[config.task] if is_sampled else _FORMAT,
    'data': data,
    'vocabulary': vocabulary,
    'content': corpora.content_digest(config.data, progress),
  }
  if config.task != 'translation':
    described['task'] = config.task
  text = json.dumps(described, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


def _describe_vocabulary(config: Config) -> dict[str, Any]:
  vocabulary = dataclasses.asdict(config.vocabulary)
  check_models(config.vocabulary)
  if given := given_tokenizers(config):
    # All else about it is decided.
    described = {'digest': given.digest()}
    for name in ('samplings', 'sampling_rate'):
      described[name] = vocabulary[name]
    return described
  for name in ('source_model', 'target_model'):
    if path := vocabulary[name]:
      vocabulary[name] = _file_digest(path, f'vocabulary.{name}')
  # As before there was a choice: the same text keeps its token files.
  if vocabulary['target_kind'] == 'same':
    del vocabulary['target_kind']
  if vocabulary['samplings'] == 1:
    del vocabulary['samplings'], vocabulary['sampling_rate']
  return vocabulary


def _file_digest(path: str, key: str) -> str:
  try:
    with Path(path).expanduser().open('rb') as file:
      return hashlib.file_digest(file, 'sha256').hexdigest()
  except OSError as error:
    raise UsageError(
      f'config.{key}: cannot read {path} ({error.strerror})'
    ) from None
