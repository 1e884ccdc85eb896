"""What the text of a task consists of, and its vocabularies.

Translation has sentence pairs; what one stack alone is for has lines.
"""

import collections
from collections.abc import Iterable, Iterator

from t2t_jax.config import Config, DataConfig
from t2t_jax.data import corpora, labels, subwords, text_files, vocabulary
from t2t_jax.data.tokenizer import Tokenizers, check_models, train_side
from t2t_jax.errors import UsageError

Line = tuple[str, str]  # a language model's text and '', or words and labels


def read_corpora(
  task: str, data: DataConfig, split: str
) -> Iterator[tuple[str, Iterator[Line]]]:
  """Yields (name, lines) of each corpus that a split is made of.

  Args:
    task: of a config; translation's lines are sentence pairs.
    data, split: as `corpora.read_corpora` takes them.

  Raises:
    UsageError: text that cannot be read, or labels that do not fit; while the
      lines are taken.
  """
  if task == 'translation':
    yield from corpora.read_corpora(data, split)
  elif task == 'language_model':
    for name, pairs in corpora.read_corpora(data, split):
      yield name, ((line, '') for _, line in pairs)
  else:
    for source, target in corpora.text_paths(data, split):
      pairs = text_files.read_pairs(source, target)
      yield source.name, check_lines(task, pairs, f'{source} and {target}')


def read_lines(config: Config, split: str) -> Iterator[Line]:
  """Yields the lines of a split, those without words too.

  Args, Raises: as `read_corpora`.
  """
  for _, lines in read_corpora(config.task, config.data, split):
    yield from lines


def check_test_sets(config: Config) -> None:
  """Raises UsageError where a test set cannot be read, or has no words.

  A run reads them when it has made its last update: too late to learn it.
  """
  for name in corpora.test_set_names(config.data):
    if not sum(bool(words.strip()) for words, _ in read_lines(config, name)):
      raise UsageError(
        f"config.data: the test set '{name}': expected lines with words, found "
        'none'
      )


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


def train_tokenizers(config: Config, lines: Iterable[Line]) -> Tokenizers:
  """Returns the vocabularies of a config's training text.

  A language model's text has one, words and labels have one each.

  Args:
    config: what to make.
    lines: of `read_lines`, passed over once; not read where it gives nothing.

  Raises:
    UsageError: as `read_lines`, or sizes that the text does not give.
  """
  settings = config.vocabulary
  if config.task == 'translation':
    return Tokenizers.train(settings, lines)
  check_models(settings)
  given = settings.source_model
  if config.task == 'language_model' and given:
    return Tokenizers.train(settings, ())
  labels_seen: collections.Counter[str] = collections.Counter()

  def texts() -> Iterator[tuple[str, str]]:
    for text, of_words in lines:
      labels_seen.update(vocabulary.split_tokens(of_words))
      yield text, text

  most = 0 if given else settings.training_sentences
  sample, _ = vocabulary.sample_pairs(texts(), most)
  if config.task == 'language_model':
    both = train_side(sample, settings, 'source')
    return Tokenizers(both, both, joint=True)
  target = labels.label_vocabulary(labels_seen, settings.target_size)
  source = (
    subwords.read_model(given, 'vocabulary.source_model')
    if given
    else train_side(sample, settings, 'source')
  )
  return Tokenizers.separate(source, target)
