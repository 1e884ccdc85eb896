"""Makes as many different sentence pairs as are asked for from a few.

  python -m benchmarks.varied_text --source=a.en.gz,b.en \\
    --target=a.de.gz,b.de --pairs=4500000 --output=data/varied

writes train.en and train.de (after the first files' names) into --output, to
try what takes millions of pairs on text that is at hand. Each pair is two of
the given ones, one behind the other, no two of them twice together; a number is
exchanged for another on both sides, and one word in --rare for one that is made
of the beginning of a word and the end of another, so that rare words go on
coming up. It is no text to train on.
"""

import contextlib
import itertools
from pathlib import Path

from absl import flags

from benchmarks.variation import vary
from t2t_jax import cli
from t2t_jax.data import text_files
from t2t_jax.data.pace import Pace
from t2t_jax.errors import UsageError

_SOURCE = flags.DEFINE_list('source', [], 'files of sentences')
_TARGET = flags.DEFINE_list('target', [], 'of their translations')
_PAIRS = flags.DEFINE_integer('pairs', 4500000, 'how many', lower_bound=1)
_OUTPUT = flags.DEFINE_string('output', None, 'directory', required=True)
_RARE = flags.DEFINE_integer('rare', 20, 'one word in so many is made up')
_SEED = flags.DEFINE_integer('seed', 1, 'decides all of it')


def main() -> None:
  given = _read()
  if _PAIRS.value > len(given) * (len(given) - 1):
    raise UsageError(
      f'--pairs: {len(given)} different pairs give at most '
      f'{len(given) * (len(given) - 1)}, found {_PAIRS.value}'
    )
  directory = Path(_OUTPUT.value).expanduser()
  directory.mkdir(parents=True, exist_ok=True)
  pace = Pace('varied', _PAIRS.value, cli.say)
  with contextlib.ExitStack() as stack:
    files = [
      stack.enter_context((directory / f'train{suffix}').open('w', newline=''))
      for suffix in map(_suffix, (_SOURCE.value[0], _TARGET.value[0]))
    ]
    for pair in vary(given, _PAIRS.value, _RARE.value, _SEED.value):
      for file, line in zip(files, pair, strict=True):
        file.write(line + '\n')
      pace.add(1)
  print(directory)


def _read() -> list[tuple[str, str]]:
  if not _SOURCE.value or len(_SOURCE.value) != len(_TARGET.value):
    raise UsageError(
      '--target: expected one file for each of the '
      f'{len(_SOURCE.value)} of --source, found {len(_TARGET.value)}'
    )
  files = zip(_SOURCE.value, _TARGET.value, strict=True)
  pairs = itertools.chain.from_iterable(
    text_files.read_pairs(
      text_files.find('', source, 'source'),
      text_files.find('', target, 'target'),
    )
    for source, target in files
  )
  return list(dict.fromkeys(pairs))


def _suffix(name: str) -> str:
  return Path(name.removesuffix('.gz')).suffix or '.txt'


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
