"""Sentences a second of beam search, beside CTranslate2 and PyTorch.

  python -m benchmarks.decode --size=tiny,small --sentences=64,1000
  python -m benchmarks.decode --size=base --sentences=0 \\
    --lengths=newstest2014.en --vocabulary=runs/base/tokenizer/source.model

Random sentences, of --length tokens each or of the lengths of a file's lines,
are decoded by all peers with the same random weights. Every output is forced
to have as many tokens as its source, EOS counted. float32 on a CPU, but for
peers named after the dtype of their weights; on a GPU bfloat16, and
CTranslate2 float16. Each peer is a process of its own, and they take turns, so
none slows another down. All use the CPUs that the command may use:
`taskset -c 0,1 python ...` gives them two. One that fails is left out from
there on, and the status is 1. A TPU is one process's: name one peer.

Prints a JSON line for each peer, size and number of sentences, and a table:
  others   cores that other processes kept busy: should be near 0
  ours is  times as fast as the peer, median over the rounds' pairs
  same     share of the first 64 outputs that equal ours, token by token
"""

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError

if TYPE_CHECKING:
  from benchmarks.peers.decoders import DecodingPeer
  from benchmarks.peers.workers import Workers

_SIZES = flags.DEFINE_list(
  'size', 'tiny,small,base', 'models: some of tiny, small, base, big'
)
_SENTENCES = flags.DEFINE_list(
  'sentences', '64,1000', 'how many; with --lengths the first lines; 0: all'
)
_PEERS = flags.DEFINE_list(
  'peers',
  'ours,ours-bfloat16,ctranslate2,ctranslate2-int8,torch',
  'what is compared; what is not installed is left out',
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
  from benchmarks.columns import COLUMNS
  from benchmarks.machine import describe
  from benchmarks.peers.decoders import installed_peers
  from benchmarks.peers.workers import Workers
  from benchmarks.report import print_record, print_table
  from benchmarks.sizes import SIZES, base_config, check_sizes

  sizes, counts = check_sizes(_SIZES.value), _counts()
  lengths = _lengths(base_config().data.max_tokens)
  chosen = [_first(lengths, count) for count in counts]
  peers = installed_peers(_PEERS.value, cli.say)
  machine = describe('jax', 'jaxlib', 'flax', 'ctranslate2', 'torch')
  records: list[dict[str, Any]] = []

  def add(record: dict[str, Any]) -> None:
    records.append({'benchmark': 'decode'} | record)
    print_record(records[-1])

  for peer in _PEERS.value:
    if peer not in peers:
      add({'peer': peer, 'skipped': 'not installed'})
  for size in sizes:
    cli.say(f'{size}: making {", ".join(peers)}')
    with Workers(_peer(size, lengths), peers) as workers:
      for some in chosen:
        for record in _measure(workers, some, SIZES[size].vocab_size):
          add({'size': size} | record | machine)
    for peer, why in workers.failed.items():
      add({'size': size, 'peer': peer, 'failed': why} | machine)
  print_table(records, COLUMNS['decode'])
  if any('failed' in record for record in records):
    sys.exit(1)


def _peer(size: str, lengths: Sequence[int]) -> 'Callable[[str], DecodingPeer]':
  """Returns what makes a peer of its name."""
  from benchmarks.peers.decoders import DecodingPeer
  from benchmarks.sizes import base_config

  config = base_config()
  offset = config.decoding.max_decode_length_offset
  return functools.partial(
    DecodingPeer,
    size=size,
    seed=_SEED.value,
    beam_size=_BEAM_SIZE.value,
    batch_tokens=_BATCH_TOKENS.value,
    max_decode_length_offset=offset if _OFFSET.value is None else _OFFSET.value,
    # Decides our grid of shapes, which is to be as fine as in any other use.
    longest=max(config.data.max_tokens, *lengths),
  )


def _measure(
  workers: 'Workers[DecodingPeer]', lengths: Sequence[int], vocab_size: int
) -> Iterator[dict[str, Any]]:
  """Yields the records of one number of sentences, one a peer."""
  from benchmarks.peers.agreement import agreement
  from benchmarks.peers.decoders import DecodingPeer
  from benchmarks.report import now
  from benchmarks.rounds import speedup, summary
  from benchmarks.sentences import random_sentences

  sentences = random_sentences(lengths, vocab_size, _SEED.value)
  begun = workers.ask(
    f'first run of {len(sentences)} sentences',
    DecodingPeer.begin,
    sentences,
    COMPARED,
  )
  timed = workers.rounds(
    f'{len(sentences)} sentences',
    DecodingPeer.time,
    repeats=_REPEATS.value,
    warmup=_WARMUP.value,
  )
  for name, repeats in timed.items():
    record: dict[str, Any] = {
      'date': now(),
      'peer': name,
      'dtype': begun[name].dtype,
      'device': begun[name].device,
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
      outputs = begun['ours'].outputs, begun[name].outputs
      record['ours_is_faster'] = speedup(timed['ours'], repeats)
      record['agreement'] = agreement(*outputs)
    yield record


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
