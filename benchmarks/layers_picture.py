"""Measured times of layers and Table 1's formulas, in one log-log picture."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.table1 import FORMULAS, Sizes
from t2t_jax.errors import UsageError


def check_picture(path: Path) -> None:
  """Raises UsageError where the picture could not be written."""
  if importlib.util.find_spec('matplotlib') is None:
    raise UsageError(
      f'--picture={path}: needs matplotlib, which is not installed; '
      "pip install 't2t_jax[plot]'"
    )
  if path.suffix != '.png' or not path.absolute().parent.is_dir():
    raise UsageError(
      f'--picture={path}: expected a .png file in a directory that is there'
    )


def save_picture(
  path: Path, records: Sequence[Mapping[str, Any]], sizes: Sizes
) -> None:
  """Draws best times over n; dashed the formula through the last point."""
  from matplotlib.figure import Figure

  figure = Figure(figsize=(6.4, 4.8), layout='constrained')
  panel = figure.subplots()
  lengths = sorted({record['n'] for record in records})
  for i, (name, formula) in enumerate(FORMULAS.items()):
    seconds = {r['n']: r['best_s'] for r in records if r['layer'] == name}
    last = lengths[-1]
    scale = seconds[last] / formula(sizes, last)
    panel.plot(
      lengths,
      [seconds[n] for n in lengths],
      'o-',
      color=f'C{i}',
      markersize=4,
      label=name,
    )
    panel.plot(
      lengths,
      [scale * formula(sizes, n) for n in lengths],
      '--',
      color=f'C{i}',
      linewidth=0.9,
      alpha=0.7,
    )
  panel.set(xscale='log', yscale='log', xlabel='n')
  panel.set_xticks(lengths, [str(n) for n in lengths])
  panel.minorticks_off()
  one = records[0]
  panel.set_ylabel('CPU seconds' if one['clock'] == 'cpu' else 'seconds')
  what = 'forward and backward' if one['backward'] else 'forward'
  panel.set_title(
    f'd {sizes.d}, {sizes.heads} heads, r {sizes.r}, k {sizes.k}, batch '
    f'{one["batch"]}, {what}'
    '\ndashed: the formulas of Table 1 through the last point',
    fontsize=9,
  )
  panel.grid(color='0.92')
  panel.legend(fontsize=8)
  figure.savefig(path, format='png', dpi=150)
