"""A generated English-German corpus: the quickstart's embedded data.

A meaning is drawn (`sampling.py`), realised in both languages (`english.py`,
`german.py`) and given to a split by rule (`splits.py`). Every English sentence
has exactly one German translation. German specialities covered: gender, case,
adjective endings, verb second and verb last, separable verbs, both perfect
auxiliaries, "kein" and "nicht", contractions, numbers, relative clauses.
"""

import random
from collections.abc import Iterator

from t2t_jax.data.grammar import sampling, splits
from t2t_jax.data.grammar.english import english
from t2t_jax.data.grammar.german import german
from t2t_jax.data.grammar.meaning import Sentence
from t2t_jax.data.grammar.splits import SPLITS, combos, is_heldout

__all__ = [
  'SPLITS',
  'combos',
  'english',
  'generate',
  'generate_meanings',
  'german',
  'is_heldout',
]


def generate(split: str, seed: int, count: int) -> Iterator[tuple[str, str]]:
  """Sentence pairs of one split.

  The same arguments give the same pairs, and a smaller `count` a prefix of
  them. Pairs may repeat within a split (a few per cent of 20,000) but never
  across splits, whatever the seeds.

  Args:
    split: 'train', 'dev' or 'heldout'. Held-out sentences have a combination
      of words or structures that the other two never show.
    seed: another seed gives other sentences of the same split.
    count: the number of pairs.

  Returns:
    An iterator over `count` pairs (English, German).

  Raises:
    ValueError: the split is unknown or the count negative; at the call, not
      at the first pair.
  """
  meanings = generate_meanings(split, seed, count)
  return ((english(meaning), german(meaning)) for meaning in meanings)


def generate_meanings(split: str, seed: int, count: int) -> Iterator[Sentence]:
  """The meanings behind the pairs of `generate`; same arguments and errors."""
  if split not in SPLITS:
    expected = ', '.join(SPLITS)
    raise ValueError(f'split: expected one of {expected}, got {split!r}')
  if count < 0:
    raise ValueError(f'count: expected 0 or more, got {count}')
  return _meanings(split, random.Random(f'{split}:{seed}'), count)


def _meanings(split: str, rng: random.Random, count: int) -> Iterator[Sentence]:
  found = 0
  while found < count:
    meaning = sampling.sentence(rng)
    if is_heldout(meaning) != (split == 'heldout'):
      continue
    if split != 'heldout' and splits.is_dev(english(meaning)) != (
      split == 'dev'
    ):
      continue
    found += 1
    yield meaning
