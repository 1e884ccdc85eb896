"""Asks for more of a translation than that it is a good one.

  python examples/constrained.py runs/quickstart 'The dog sleeps.' Der Hund

Prints the best translation, the one that begins with PREFIX, and the one that
contains PHRASE somewhere. Whatever the model thinks of them, they appear; the
score tells what that costs.
"""

import sys

from t2t_jax import Request, Translator


def main(workdir: str, sentence: str, prefix: str, phrase: str) -> None:
  translator = Translator.from_workdir(workdir, beam_size=4)
  requests: dict[str, str | Request] = {
    'free': sentence,
    'prefix': Request(sentence, prefix=prefix),
    'phrase': Request(sentence, phrases=(phrase,)),
  }
  translations = translator.translate(list(requests.values()))
  for name, found in zip(requests, translations, strict=True):
    print(f'{name:6} {found.score:8.3f}  {found.text}')


if __name__ == '__main__':
  main(*sys.argv[1:])
