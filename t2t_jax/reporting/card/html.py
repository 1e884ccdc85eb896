"""A run card as one HTML page, which loads nothing."""

from html import escape

from t2t_jax.reporting import page_files
from t2t_jax.reporting.card.curves import page_data, points_of
from t2t_jax.reporting.card.parts import (
  Card,
  Charts,
  Facts,
  Folded,
  HeatMap,
  Note,
  Part,
  Sample,
  Section,
  Table,
)


def page(card: Card) -> str:
  """Returns the page; text of the card stays text, whatever it looks like."""
  charts = [
    chart
    for section in card.sections
    for part in section.parts
    if isinstance(part, Charts)
    for chart in part.charts
  ]
  runs = 1 + max((line.run for c in charts for line in c.lines), default=0)
  data = [page_data(chart, points_of(runs)) for chart in charts]
  return page_files.fill(
    'card.html',
    {
      'STYLE': page_files.style('card.css'),
      'SCRIPT': page_files.read('scales.js') + page_files.read('curves.js'),
      'TITLE': escape(card.title),
      'LEAD': escape(card.lead),
      'LINKS': ''.join(
        f'<a href="#{_anchor(section)}">{escape(section.title)}</a>\n'
        for section in card.sections
      ),
      'BODY': '\n'.join(map(_section, card.sections)),
      'DATA': page_files.script_json(data),
    },
  )


def _anchor(section: Section) -> str:
  return ''.join(c if c.isalnum() else '-' for c in section.title.lower())


def _section(section: Section) -> str:
  parts = '\n'.join(map(_part, section.parts))
  return (
    f'<section id="{_anchor(section)}">\n<h2>{escape(section.title)}</h2>\n'
    f'{parts}\n</section>'
  )


def _part(part: Part) -> str:
  match part:
    case Note():
      kind = 'fault' if part.is_fault else 'hint'
      return f'<p class="{kind}">{escape(part.text)}</p>'
    case Facts():
      rows = ''.join(
        f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n'
        for name, value in part.rows
        if value
      )
      return f'<dl class="facts">\n{rows}</dl>'
    case Table():
      return _table(part)
    case Charts():
      # Filled by the script, in this order.
      return '<div class="charts"></div>'
    case Sample():
      return _sample(part)
    case HeatMap():
      return _heat_map(part)
    case Folded():
      inner = '\n'.join(map(_part, part.parts))
      is_open = ' open' if part.is_open else ''
      return (
        f'<details{is_open}><summary>{escape(part.title)}</summary>\n{inner}'
        '</details>'
      )


def _table(table: Table) -> str:
  def cells(texts, tag, scope=''):
    return ''.join(
      f'<{tag}{scope}{"" if place < table.words else " class=figure"}>'
      f'{escape(text)}</{tag}>'
      for place, text in enumerate(texts)
    )

  head = cells(table.titles, 'th', ' scope=col')
  body = ''.join(f'<tr>{cells(row, "td")}</tr>\n' for row in table.rows)
  return (
    f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
    f'<tbody>\n{body}</tbody></table></div>'
  )


def _sample(sample: Sample) -> str:
  texts = ''.join(
    f'<dt>{escape(label)}</dt><dd dir="auto">{escape(text)}</dd>\n'
    for label, text in sample.texts
  )
  return (
    f'<article class="sample" translate="no"><h3>{escape(sample.title)}</h3>\n'
    f'<dl>{texts}</dl></article>'
  )


def _heat_map(heat: HeatMap) -> str:
  def heading(text, scope):
    return f'<th scope={scope}><bdi>{escape(text)}</bdi></th>'

  head = ''.join(heading(text, 'col') for text in heat.columns)
  body = ''
  for y, text in enumerate(heat.rows):
    cells = ''.join(
      _cell(weight, (y, x) in heat.links)
      for x, weight in enumerate(heat.weights[y])
    )
    body += f'<tr>{heading(text, "row")}{cells}</tr>\n'
  return (
    '<div class="scroll"><table class="heat" translate="no">\n'
    f'<thead><tr><td></td>{head}</tr></thead>\n<tbody>{body}</tbody>'
    '</table></div>'
  )


def _cell(weight: float, is_link: bool) -> str:
  names = ['half'] * (weight > 0.5) + ['strong'] * (weight > 0.68)
  names += ['link'] * is_link
  text = f'{100 * weight:.0f}' if weight >= 0.05 else ''
  return (
    f'<td class="{" ".join(names)}" style="--share:{weight:.3f}">{text}</td>'
  )
