"""Generated text whose best perplexity, or whose labels, are known; and the
settings of tiny runs on it."""

import itertools
import math
import pathlib
import random

import tiny_run

# What comes after each word, and how probably; '' is the line's end.
_NEXT = {
  '^': {'a': 0.7, 'b': 0.3},
  'a': {'a': 0.1, 'b': 0.6, 'c': 0.3},
  'b': {'c': 0.5, 'd': 0.3, '': 0.2},
  'c': {'a': 0.4, 'd': 0.2, '': 0.4},
  'd': {'e': 0.9, '': 0.1},
  'e': {'a': 0.25, 'e': 0.25, '': 0.5},
}

_SETTINGS = {
  'model.d_model': 32,
  'model.d_ff': 64,
  'model.norm_position': 'pre',
  'model.dropout_rate': 0.0,
  'training.steps': 200,
  'optimizer.peak_learning_rate': 0.005,
  'training.global_batch_tokens': 512,
  'training.microbatch_tokens': 512,
  'training.max_shapes': 1,
  'training.label_smoothing': 0.0,
  'checkpoint.every_steps': 50,
  'evaluation.every_steps': 100,
  'logging.every_steps': 50,
}
LANGUAGE_MODEL = {
  **_SETTINGS,
  'task': 'language_model',
  'model.num_encoder_layers': 0,
  'data.train_source': (),
  'data.train_target': ('train.txt',),
  'data.dev_source': (),
  'data.dev_target': ('dev.txt',),
  'data.test_target': ('test.txt',),
}
TAGGING = {
  **_SETTINGS,
  'task': 'tagging',
  'model.num_decoder_layers': 0,
  'model.positions': 'relative',
  'model.tie_source_target': False,
  'data.train_source': ('train.words',),
  'data.train_target': ('train.tags',),
  'data.dev_source': ('dev.words',),
  'data.dev_target': ('dev.tags',),
  'data.test_source': ('test.words',),
  'data.test_target': ('test.tags',),
  'vocabulary.joint': False,
  'vocabulary.target_size': 32,
  'evaluation.best_metric': 'accuracy',
}
CLASSIFICATION = {
  **TAGGING,
  'task': 'classification',
  'data.train_target': ('train.classes',),
  'data.dev_target': ('dev.classes',),
  'data.test_target': ('test.classes',),
}


def flags(directory: pathlib.Path, changes: dict) -> list[str]:
  """Returns --config and its fields as flags."""
  return [
    f'--config={tiny_run.ROOT / "configs" / "base.py"}',
    *(
      f'--config.{key}={",".join(value) if isinstance(value, tuple) else value}'
      for key, value in tiny_run.settings(directory, changes).items()
    ),
  ]


def write_all(directory: pathlib.Path, lines: int = 3000) -> None:
  """Writes train, dev and test: .txt, and .words with .tags and .classes.

  A tag is the word itself, but that of an x is the next word that is no x: it
  takes the words on the right. A class is whether the line has two words the
  same, at its ends.
  """
  rng = random.Random(7)
  for split, count in (('train', lines), ('dev', 100), ('test', 50)):
    text = [_markov_line(rng) for _ in range(count)]
    words = [
      [rng.choice('abcxx') for _ in range(rng.randint(2, 9))]
      for _ in range(count)
    ]
    for suffix, rows in (
      ('txt', text),
      ('words', words),
      ('tags', [_tags(row) for row in words]),
      ('classes', [['same' if row[0] == row[-1] else 'not'] for row in words]),
    ):
      content = ''.join(' '.join(row) + '\n' for row in rows)
      (directory / f'{split}.{suffix}').write_text(content)


def true_nll(file: pathlib.Path) -> float:
  """Returns -log P a token, ends included, of the source that made a text."""
  log_prob, tokens = 0.0, 0
  for line in file.read_text().splitlines():
    words = ['^', *line.split(), '']
    for word, following in itertools.pairwise(words):
      log_prob += math.log(_NEXT[word][following])
      tokens += 1
  return -log_prob / tokens


def _markov_line(rng: random.Random) -> list[str]:
  # A batch row holds 15 words and EOS; longer lines are rare, and not taken.
  while True:
    words = ['^']
    while words[-1]:
      words += rng.choices(*zip(*_NEXT[words[-1]].items(), strict=True))
    if len(words) <= 16:
      return words[1:-1]


def _tags(words: list[str]) -> list[str]:
  tags, following = [], '$'
  for word in reversed(words):
    following = following if word == 'x' else word
    tags.append('to_' + following if word == 'x' else word)
  return tags[::-1]
