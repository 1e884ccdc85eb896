"""Attention as a PNG picture: a panel for each head of a layer."""

import math
import warnings
from pathlib import Path

from t2t_jax.errors import UsageError
from t2t_jax.reporting.sentence_attention import SentenceAttention, View

_DPI = 150
_CELL = 0.24  # inches of a token's row
_NAMES = {
  'cross': 'Encoder-decoder attention',
  'encoder': 'Encoder self-attention',
  'decoder': 'Decoder self-attention',
}


def check_matplotlib() -> None:
  """Raises UsageError where matplotlib is not installed."""
  try:
    import matplotlib  # noqa: F401
  except ImportError:
    raise UsageError(
      '--output: a .png picture needs matplotlib, which is not installed; '
      "pip install 't2t_jax[plot]', or write .html"
    ) from None


def save_attention_picture(
  path: Path | str, sentence: SentenceAttention, view: View
) -> None:
  """Writes heat maps of the heads of `view`: rows look at columns."""
  check_matplotlib()
  # Without pyplot: no window system, and no state that outlives the call.
  from matplotlib.figure import Figure

  rows, columns, weights_by_head = sentence.shown(view)
  across = min(4, len(weights_by_head))
  down = math.ceil(len(weights_by_head) / across)
  longest = max(map(len, [*rows, *columns]))
  labels = 0.4 + 0.09 * min(longest, 24)
  figure = Figure(
    figsize=(
      across * max(1.6, _CELL * len(columns) + labels),
      down * max(1.6, _CELL * len(rows) + labels) + 0.5,
    ),
    layout='constrained',
  )
  layer = view.head_set.layer_of(len(sentence.weights(view.kind)))
  figure.suptitle(f'{_NAMES[view.kind]}, layer {layer + 1}')
  panels = figure.subplots(down, across, squeeze=False).ravel()
  for panel in panels[len(weights_by_head) :]:
    panel.set_axis_off()
  for panel, (head, weights_YX) in zip(
    panels, weights_by_head.items(), strict=False
  ):
    panel.imshow(weights_YX, cmap='Blues', vmin=0, vmax=1, aspect='equal')
    panel.set_title(f'head {head + 1}', fontsize=9)
    # A token may hold dollar signs, which would begin a formula.
    plain = {'fontsize': 8, 'parse_math': False}
    panel.set_xticks(range(len(columns)), columns, rotation=90, **plain)
    panel.set_yticks(range(len(rows)), rows, **plain)
    # Lines between the cells: neighbours of one weight would look like one.
    panel.set_xticks([x + 0.5 for x in range(len(columns) - 1)], minor=True)
    panel.set_yticks([y + 0.5 for y in range(len(rows) - 1)], minor=True)
    panel.grid(which='minor', color='white', linewidth=0.8)
    panel.tick_params(which='both', length=0)
  with warnings.catch_warnings():
    # matplotlib's own font lacks some scripts, whose letters become boxes.
    warnings.filterwarnings('ignore', message='Glyph .* missing')
    figure.savefig(path, format='png', dpi=_DPI)
