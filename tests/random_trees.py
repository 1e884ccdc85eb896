"""Trees drawn at random."""

import random

from t2t_jax.data.trees import Bracket, Leaf, Tree

LABELS = ('S', 'NP', 'VP', 'PP', 'PRT', 'ADVP')
TAGS = ('NN', 'DT', 'VB', ',', '.', '``')


def random_tree(rng: random.Random, longest: int = 9) -> Tree:
  """Returns a tree of 1 to `longest` words, with chains over one span."""
  words = [f'w{rng.randrange(20)}' for _ in range(rng.randint(1, longest))]
  brackets: list[Bracket] = []
  _grow(rng, 0, len(words), brackets, depth=0)
  leaves = tuple(Leaf(rng.choice(TAGS), word) for word in words)
  return Tree(leaves, tuple(brackets))


def _grow(rng, start, end, brackets, depth):
  if depth > 6 or (depth and rng.random() < 0.3):
    return
  if depth or rng.random() < 0.8:  # some sentences have no root of their own
    brackets.append(Bracket(rng.choice(LABELS), start, end))
  cuts = sorted(rng.sample(range(start, end + 1), min(2, end - start)))
  for first, last in zip([start, *cuts], [*cuts, end], strict=True):
    if first < last and rng.random() < 0.8:
      _grow(rng, first, last, brackets, depth + 1)
