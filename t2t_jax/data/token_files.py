"""Token files: the ids of a split as flat arrays, memory-mapped."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

_ARRAYS = (
  'source_tokens',
  'source_offsets',
  'target_tokens',
  'target_offsets',
)


class TokenStore:
  """A split's pairs as ids, EOS included, read from the files on demand.

  Attributes:
    source_tokens, target_tokens: uint16 or uint32, all sentences in a row.
    source_offsets, target_offsets: int64 (pairs + 1,); sentence i is
      tokens[offsets[i]:offsets[i + 1]].
    source_lengths, target_lengths: int32 (pairs,), tokens with EOS.
  """

  def __init__(self, directory: Path | str):
    arrays = {
      name: np.load(Path(directory) / f'{name}.npy', mmap_mode='r')
      for name in _ARRAYS
    }
    # As plain arrays (still backed by the file): indexing is quicker.
    self.source_tokens = np.asarray(arrays['source_tokens'])
    self.target_tokens = np.asarray(arrays['target_tokens'])
    self.source_offsets = np.asarray(arrays['source_offsets'])
    self.target_offsets = np.asarray(arrays['target_offsets'])
    for side in ('source', 'target'):
      tokens, offsets = arrays[f'{side}_tokens'], arrays[f'{side}_offsets']
      if offsets[0] != 0 or offsets[-1] != len(tokens):
        raise ValueError(f'{directory}: {side} offsets and tokens disagree')
    self.source_lengths = _lengths(self.source_offsets)
    self.target_lengths = _lengths(self.target_offsets)

  def __len__(self) -> int:
    return len(self.source_lengths)


def _lengths(offsets: np.ndarray) -> np.ndarray:
  lengths = np.empty(len(offsets) - 1, np.int32)
  # Straight into the narrow type: of millions of pairs an int64 is much.
  return np.subtract(offsets[1:], offsets[:-1], lengths, casting='unsafe')


class TokenWriter:
  """Writes the files of a `TokenStore`, chunk by chunk.

  Use as a context manager: the arrays' headers are right after it.
  """

  def __init__(self, directory: Path, vocab_sizes: tuple[int, int]):
    """Starts new files; the vocabulary sizes decide the width of an id."""
    directory.mkdir(parents=True)
    self._sides = [
      (
        _GrowingArray(directory / f'{side}_tokens.npy', id_type(size)),
        _GrowingArray(directory / f'{side}_offsets.npy', np.dtype(np.int64)),
      )
      for side, size in zip(('source', 'target'), vocab_sizes, strict=True)
    ]
    for _, offsets in self._sides:
      offsets.extend(np.zeros(1, np.int64))

  def __enter__(self) -> 'TokenWriter':
    return self

  def __exit__(self, *_: object) -> None:
    for array in itertools.chain(*self._sides):
      array.close()

  def extend(
    self,
    source: Sequence[Sequence[int]],
    target: Sequence[Sequence[int]],
  ) -> None:
    """Appends pairs of id lists, EOS included."""
    self.extend_flat(
      *(
        (
          np.fromiter(itertools.chain.from_iterable(sequences), np.int64),
          np.fromiter(map(len, sequences), np.int64, len(sequences)),
        )
        for sequences in (source, target)
      )
    )

  def extend_flat(
    self,
    source: tuple[np.ndarray, np.ndarray],
    target: tuple[np.ndarray, np.ndarray],
  ) -> None:
    """Appends pairs given as all ids of a side in a row, and their lengths."""
    for (tokens, offsets), (flat, lengths) in zip(
      self._sides, (source, target), strict=True
    ):
      offsets.extend(tokens.length + np.cumsum(lengths, dtype=np.int64))
      tokens.extend(flat)


class _GrowingArray:
  """A one-dimensional .npy file whose length is known at the end."""

  def __init__(self, path: Path, dtype: np.dtype):
    self.length = 0
    self._dtype = dtype
    self._file: BinaryIO = path.open('wb')
    self._header = self._write_header()

  def extend(self, values: np.ndarray) -> None:
    self._file.write(values.astype(self._dtype, copy=False).tobytes())
    self.length += len(values)

  def close(self) -> None:
    self._file.seek(0)
    # numpy leaves room in the header for the first axis to grow.
    assert self._write_header() == self._header
    self._file.close()

  def _write_header(self) -> int:
    np.lib.format.write_array_header_1_0(
      self._file,
      {
        'descr': np.lib.format.dtype_to_descr(self._dtype),
        'fortran_order': False,
        'shape': (self.length,),
      },
    )
    return self._file.tell()


def id_type(vocab_size: int) -> np.dtype:
  """Returns the narrowest type that the ids of a vocabulary are stored in."""
  return np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)
