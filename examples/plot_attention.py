"""Shows where a trained model looks: in the terminal, and as a page or picture.

  python examples/plot_attention.py runs/quickstart 'The dog sleeps.' \\
    attention.html

Prints the encoder-decoder attention, the mean over the heads of one layer: a
row for each word that was written, a column for each word that was read, darker
where there is more weight. FILE.html has all layers and heads, for a browser;
FILE.png is a picture of one layer's heads (extra `plot`).
"""

import sys
from pathlib import Path

import numpy as np

from t2t_jax import Workdir, restore
from t2t_jax.reporting.attention_page import attention_page
from t2t_jax.reporting.attention_picture import save_attention_picture
from t2t_jax.reporting.sentence_attention import (
  View,
  make_pairs,
  read_sentences,
)

SHADES = ' ░▒▓█'


def main(workdir: str, sentence: str, output: str) -> None:
  model = restore(Workdir(workdir))
  pairs = make_pairs(model.translator(), model.tokenizers, [sentence])
  [attention] = read_sentences(
    model.attention_reader(), model.tokenizers, pairs, warn=print
  )

  view = View(kind='cross')
  written, read, weights_by_head = attention.shown(view)
  mean_YX = np.mean(list(weights_by_head.values()), axis=0)
  for word, weights_X in zip(written, mean_YX, strict=True):
    shades = [SHADES[min(int(5 * weight), 4)] * 3 for weight in weights_X]
    print(f'{word:>16} {"".join(shades)}')
  print(' ' * 17 + ''.join(f'{word[:2]:3}' for word in read))

  if output.endswith('.png'):
    save_attention_picture(output, attention, view)
  else:
    page = attention_page([attention], model.origin, view)
    Path(output).write_text(page, encoding='utf-8')
  print(f'wrote {output}')


if __name__ == '__main__':
  main(*sys.argv[1:])
