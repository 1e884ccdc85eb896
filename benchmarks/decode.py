"""Sentences a second of beam search, beside CTranslate2 and PyTorch.

  python -m benchmarks.decode --size=tiny,small --sentences=64,1000
  python -m benchmarks.decode --size=base --sentences=0 \\
    --lengths=newstest2014.en --vocabulary=runs/base/tokenizer/source.model

Random sentences, of --length tokens each or of the lengths of a file's lines,
are decoded by all peers with the same random weights. Every output is forced
to have as many tokens as its source, EOS counted. float32 on a CPU, but for
peers named after the dtype of their weights; on a GPU bfloat16, and
CTranslate2 float16. All peers use the CPUs that the process may
use: `taskset -c 0,1 python ...` gives them two.

Prints a JSON line for each peer, size and number of sentences, and a table:
  others   cores that other processes kept busy: should be near 0
  ours is  times as fast as the peer, median over the rounds' pairs
  same     share of the first 64 outputs that equal ours, token by token
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError

_SIZES = flags.DEFINE_list(
  'size', 'tiny,small,base', 'models: some of tiny, small, base, big'
)
_SENTENCES = flags.DEFINE_list(
  'sentences', '64,1000', 'how many; with --lengths the first lines; 0: all'
)
_PEERS = flags.DEFINE_list(
  'peers',
  'ours,ours-bfloat16,ctranslate2',
  'what is compared, ctranslate2-int8 and torch too, on a CPU one of the three '
  'at a time; what is not installed is left out',
)
_BEAM_SIZE = flags.DEFINE_integer(
  'beam_size', 4, 'live hypotheses', lower_bound=1
)
_LENGTH = flags.DEFINE_integer(
  'length', 32, 'tokens of each source and output, with EOS', lower_bound=2
)
_LENGTHS = flags.DEFINE_string(
  'lengths', None, "a text file, whose lines' lengths are taken for --length"
)
_VOCABULARY = flags.DEFINE_string(
  'vocabulary',
  '',
  'SentencePiece model that counts the tokens of --lengths; without it they '
  'are what stands between white space',
)
_BATCH_TOKENS = flags.DEFINE_integer(
  'batch_tokens',
  8192,
  'source tokens times beams at one time, of every peer',
  lower_bound=1,
)
_OFFSET = flags.DEFINE_integer(
  'max_decode_length_offset',
  None,
  'of our search: the cache has room for input + this; default: as in '
  'configs/base.py',
  lower_bound=1,
)
_REPEATS = flags.DEFINE_integer('repeats', 7, 'timed rounds', lower_bound=1)
_WARMUP = flags.DEFINE_integer(
  'warmup', 1, 'rounds before them, behind the first run', lower_bound=0
)
_SEED = flags.DEFINE_integer('seed', 1, 'of weights and sentences')

# Outputs that are compared between peers: the first so many sentences.
COMPARED = 64


def main() -> None:
  # jax would take most of a GPU's memory, of which peers need their share.
  os.environ.setdefault('XLA_PYTHON_CLIENT_MEM_FRACTION', '0.4')
  import jax

  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.peers.company import check_company
  from benchmarks.peers.decoders import installed_peers
  from benchmarks.report import print_record, print_table
  from benchmarks.sizes import base_config, check_sizes

  config = base_config()
  cli.use_compile_cache(config.logging.compile_cache_dir)
  sizes, counts = check_sizes(_SIZES.value), _counts()
  lengths = _lengths(config.data.max_tokens)
  chosen = [_first(lengths, count) for count in counts]
  check_company(_PEERS.value, jax.default_backend())
  peers = installed_peers(_PEERS.value, cli.say)
  machine = describe('jax', 'jaxlib', 'flax', 'ctranslate2', 'torch')
  records: list[dict[str, Any]] = [
    {'benchmark': 'decode', 'peer': peer, 'skipped': 'not installed'}
    for peer in _PEERS.value
    if peer not in peers
  ]
  for record in records:
    print_record(record)
  for size in sizes:
    decoders, vocab_size = _decoders(size, peers, lengths)
    for some in chosen:
      for record in _measure(decoders, some, vocab_size):
        record = {'benchmark': 'decode', 'size': size} | record | machine
        print_record(record)
        records.append(record)
  print_table(records, COLUMNS['decode'])


def _decoders(
  size: str, peers: Sequence[str], lengths: Sequence[int]
) -> tuple[dict[str, Any], int]:
  """The peers' decoders of one model, and the size of its vocabulary."""
  from benchmarks.peers.decoders import Settings, compute_dtype, make_decoder
  from benchmarks.sizes import SIZES, base_config, random_model

  cli.say(f'{size}: making {", ".join(peers)}')
  config = base_config()
  offset = config.decoding.max_decode_length_offset
  model, params = random_model(
    SIZES[size], _SEED.value, compute_dtype=compute_dtype()
  )
  settings = Settings(
    model=model,
    params=params,
    beam_size=_BEAM_SIZE.value,
    batch_tokens=_BATCH_TOKENS.value,
    max_decode_length_offset=offset if _OFFSET.value is None else _OFFSET.value,
    # Decides our grid of shapes, which is to be as fine as in any other use.
    longest=max(config.data.max_tokens, *lengths),
  )
  decoders = {peer: make_decoder(peer, settings) for peer in peers}
  return decoders, SIZES[size].vocab_size


