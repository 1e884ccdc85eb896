"""Draws translations and takes the one that is most like all others.

  python examples/minimum_bayes_risk.py runs/quickstart 'The dog sleeps.' 32

Prints how often each text was drawn, then the choice (Eikema and Aziz 2020)
by chrF and by a utility of your own. `t2t-translate --method=sampling
--num_samples=32 --mbr=chrf` does the first for whole files.
"""

import sys
from collections import Counter

from t2t_jax import Translator
from t2t_jax.decoding.minimum_bayes_risk import minimum_bayes_risk


def shared_words(one: str, other: str) -> float:
  """A utility of your own: the share of words that two texts have in common."""
  words, others = set(one.split()), set(other.split())
  return len(words & others) / max(1, len(words | others))


def main(workdir: str, sentence: str, samples: str = '32') -> None:
  translator = Translator.from_workdir(
    workdir, method='sampling', num_samples=int(samples), seed=1
  )
  [translation] = translator.translate([sentence], nbest=int(samples))
  texts = [drawn.text for drawn in translation.hypotheses]
  for text, times in Counter(texts).most_common(5):
    print(f'{times:4} x {text}')

  choice = minimum_bayes_risk(texts, 'chrf')
  print(f'by chrF {choice.expected_utility:.1f}: {texts[choice.index]}')
  best = max(texts, key=lambda h: sum(shared_words(h, r) for r in texts))
  print(f'by shared words: {best}')


if __name__ == '__main__':
  main(*sys.argv[1:])
