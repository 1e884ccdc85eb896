"""Preparation: pairs a second and core by stage, and the plan of an epoch.

  python -m benchmarks.prepare --source=train.en --target=train.de
  python -m benchmarks.prepare --plan_pairs=36000000

Text given by --source and --target (up to --pairs of it) is read, cleaned,
encoded by a joint BPE vocabulary of --vocabulary_size made of it, and written,
each stage by itself in one process and then all of `t2t_jax.prepare` with one
worker. Without text, pairs of the quickstart's grammar are taken, whose few
words flatter the encoding. Times are CPU seconds of this process, so others on
the machine change them little.

The plan: a token store of --plan_pairs pairs of drawn lengths is opened, its
shapes are fitted, an epoch's order and every shape's permutation are drawn.
Memory is what numpy allocates at its peak; the files are mapped besides.

Prints a JSON line for each stage, and a table:
  us     microseconds of CPU a pair
  pairs/s  a second and core
"""

import itertools
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError

_SOURCE = flags.DEFINE_string('source', '', 'a text file')
_TARGET = flags.DEFINE_string('target', '', 'its translation')
_PAIRS = flags.DEFINE_integer('pairs', 200000, 'most pairs', lower_bound=1)
_SIZE = flags.DEFINE_integer(
  'vocabulary_size',
  0,
  "entries; 0: the paper's 37000, or 4000 of the grammar's few words",
  lower_bound=0,
)
_KIND = flags.DEFINE_enum('kind', 'bpe', ['bpe', 'unigram'], 'of vocabulary')
_PLAN_PAIRS = flags.DEFINE_integer(
  'plan_pairs', 36000000, 'pairs of the plan; 0: none', lower_bound=0
)


def main() -> None:
  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.report import now, print_record, print_table

  machine = describe('numpy', 'sentencepiece')
  records: list[dict[str, Any]] = []

  def add(stage: str, pairs: int, seconds: float, **more: Any) -> None:
    record = {
      'benchmark': 'prepare',
      'date': now(),
      'stage': stage,
      'pairs': pairs,
      'cpu_s': round(seconds, 3),
      'us_a_pair': round(1e6 * seconds / pairs, 3),
      'pairs_per_s': round(pairs / seconds),
    }
    records.append(record | more)
    print_record(record | more | machine)

  with tempfile.TemporaryDirectory() as directory:
    for stage, pairs, seconds in _text_stages(Path(directory)):
      add(stage, pairs, seconds)
  if _PLAN_PAIRS.value:
    with tempfile.TemporaryDirectory() as directory:
      seconds, peak = _plan(Path(directory), _PLAN_PAIRS.value)
      add('epoch plan', _PLAN_PAIRS.value, seconds, peak_mib=round(peak))
  print_table(records, COLUMNS['prepare'])


def _text_stages(directory: Path) -> Iterator[tuple[str, int, float]]:
  """Yields (stage, pairs, CPU seconds)."""
  from t2t_jax.config import from_mapping
  from t2t_jax.data import chunks, cleaning, corpora, encoding, token_store
  from t2t_jax.data.token_files import TokenWriter
  from t2t_jax.data.tokenizer import Tokenizers
  from t2t_jax.data.word_encoder import WordEncoder, encode_flat

  mapping = _mapping(directory)
  config = from_mapping(mapping)
  data, vocabulary = config.data, config.vocabulary
  pairs, seconds = _timed(lambda: list(corpora.read_split(data, 'train')))
  count = len(pairs)
  yield 'read', count, seconds
  tokenizers, seconds = _timed(lambda: Tokenizers.train(vocabulary, pairs))
  yield 'vocabulary', count, seconds
  parts = [
    pairs[n : n + encoding.CHUNK] for n in range(0, count, encoding.CHUNK)
  ]

  def clean() -> None:
    for part in parts:
      cleaning.text_reasons(part, data, training=True)
      cleaning.pair_hashes(part)

  yield 'clean, with hashes', count, _timed(clean)[1]
  sides = [[pair[side] for pair in pairs] for side in (0, 1)]
  for name, encode in (
    (
      'encode, whole lines',
      lambda lines: encode_flat(tokenizers.source, lines),
    ),
    ('encode', WordEncoder(tokenizers.source)),
  ):

    def encode_all(encode: Callable[..., Any] = encode) -> None:
      for lines in sides:
        for start in range(0, count, encoding.CHUNK):
          encode(lines[start : start + encoding.CHUNK])

    yield name, count, _timed(encode_all)[1]
  encoder = chunks.Encoder(
    tokenizers,
    chunks.Settings(config.task, data, vocabulary, training=True),
  )
  arrays = [encoder(part, number) for number, part in enumerate(parts)]

  def write() -> None:
    sizes = (tokenizers.source.vocab_size, tokenizers.target.vocab_size)
    with TokenWriter(directory / 'store', sizes) as writer:
      for number, some in enumerate(arrays):
        path = directory / f'{number}.npz'
        chunks.save(path, some)
        found = chunks.load(path)
        writer.extend_flat(
          *(
            (found[f'{side}_tokens_0'], found[f'{side}_lengths_0'])
            for side in chunks.SIDES
          )
        )

  yield 'write', count, _timed(write)[1]
  yield (
    'all of it',
    count,
    _timed(lambda: token_store.prepare(config, cli.say))[1],
  )