def _measure(
  decoders: Mapping[str, Any], lengths: Sequence[int], vocab_size: int
) -> list[dict[str, Any]]:
  """The records of one number of sentences, one a peer."""
  import jax

  from benchmarks.peers.agreement import agreement, check_lengths
  from benchmarks.report import now
  from benchmarks.rounds import run_rounds, speedup, summary
  from benchmarks.sentences import random_sentences

  sentences = random_sentences(lengths, vocab_size, _SEED.value)
  jobs = {name: d.job(sentences) for name, d in decoders.items()}
  for name, job in jobs.items():
    cli.say(f'{name}: first run of {len(sentences)} sentences')
    check_lengths(name, sentences, job())
  compared = sentences[:COMPARED]
  outputs = {name: d.outputs(compared) for name, d in decoders.items()}
  cli.say(f'{_REPEATS.value} timed rounds')
  timed = run_rounds(jobs, repeats=_REPEATS.value, warmup=_WARMUP.value)
  records = []
  for name, repeats in timed.items():
    record = {
      'date': now(),
      'peer': name,
      'dtype': decoders[name].dtype,
      'device': jax.default_backend(),
      'sentences': len(sentences),
      'tokens': sum(lengths),
      'lengths': _LENGTHS.value or _LENGTH.value,
      'beam': _BEAM_SIZE.value,
      'batch_tokens': _BATCH_TOKENS.value,
      'warmup': _WARMUP.value,
    } | summary(repeats)
    record['sentences_per_s'] = round(len(sentences) / record['median_s'], 2)
    record['tokens_per_s'] = round(sum(lengths) / record['median_s'], 1)
    if 'ours' in timed and name != 'ours':
      record['ours_is_faster'] = speedup(timed['ours'], repeats)
      record['agreement'] = agreement(outputs['ours'], outputs[name])
    records.append(record)
  return records


def _counts() -> list[int]:
  for count in _SENTENCES.value:
    if not count.isdecimal() or (count == '0' and not _LENGTHS.value):
      raise UsageError(
        '--sentences: expected numbers above 0 (0, all, needs --lengths), '
        f"found '{count}'"
      )
  return [int(count) for count in _SENTENCES.value]


def _lengths(longest: int) -> list[int]:
  """The tokens of each sentence there is; with --length one of all."""
  from benchmarks.sentences import file_lengths

  if not _LENGTHS.value:
    return [_LENGTH.value]
  return file_lengths(_LENGTHS.value, _VOCABULARY.value, longest)


def _first(lengths: Sequence[int], count: int) -> Sequence[int]:
  if not _LENGTHS.value:
    return [*lengths] * count
  if count > len(lengths):
    raise UsageError(
      f'--sentences: expected at most the {len(lengths)} lines with tokens of '
      f'{_LENGTHS.value}, found {count}'
    )
  return lengths[:count] if count else lengths


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
