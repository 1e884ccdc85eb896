"""A run card as Markdown: the same, with the curves' ends and extremes."""

import re
from collections.abc import Sequence

import numpy as np

from t2t_jax.reporting.card.curves import Chart
from t2t_jax.reporting.card.parts import (
  Card,
  Charts,
  Facts,
  Folded,
  HeatMap,
  Note,
  Part,
  Sample,
  Table,
)

# What would begin HTML, a link, emphasis, code or a table's next cell.
_SPECIAL = re.compile(r'([\\`*_\[\]<>|~#])')


def markdown(card: Card) -> str:
  """Returns the card; text of it stays text, whatever it looks like."""
  blocks = [f'# {plain(card.title)}', plain(card.lead)]
  for section in card.sections:
    blocks.append(f'## {plain(section.title)}')
    blocks += [block for part in section.parts if (block := _part(part))]
  return '\n\n'.join(blocks) + '\n'


def plain(text: str) -> str:
  """Returns text on one line with what means something in Markdown undone."""
  return _SPECIAL.sub(r'\\\1', ' '.join(text.split())).replace('&', '&amp;')


def _part(part: Part) -> str:
  match part:
    case Note():
      return f'**{plain(part.text)}**' if part.is_fault else plain(part.text)
    case Facts():
      return '\n'.join(
        f'- {plain(name)}: {plain(value)}' for name, value in part.rows if value
      )
    case Table():
      return _table(part)
    case Charts():
      return _charts(part.charts)
    case Sample():
      lines = [f'- {plain(part.title)}']
      lines += [f'  - {plain(label)}: {plain(t)}' for label, t in part.texts]
      return '\n'.join(lines)
    case HeatMap():
      return 'Links: ' + ', '.join(
        f'{plain(part.rows[y])} - {plain(part.columns[x])}'
        for y, x in part.links
      )
    case Folded():
      inner = '\n\n'.join(map(_part, part.parts))
      return f'### {plain(part.title)}\n\n{inner}'


def _table(table: Table) -> str:
  rules = [
    ':--' if place < table.words else '--:'
    for place in range(len(table.titles))
  ]
  rows = [list(map(plain, row)) for row in table.rows]
  return '\n'.join(
    f'| {" | ".join(row)} |'
    for row in [list(map(plain, table.titles)), rules, *rows]
  )


def _charts(charts: Sequence[Chart]) -> str:
  rows = []
  for chart in charts:
    for line in chart.lines:
      real = line.values[~np.isnan(line.values)]
      if real.size:
        figures = (real[0], real.min(), real.max(), real[-1])
        rows.append(
          [chart.title, line.label, *(f'{figure:.4g}' for figure in figures)]
        )
  titles = ['Curve', 'of', 'first', 'least', 'greatest', 'last']
  return _table(Table(titles, rows, 2)) if rows else ''
