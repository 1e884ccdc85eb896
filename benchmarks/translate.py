"""Lines a second of a trained model, beside CTranslate2.

  python -m benchmarks.translate --workdir=runs/multi30k \\
    --source=test_2016_flickr.en --reference=test_2016_flickr.de

Where benchmarks.decode gives every output its length, here each sentence ends
where its search finds its end, and what is timed goes from lines to lines. All
have the same parameters, beam and length penalty; --batch_tokens are source
tokens times beams at one time. Names of ours tell what differs from the run's
decoding. CPUs and dtypes are those of benchmarks.decode.

Prints a JSON line for each, and a table:
  others   cores that other processes kept busy: should be near 0
  ours is  times as fast, median over the rounds' pairs
  same     share of the lines that equal ours
"""

from pathlib import Path
from typing import Any

from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError

_WORKDIR = flags.DEFINE_string('workdir', None, 'of a finished run')
_SOURCE = flags.DEFINE_string('source', None, 'text, a sentence a line')
_REFERENCE = flags.DEFINE_string('reference', None, 'its translations: BLEU')
_LINES = flags.DEFINE_integer('lines', 0, 'the first so many; 0: all', 0)
_PEERS = flags.DEFINE_list(
  'peers',
  'ours,ours-likely,ours-bfloat16,ctranslate2',
  'what is compared, or ctranslate2-int8; what is not installed is left out',
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
  import jax

  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.peers.company import check_company
  from benchmarks.peers.translators import (
    installed_translators,
    make_translator,
  )
  from benchmarks.report import print_record, print_table
  from t2t_jax.checkpoints.workdir import Workdir

  if _WORKDIR.value is None:
    raise UsageError('--workdir: expected the directory of a run, found none')
  check_company(_PEERS.value, jax.default_backend())
  names = installed_translators(_PEERS.value, cli.say)
  sources = _lines('source', _SOURCE.value)
  references = _REFERENCE.value and _lines('reference', _REFERENCE.value)
  if references and len(references) != len(sources):
    raise UsageError(
      f'--reference: expected {len(sources)} lines, as --source has, found '
      f'{len(references)}'
    )
  workdir = Workdir(_WORKDIR.value)
  config = workdir.read_config()
  cli.use_compile_cache(config.logging.compile_cache_dir)
  options: Any = {
    'beam_size': _BEAM_SIZE.value,
    'length_penalty_alpha': _ALPHA.value,
    'batch_tokens': _BATCH_TOKENS.value,
  }
  translators = {
    name: make_translator(name, workdir, options) for name in names
  }
  machine = describe('jax', 'jaxlib', 'flax', 'ctranslate2')
  records = [
    record | {k: v for k, v in options.items() if v is not None} | machine
    for record in _measure(
      translators, sources, references or None, config.evaluation.bleu_tokenize
    )
  ]
  for record in records:
    print_record(record)
  print_table(records, COLUMNS['translate'])


def _measure(
  translators: dict[str, Any],
  sources: list[str],
  references: list[str] | None,
  tokenize: str,
) -> list[dict[str, Any]]:
  import jax

  from benchmarks.report import now
  from benchmarks.rounds import run_rounds, speedup, summary
  from t2t_jax.evaluation.bleu import corpus_scores

  jobs = {
    name: lambda translate=translate: translate(sources)
    for name, translate in translators.items()
  }
  outputs = {}
  for name, job in jobs.items():
    cli.say(f'{name}: first run of {len(sources)} lines')
    outputs[name] = job()
  cli.say(f'{_REPEATS.value} timed rounds')
  timed = run_rounds(jobs, repeats=_REPEATS.value, warmup=_WARMUP.value)
  records = []
  for name, repeats in timed.items():
    record: dict[str, Any] = {
      'benchmark': 'translate',
      'date': now(),
      'peer': name,
      'device': jax.default_backend(),
      'lines': len(sources),
    } | summary(repeats)
    record['lines_per_s'] = round(len(sources) / record['median_s'], 2)
    if references:
      scores = corpus_scores(outputs[name], references, tokenize)
      record['bleu'] = round(scores.bleu, 2)
    if 'ours' in timed and name != 'ours':
      record['ours_is_faster'] = speedup(timed['ours'], repeats)
      pairs = zip(outputs['ours'], outputs[name], strict=True)
      record['same_lines'] = round(
        sum(our == their for our, their in pairs) / len(sources), 4
      )
    records.append(record)
  return records


def _lines(flag: str, file: str | None) -> list[str]:
  from t2t_jax.data.text_files import read_lines

  if not file or not Path(file).is_file():
    raise UsageError(f'--{flag}: expected a text file, found {file or "none"}')
  if not (lines := list(read_lines(Path(file)))[: _LINES.value or None]):
    raise UsageError(f'--{flag}={file}: expected lines, found none')
  return lines


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
