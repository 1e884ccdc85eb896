"""The table of a sweep as a picture: dev BLEU and perplexity of each row."""

import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Figure of a run: its panel's title.
_PANELS = {
  'bleu_dev': 'dev BLEU',
  'dev_perplexity': 'dev perplexity, a token',
}
_DPI = 150
_ROW = 0.27  # inches


def can_save() -> bool:
  """Whether matplotlib is installed."""
  return importlib.util.find_spec('matplotlib') is not None


def save_picture(path: Path, table: Sequence[dict[str, Any]]) -> bool:
  """Writes a PNG with a line a row; returns whether there was anything to show.

  A dot is the mean over seeds with its standard deviation, a faint one each
  seed; the dashed line is the first row. Rows whose names begin with the same
  letters before a hyphen, as A-h1 and A-h4, are a group of one colour.

  Args:
    path: is written to.
    table: as `make_table` returns it.
  """
  panels = [key for key in _PANELS if any(_value(key, row) for row in table)]
  if not panels:
    return False
  # Without pyplot: no window system, and no state that outlives the call.
  from matplotlib.figure import Figure

  figure = Figure(
    figsize=(1.8 + 3.6 * len(panels), 1.1 + _ROW * len(table)),
    layout='constrained',
  )
  axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
  labels = short_labels([row['row'] for row in table])
  for panel, key in zip(axes, panels, strict=True):
    _draw(panel, key, table, [group_of(label) for label in labels])
  axes[0].set_yticks(range(len(labels)), labels, fontsize=8, parse_math=False)
  axes[0].invert_yaxis()
  figure.savefig(path, format='png', dpi=_DPI)
  return True


def short_labels(names: Sequence[str]) -> list[str]:
  """Returns the names without what all begin with, cut behind - , or =."""
  if len(names) == 1:
    return list(names)
  prefix = names[0]
  while prefix and not (
    prefix[-1] in '-,=' and all(name.startswith(prefix) for name in names)
  ):
    prefix = prefix[:-1]
  return [name.removeprefix(prefix) for name in names]


def group_of(label: str) -> str:
  """Returns A of A-h1, '' of a label that begins with no capital."""
  group, hyphen, _ = label.partition('-')
  return group if hyphen and group.isupper() else ''


def _draw(
  panel: Any, key: str, table: Sequence[dict[str, Any]], groups: Sequence[str]
) -> None:
  colours = {group: f'C{i}' for i, group in enumerate(dict.fromkeys(groups))}
  shown = []
  for place, (row, group) in enumerate(zip(table, groups, strict=True)):
    if place and group != groups[place - 1]:
      panel.axhline(place - 0.5, color='0.85', linewidth=0.8)
    mean = _value(key, row)
    if mean is None:
      continue
    if place == 0:
      panel.axvline(mean, color='0.5', linestyle='--', linewidth=0.8)
    runs = [run['figures'].get(key) for run in row['runs']]
    seeds = [run for run in runs if run is not None and math.isfinite(run)]
    colour = colours[group]
    panel.plot(seeds, [place] * len(seeds), '.', color=colour, alpha=0.35)
    deviation = row['sd'].get(key)
    panel.errorbar(
      mean,
      place,
      xerr=deviation,
      fmt='o',
      color=colour,
      markersize=5,
      capsize=3,
    )
    shown.append(mean)
  panel.set_title(_PANELS[key], fontsize=9)
  panel.tick_params(labelsize=8)
  panel.grid(axis='x', color='0.92')
  panel.set_axisbelow(True)
  if min(shown) > 0 and max(shown) > 10 * min(shown):
    panel.set_xscale('log')  # a row that diverged would hide the others


def _value(key: str, row: dict[str, Any]) -> float | None:
  value = row['mean'].get(key)
  return value if value is not None and math.isfinite(value) else None
