"""The lines that one stack alone is for, and their vocabularies."""

import dataclasses
from collections.abc import Iterable, Iterator

from t2t_jax.config import Config
from t2t_jax.data import corpora, labels, text_files, vocabulary
from t2t_jax.data.subwords import Tokenizer
from t2t_jax.data.tokenizer import Tokenizers, check_models, train_side

Line = tuple[str, str]  # a language model's text and '', or words and labels


def read_lines(config: Config, split: str) -> Iterator[Line]:
  """Yields the lines of a split, those without words too.

  Args:
    config: of a task other than translation.
    split: 'train', 'dev' or a test set's name, as `corpora.read_split` takes.

  Raises:
    UsageError: text that cannot be read, or labels that do not fit; while the
      lines are taken.
  """
  if config.task == 'language_model':
    for _, line in corpora.read_split(config.data, split):
      yield line, ''
    return
  for source, target in corpora.text_paths(config.data, split):
    pairs = text_files.read_pairs(source, target)
    yield from check_lines(config.task, pairs, f'{source} and {target}')


def check_lines(task: str, pairs: Iterable[Line], files: str) -> Iterator[Line]:
  """Yields words and labels; raises UsageError for those that do not fit.

  Args:
    task: tagging or classification.
    pairs: lines of words, and of labels.
    files: that they come from, for the message.
  """
  of_line = task == 'classification'
  for number, (words, of_words) in enumerate(pairs, 1):
    place = f'{files}, line {number}'
    labels.check_labels(words, of_words, place, of_line=of_line)
    yield words, of_words


def train_tokenizers(config: Config) -> Tokenizers:
  """Returns the vocabularies of a config's training text.

  A language model's text has one, words and labels have one each.

  Raises:
    UsageError: as `read_lines`, or sizes that the text does not give.
  """
  settings = config.vocabulary
  check_models(settings)
  if config.task == 'language_model':
    if settings.source_model:
      return Tokenizers.train(settings, ())
    both = _train_text(config, read_lines(config, 'train'))
    return Tokenizers(both, both, joint=True)
  pairs = list(read_lines(config, 'train'))
  target = labels.label_vocabulary(
    [of_words for _, of_words in pairs], settings.target_size
  )
  if settings.source_model:
    given = dataclasses.replace(settings, joint=True)
    source = Tokenizers.train(given, ()).source
  else:
    source = _train_text(config, pairs)
  return Tokenizers.separate(source, target)


def _train_text(config: Config, lines: Iterable[Line]) -> Tokenizer:
  settings = config.vocabulary
  sample, _ = vocabulary.sample_pairs(
    ((text, text) for text, _ in lines), settings.training_sentences
  )
  return train_side(sample, settings, 'source')
