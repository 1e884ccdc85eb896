"""Ranks one model's translations by the scores of two.

  python examples/rescore_n_best.py runs/a runs/b 'The dog sleeps.' 0.5

The first model writes its n best translations; the second, of any vocabulary,
says how probable it finds each; the order is by the sum, WEIGHT times the
second's. Prints a line for each: the sum, both scores, the text. A run from
right to left or from the other direction is ranked with in the same way, with
its own source and target for `score`.
"""

import sys

from t2t_jax import Translator, Workdir, restore


def main(
  workdir: str, other: str, sentence: str, weight: str = '1', beam: str = '4'
) -> None:
  translator = Translator.from_workdir(workdir, beam_size=int(beam))
  [translation] = translator.translate([sentence], nbest=int(beam))
  hypotheses = translation.hypotheses

  scorer = restore(Workdir(other)).scorer()
  scores = scorer.score(
    [sentence] * len(hypotheses), [found.text for found in hypotheses]
  )

  ranked = sorted(
    (
      (mine.score + float(weight) * theirs.score, mine, theirs)
      for mine, theirs in zip(hypotheses, scores, strict=True)
    ),
    key=lambda row: -row[0],
  )
  for total, mine, theirs in ranked:
    print(f'{total:8.3f} {mine.score:8.3f} {theirs.score:8.3f}  {mine.text}')


if __name__ == '__main__':
  main(*sys.argv[1:])
