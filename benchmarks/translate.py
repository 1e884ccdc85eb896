"""Lines a second of a trained model, beside CTranslate2.

  python -m benchmarks.translate --workdir=runs/multi30k \\
    --source=test_2016_flickr.en --reference=test_2016_flickr.de

Where benchmarks.decode gives every output its length, here each sentence ends
where its search finds its end, and what is timed goes from lines to lines. All
have the same parameters, beam and length penalty; --batch_tokens are source
tokens times beams at one time. Names of ours tell what differs from the run's
decoding. Processes, CPUs and dtypes are those of benchmarks.decode.

Prints a JSON line for each, and a table:
  others   cores that other processes kept busy: should be near 0
  ours is  times as fast, median over the rounds' pairs
  same     share of the lines that equal ours
"""

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError

if TYPE_CHECKING:
  from benchmarks.peers.translators import TranslatingPeer
  from benchmarks.peers.workers import Workers

_WORKDIR = flags.DEFINE_string('workdir', None, 'of a finished run')
_SOURCE = flags.DEFINE_string('source', None, 'text, a sentence a line')
_REFERENCE = flags.DEFINE_string('reference', None, 'its translations: BLEU')
_LINES = flags.DEFINE_integer('lines', 0, 'the first so many; 0: all', 0)
_PEERS = flags.DEFINE_list(
  'peers',
  'ours,ours-likely,ours-bfloat16,ctranslate2,ctranslate2-int8',
  'what is compared; what is not installed is left out',
)
_BEAM_SIZE = flags.DEFINE_integer('beam_size', None, "default: the run's", 1)
_ALPHA = flags.DEFINE_float(
  'length_penalty_alpha', None, "default: the run's", 0
)
_BATCH_TOKENS = flags.DEFINE_integer(
  'batch_tokens', None, "default: the run's", 1
)
_REPEATS = flags.DEFINE_integer('repeats', 5, 'timed rounds', 1)
_WARMUP = flags.DEFINE_integer(
  'warmup', 0, 'rounds before them, behind the first run', 0
)


def main() -> None:
  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.peers.translators import (
    TranslatingPeer,
    installed_translators,
  )
  from benchmarks.peers.workers import Workers
  from benchmarks.report import print_record, print_table
  from t2t_jax.checkpoints.workdir import Workdir

  if _WORKDIR.value is None:
    raise UsageError('--workdir: expected the directory of a run, found none')
  names = installed_translators(_PEERS.value, cli.say)
  sources = _lines('source', _SOURCE.value)
  references = _REFERENCE.value and _lines('reference', _REFERENCE.value)
  if references and len(references) != len(sources):
    raise UsageError(
      f'--reference: expected {len(sources)} lines, as --source has, found '
      f'{len(references)}'
    )
  config = Workdir(_WORKDIR.value).read_config()
  options: Any = {
    'beam_size': _BEAM_SIZE.value,
    'length_penalty_alpha': _ALPHA.value,
    'batch_tokens': _BATCH_TOKENS.value,
  }
  peer = functools.partial(
    TranslatingPeer, workdir=_WORKDIR.value, options=options
  )
  machine = describe('jax', 'jaxlib', 'flax', 'ctranslate2')
  given = {k: v for k, v in options.items() if v is not None}
  with Workers(peer, names) as workers:
    records = _measure(
      workers, sources, references or None, config.evaluation.bleu_tokenize
    )
  records += [{'peer': x, 'failed': why} for x, why in workers.failed.items()]
  records = [
    {'benchmark': 'translate'} | record | given | machine for record in records
  ]
  for record in records:
    print_record(record)
  print_table(records, COLUMNS['translate'])
  if workers.failed:
    sys.exit(1)


def _measure(
  workers: 'Workers[TranslatingPeer]',
  sources: list[str],
  references: list[str] | None,
  tokenize: str,
) -> list[dict[str, Any]]:
  from benchmarks.peers.translators import TranslatingPeer
  from benchmarks.report import now
  from benchmarks.rounds import speedup, summary
  from t2t_jax.evaluation.bleu import corpus_scores

  begun = workers.ask(
    f'first run of {len(sources)} lines', TranslatingPeer.begin, sources
  )
  timed = workers.rounds(
    f'{len(sources)} lines',
    TranslatingPeer.time,
    repeats=_REPEATS.value,
    warmup=_WARMUP.value,
  )
  records = []
  for name, repeats in timed.items():
    outputs = begun[name].outputs
    record: dict[str, Any] = {
      'date': now(),
      'peer': name,
      'device': begun[name].device,
      'lines': len(sources),
    } | summary(repeats)
    record['lines_per_s'] = round(len(sources) / record['median_s'], 2)
    if references:
      scores = corpus_scores(outputs, references, tokenize)
      record['bleu'] = round(scores.bleu, 2)
    if 'ours' in timed and name != 'ours':
      record['ours_is_faster'] = speedup(timed['ours'], repeats)
      pairs = zip(begun['ours'].outputs, outputs, strict=True)
      record['same_lines'] = round(
        sum(our == their for our, their in pairs) / len(sources), 4
      )
    records.append(record)
  return records


def _lines(flag: str, file: str | None) -> list[str]:
  from t2t_jax.data.text_files import read_lines

  if not file or not Path(file).is_file():
    raise UsageError(f'--{flag}: expected a text file, found {file or "none"}')
  return list(read_lines(Path(file)))[: _LINES.value or None]


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