def _mapping(directory: Path) -> Mapping[str, Any]:
  """The config of a text of at most --pairs pairs, written to `directory`."""
  from t2t_jax.config_files import load
  from t2t_jax.data import grammar, text_files

  if bool(_SOURCE.value) != bool(_TARGET.value):
    raise UsageError('--source: expected with --target, found one of both')
  if _SOURCE.value:
    pairs = text_files.read_pairs(
      text_files.find('', _SOURCE.value, 'source'),
      text_files.find('', _TARGET.value, 'target'),
    )
  else:
    pairs = grammar.generate('train', 1, min(_PAIRS.value, 20000))
  some = list(itertools.islice(pairs, _PAIRS.value))
  for name, part in (('train', some), ('dev', some[:100])):
    for side, language in enumerate(('en', 'de')):
      text = ''.join(pair[side] + '\n' for pair in part)
      (directory / f'{name}.{language}').write_bytes(text.encode())
  mapping = load('configs/base.py').to_dict()
  mapping['data'] |= {
    'directory': str(directory),
    'cache_dir': str(directory / 'cache'),
    'remove_duplicates': True,
    'workers': 1,
  }
  for name in ('train', 'dev', 'test'):
    text_name = 'dev' if name == 'test' else name
    mapping['data'][f'{name}_source'] = (f'{text_name}.en',)
    mapping['data'][f'{name}_target'] = (f'{text_name}.de',)
  size = _SIZE.value or (37000 if _SOURCE.value else 4000)
  mapping['vocabulary'] |= {'size': size, 'kind': _KIND.value}
  return mapping


def _plan(directory: Path, pairs: int) -> tuple[float, float]:
  """Returns CPU seconds and the peak of allocated MiB."""
  from t2t_jax.config import from_mapping
  from t2t_jax.config_files import load
  from t2t_jax.data.batching import TrainBatches
  from t2t_jax.data.token_files import TokenStore

  cli.say(f'plan: drawing the lengths of {pairs:,} pairs')
  generator = np.random.default_rng(1)
  # Log-normal, 27 tokens a side on average, sides alike: as WMT14's are.
  source = np.exp(generator.normal(3.1, 0.65, pairs))
  target = source * np.exp(generator.normal(0, 0.2, pairs))
  for side, lengths in (('source', source), ('target', target)):
    ends = np.cumsum(np.clip(lengths, 2, 256).astype(np.int64))
    offsets = np.concatenate([[0], ends])
    np.save(directory / f'{side}_offsets.npy', offsets)
    np.lib.format.open_memmap(  # a hole: takes no room on disk
      directory / f'{side}_tokens.npy', 'w+', np.uint16, (int(ends[-1]),)
    )
  del source, target, ends, offsets
  training = from_mapping(load('configs/base.py')).training
  tracemalloc.start()

  def plan() -> None:
    batches = TrainBatches.of(TokenStore(directory), training, pad_id=0)
    unseen = set(batches.shapes)
    for step in itertools.count():
      drawn = batches.drawn(step)
      drawn.read(slice(0, 8))
      unseen.discard(drawn.shape)
      if not unseen:
        return

  _, seconds = _timed(plan)
  peak = tracemalloc.get_traced_memory()[1] / 2**20
  tracemalloc.stop()
  return seconds, peak


def _timed(stage: Callable[[], Any]) -> tuple[Any, float]:
  start = time.process_time()
  result = stage()
  return result, time.process_time() - start


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
