"""Many different sentence pairs of a few."""

import random
import re
from collections.abc import Iterator

_NUMBER = re.compile(r'\d+')


def vary(
  given: list[tuple[str, str]], pairs: int, rare: int, seed: int
) -> Iterator[tuple[str, str]]:
  """Yields so many different pairs, the same ones for the same seed.

  Args:
    given: different pairs.
    pairs: at most n (n - 1) for n given ones.
    rare: one word in so many is made up.
    seed: decides all of it.
  """
  chooser = random.Random(seed)
  given = chooser.sample(given, len(given))
  words = [
    [word for pair in given for word in pair[side].split(' ')]
    for side in (0, 1)
  ]
  for number in range(pairs):
    distance, first = divmod(number, len(given))
    second = (first + distance + 1) % len(given)
    digits = str(chooser.randrange(10, 10000))
    sides = []
    for side in (0, 1):
      line = f'{given[first][side]} {given[second][side]}'
      line = _NUMBER.sub(digits, line)
      tokens = line.split(' ')
      for _ in range(len(tokens) // rare + (chooser.random() < 0.5)):
        place = int(chooser.random() * len(tokens))
        other = words[side][int(chooser.random() * len(words[side]))]
        tokens[place] = tokens[place][:4] + other[-5:]
      sides.append(' '.join(tokens))
    yield sides[0], sides[1]
