"""Makes training pairs of text in the target language (Sennrich et al. 2016).

  python examples/back_translation.py runs/de-en news.de synthetic

WORKDIR is a model of the other direction. Writes synthetic.source, translations
drawn from it (Edunov et al. 2018), beside synthetic.target, the lines that they
came from; lines that the model made nothing of are left out. Train on both with
`data.train_source=train.en,synthetic.source` and its like; `data.train_weights`
says how often an epoch passes over each.
"""

import sys
from pathlib import Path

from t2t_jax import Translator


def main(workdir: str, lines_file: str, output: str) -> None:
  translator = Translator.from_workdir(
    workdir, method='sampling', num_samples=1, top_p=0.9, seed=1
  )
  count = 0
  with (
    open(lines_file, encoding='utf-8') as file,
    Path(f'{output}.source').open('w', encoding='utf-8') as sources,
    Path(f'{output}.target').open('w', encoding='utf-8') as targets,
  ):
    lines = [line.strip() for line in file]
    for line, drawn in zip(
      lines, translator.translate_stream(lines), strict=True
    ):
      if line and drawn.text:
        sources.write(f'{drawn.text}\n')
        targets.write(f'{line}\n')
        count += 1
  print(f'{count} of {len(lines)} lines are pairs in {output}.source, .target')


if __name__ == '__main__':
  main(*sys.argv[1:])
