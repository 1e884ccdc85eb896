"""Translates sentences with a trained model, from Python.

  python examples/translate_in_three_lines.py runs/quickstart 'The dog sleeps.'

Prints a translation of each sentence. `Translator.from_workdir` takes the
fields of the config's `decoding` too: beam_size=8, checkpoint='best',
method='sampling'.
"""

import sys

from t2t_jax import Translator


def main(workdir: str, *sentences: str) -> None:
  translator = Translator.from_workdir(workdir)
  for translation in translator.translate(sentences):
    print(translation.text)


if __name__ == '__main__':
  main(*sys.argv[1:])
