"""Run cards read as their readers do."""

import html.parser
import pathlib

from t2t_jax.reporting.card.parts import Table
from t2t_jax.reporting.card.write import write_report


class ReadPage(html.parser.HTMLParser):
  """Collects tag names, text, and the script's data."""

  def __init__(self, text):
    super().__init__()
    self.tags, self.texts, self.attributes = [], [], []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    self.attributes += [name for name, _ in attrs]

  def handle_data(self, data):
    self.texts.append(data)

  @property
  def text(self):
    return ' '.join(' '.join(self.texts).split())


def write_card(workdirs, said=None):
  """Writes the card without translations; returns the page and the Markdown.

  `said` takes up what is said.
  """
  lines: list[str] = []
  write_report(workdirs, None, False, lines.append)
  if said is not None:
    said += lines
  files = [line.removeprefix('wrote ') for line in lines[-2:]]
  return [pathlib.Path(file).read_text(encoding='utf-8') for file in files]


def rows_of(section, place=0):
  """Returns the rows of one of a section's tables."""
  tables = [part for part in section.parts if isinstance(part, Table)]
  return [list(row) for row in tables[place].rows]
