"""A test set as text: which one it is, and its sentences by length."""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from t2t_jax.errors import UsageError

# The most words of each bucket but the last; fixed, so that reports compare.
BOUNDS = (10, 20, 30, 40, 50, 60)


@dataclasses.dataclass(frozen=True)
class ParallelText:
  """A test set.

  Attributes:
    references: untouched, one a line.
    sources: as many; None where only translations were given.
    direction: such as en-de; None where nobody said.
  """

  references: Sequence[str]
  sources: Sequence[str] | None = None
  direction: str | None = None

  def __post_init__(self) -> None:
    if self.sources is not None and len(self.sources) != len(self.references):
      raise UsageError(
        'test set: expected one reference for each source line, found '
        f'{len(self.sources)} source lines and {len(self.references)} '
        'references'
      )
    if not self.references:
      raise UsageError('test set: expected at least one line, found none')
    if self.direction is not None and not all(self.direction.partition('-')):
      raise UsageError(
        f'--direction={self.direction}: expected SOURCE-TARGET, such as en-de'
      )

  @property
  def language(self) -> str | None:
    """The target's."""
    return self.direction.partition('-')[2] if self.direction else None

  def sha256(self) -> str:
    """Returns the SHA-256, in hex, of what is translated and compared with.

    Hashed are lines `source TAB reference LF`, or `reference LF` without
    sources, in UTF-8, white space normalised: runs of it become one space,
    none is left at either end. So a clean reference file alone has the hash
    that sha256sum prints.
    """
    columns = [self.references]
    if self.sources is not None:
      columns.insert(0, self.sources)
    digest = hashlib.sha256()
    for row in zip(*columns, strict=True):
      line = '\t'.join(' '.join(text.split()) for text in row)
      digest.update(f'{line}\n'.encode())
    return digest.hexdigest()

  def line(self) -> str:
    """Returns what names the test set on one line."""
    return (
      f'{len(self.references)} lines, {self.direction or "unknown direction"}, '
      f'sha256 of {self._hashed()} {self.sha256()[:16]}'
    )

  def to_dict(self) -> dict[str, Any]:
    """Returns what names the test set, for JSON."""
    return {
      'lines': len(self.references),
      'direction': self.direction,
      'sha256': self.sha256(),
      'sha256_of': self._hashed(),
    }

  def _hashed(self) -> str:
    return 'references' if self.sources is None else 'sources and references'

  # --- lengths ----------------------------------------------------------------

  @property
  def measured(self) -> str:
    """Whose words make a sentence's length."""
    return 'reference' if self.sources is None else 'source'

  def buckets(self) -> Iterator[tuple[int, int | None, np.ndarray]]:
    """Yields (least words, most words or None, rows) of buckets with lines.

    Words are what stands between white space, of the sources where they are
    known, else of the references.
    """
    texts = self.references if self.sources is None else self.sources
    lengths = np.array([len(text.split()) for text in texts])
    lows = [0, *(bound + 1 for bound in BOUNDS)]
    for low, high in zip(lows, [*BOUNDS, None], strict=True):
      rows = np.flatnonzero(
        (lengths >= low) & (lengths <= (np.inf if high is None else high))
      )
      if rows.size:
        yield low, high, rows
