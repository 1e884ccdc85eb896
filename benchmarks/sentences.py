"""What is decoded: random tokens, of equal or of real lengths.

A sentence is a row of source tokens that ends with EOS. Its output is forced
to have as many tokens as the sentence, EOS counted, in every peer.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.sizes import EOS_ID, FIRST_WORD_ID
from t2t_jax.data.subwords import SentencePieceTokenizer
from t2t_jax.data.text_files import read_lines
from t2t_jax.errors import UsageError

Sentences = list[list[int]]


def random_sentences(
  lengths: Iterable[int], vocab_size: int, seed: int
) -> Sentences:
  """Returns random tokens of these lengths, EOS counted."""
  rng = np.random.default_rng(seed)
  return [
    [*rng.integers(FIRST_WORD_ID, vocab_size, length - 1).tolist(), EOS_ID]
    for length in lengths
  ]


def file_lengths(file: str, vocabulary: str, longest: int) -> list[int]:
  """Returns the length of each line of `file` in tokens, EOS counted.

  Lines without tokens are left out: no translation is made of them.

  Args:
    file: text, plain or .gz.
    vocabulary: a SentencePiece model's file; '': tokens are what stands
      between white space.
    longest: most tokens of a line, with EOS.

  Raises:
    UsageError: no such file, or a line longer than that.
  """
  if not Path(file).is_file():
    raise UsageError(f'--lengths={file}: expected a text file, found none')
  count = _subwords(vocabulary) if vocabulary else _words
  counts = count(list(read_lines(Path(file))))
  for number, tokens in enumerate(counts, 1):
    if tokens >= longest:
      raise UsageError(
        f'--lengths={file}: line {number}: expected at most {longest - 1} '
        f'tokens, found {tokens}'
      )
  return [tokens + 1 for tokens in counts if tokens]


def _words(lines: Sequence[str]) -> list[int]:
  return [len(line.split()) for line in lines]


def _subwords(vocabulary: str) -> Callable[[Sequence[str]], list[int]]:
  if not Path(vocabulary).is_file():
    raise UsageError(
      f'--vocabulary={vocabulary}: expected a SentencePiece model, found none'
    )
  content = Path(vocabulary).read_bytes()
  encode = SentencePieceTokenizer(content, vocabulary).encode
  return lambda lines: [len(ids) for ids in encode(lines)]


def equal_length_groups(sentences: Sentences) -> list[list[int]]:
  """Returns indices of sentences of the same length, longest first."""
  groups: dict[int, list[int]] = {}
  for index in sorted(range(len(sentences)), key=lambda i: -len(sentences[i])):
    groups.setdefault(len(sentences[index]), []).append(index)
  return list(groups.values())
