"""Goes on training a model on text of another kind, and says what it gained.

  python examples/fine_tune.py runs/base medical.en medical.de runs/medical

The files hold a sentence a line. A tenth of them, at most 200, are kept apart,
as the dev set; prints their BLEU before and after. WORKDIR may be a run of our
own or an imported OPUS-MT model (t2t-import).
"""

import sys
from pathlib import Path

from sacrebleu.metrics import BLEU

from t2t_jax import Translator, Workdir, train
from t2t_jax.config_files import with_changes


def main(
  workdir: str, source: str, target: str, tuned: str, steps: str = '200'
) -> None:
  text = Path(tuned) / 'text'
  text.mkdir(parents=True, exist_ok=True)
  dev = {}
  for side, file in (('source', source), ('target', target)):
    with open(file, encoding='utf-8') as opened:
      lines = [line.rstrip('\n') for line in opened]
    count = min(200, max(1, len(lines) // 10))
    dev[side], rest = lines[:count], lines[count:]
    for name, part in (('dev', dev[side]), ('train', rest)):
      (text / f'{name}.{side}').write_text(
        ''.join(f'{line}\n' for line in part), encoding='utf-8'
      )

  # All as the first run had it, but for the text and a short, gentle schedule.
  config = with_changes(
    Workdir(workdir).read_config(),
    {
      'training.init_from': workdir,
      'training.steps': int(steps),
      'data.kind': 'text',
      'data.directory': str(text),
      'data.cache_dir': str(text / 'cache'),
      'data.train_source': ('train.source',),
      'data.train_target': ('train.target',),
      'data.train_weights': (),
      'data.dev_source': ('dev.source',),
      'data.dev_target': ('dev.target',),
      'data.test_source': (),
      'data.test_target': (),
      'vocabulary.source_model': '',  # it is the first run's
      'vocabulary.target_model': '',
      'optimizer.schedule': 'constant',
      'optimizer.warmup_steps': max(1, int(steps) // 10),
      'optimizer.peak_learning_rate': 1e-4,
      'checkpoint.every_steps': int(steps),
      'checkpoint.every_epochs': 0.0,
      'evaluation.every_steps': int(steps),
      'evaluation.every_epochs': 0.0,
    },
  )
  train(config, Workdir(tuned))

  for name in (workdir, tuned):
    translations = Translator.from_workdir(name).translate(dev['source'])
    texts = [translation.text for translation in translations]
    print(f'{name}: {BLEU().corpus_score(texts, [dev["target"]])}')


if __name__ == '__main__':
  main(*sys.argv[1:])
