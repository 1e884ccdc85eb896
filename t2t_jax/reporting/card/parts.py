"""What a run card is made of, before it is HTML or Markdown.

All text in it is plain text; who writes it down escapes it.
"""

import dataclasses
from collections.abc import Sequence

from t2t_jax.reporting.card.curves import Chart


@dataclasses.dataclass(frozen=True)
class Note:
  """A paragraph; `is_fault` of what went wrong."""

  text: str
  is_fault: bool = False


@dataclasses.dataclass(frozen=True)
class Facts:
  """Labels and values; an empty value is left out."""

  rows: Sequence[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Table:
  """Attributes:
  titles: of the columns.
  rows: as many cells each.
  words: how many of the first columns hold words; the others hold figures.
  """

  titles: Sequence[str]
  rows: Sequence[Sequence[str]]
  words: int = 1


@dataclasses.dataclass(frozen=True)
class Charts:
  charts: Sequence[Chart]


@dataclasses.dataclass(frozen=True)
class Sample:
  """A sentence: a title, and labelled texts such as its translation."""

  title: str
  texts: Sequence[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class HeatMap:
  """Weights from 0 to 1 of columns, for each row; links: (row, column)."""

  rows: Sequence[str]
  columns: Sequence[str]
  weights: Sequence[Sequence[float]]
  links: Sequence[tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class Folded:
  """Parts that can be folded away, or are until they are asked for."""

  title: str
  parts: Sequence['Part']
  is_open: bool = False


Part = Note | Facts | Table | Charts | Sample | HeatMap | Folded


@dataclasses.dataclass(frozen=True)
class Section:
  title: str
  parts: Sequence[Part]


@dataclasses.dataclass(frozen=True)
class Card:
  """Attributes:
  title: of the page.
  lead: one line that says what came of it.
  sections: in order.
  """

  title: str
  lead: str
  sections: Sequence[Section]
