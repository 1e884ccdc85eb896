"""Trains a translator on pairs of your own, from a list in Python.

  python examples/train_on_own_pairs.py runs/numbers

The pairs here are numbers in words and in digits: `four hundred and seven` is
`4 0 7`. Prints how many of a hundred numbers that it never saw it gets right,
and some of them. Put your own list in the place of `pairs`.
"""

import random
import sys
from pathlib import Path

from t2t_jax import Translator, Workdir, load_config, train

WORDS = (
  'zero one two three four five six seven eight nine ten eleven twelve '
  'thirteen fourteen fifteen sixteen seventeen eighteen nineteen '
  'twenty thirty forty fifty sixty seventy eighty ninety'
)
ONES, TENS = WORDS.split()[:20], WORDS.split()[20:]


def in_words(number: int) -> str:
  if number < 20:
    return ONES[number]
  if number < 100:
    ones = [ONES[number % 10]] if number % 10 else []
    return ' '.join([TENS[number // 10 - 2], *ones])
  rest = ['and', in_words(number % 100)] if number % 100 else []
  return ' '.join([ONES[number // 100], 'hundred', *rest])


def write_pairs(directory: Path, name: str, pairs) -> None:
  """Writes NAME.words and NAME.digits: text is files of a sentence a line."""
  directory.mkdir(parents=True, exist_ok=True)
  for side, lines in zip(
    ('words', 'digits'), zip(*pairs, strict=True), strict=True
  ):
    text = ''.join(f'{line}\n' for line in lines)
    (directory / f'{name}.{side}').write_text(text, encoding='utf-8')


def main(workdir: str, steps: str = '400') -> None:
  pairs = [(in_words(n), ' '.join(str(n))) for n in range(1000)]
  random.Random(1).shuffle(pairs)
  unseen = pairs[:100]
  text = Path(workdir) / 'text'
  write_pairs(text, 'train', pairs[100:])
  write_pairs(text, 'dev', unseen)

  config = load_config(
    'configs/quickstart.py',
    {
      'data.kind': 'text',
      'data.directory': str(text),
      'data.cache_dir': str(text / 'cache'),
      'data.train_source': ('train.words',),
      'data.train_target': ('train.digits',),
      'data.dev_source': ('dev.words',),
      'data.dev_target': ('dev.digits',),
      'data.test_source': (),
      'data.test_target': (),
      # The tokens are what stands between spaces. Text in sentences takes
      # 'bpe', and some thousand entries.
      'vocabulary.kind': 'segmented',
      'vocabulary.size': 64,
      'training.steps': int(steps),
      'optimizer.warmup_steps': int(steps) // 4,
      'evaluation.metric': 'exact_match',
      'evaluation.best_metric': 'exact_match',
      'evaluation.bleu_tokenize': 'none',
      'evaluation.every_steps': max(1, int(steps) // 2),
    },
  )
  train(config, Workdir(workdir))

  translator = Translator.from_workdir(workdir)
  found = translator.translate([words for words, _ in unseen])
  right = sum(
    translation.text == digits
    for translation, (_, digits) in zip(found, unseen, strict=True)
  )
  print(f'{right} of {len(unseen)} unseen numbers are right')
  for (words, _), translation in list(zip(unseen, found, strict=True))[:5]:
    print(f'{words} -> {translation.text}')


if __name__ == '__main__':
  main(*sys.argv[1:])
