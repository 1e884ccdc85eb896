"""The picture of a sweep: what it draws, by matplotlib's own objects."""

import matplotlib.figure
import pytest
from sweep_rows import dev, make_row, scores, train, write_run

from t2t_jax.sweeps.picture import group_of, save_picture, short_labels
from t2t_jax.sweeps.table import make_table


def test_labels_are_what_tells_rows_apart():
  assert short_labels(['table3-base', 'table3-A-h1', 'table3-A-h16']) == [
    'base',
    'A-h1',
    'A-h16',
  ]
  assert short_labels(['q,rate=0.1', 'q,rate=0.15']) == ['0.1', '0.15']
  assert short_labels(['base', 'big']) == ['base', 'big']
  assert short_labels(['alone']) == ['alone']


def test_groups_are_capitals_before_a_hyphen():
  labels = ['base', 'A-h1', 'B-dk16', 'pre-norm', '0.1']
  assert [group_of(label) for label in labels] == ['', 'A', 'B', '', '']


@pytest.fixture
def drawn(monkeypatch):
  """The figures that are saved."""
  figures = []
  savefig = matplotlib.figure.Figure.savefig

  def keep(self, *arguments, **options):
    figures.append(self)
    savefig(self, *arguments, **options)

  monkeypatch.setattr(matplotlib.figure.Figure, 'savefig', keep)
  return figures


def test_means_seeds_and_deviations_are_drawn(tmp_path, drawn):
  results = {('base', 1): 20.0, ('base', 2): 26.0, ('A-h1', 1): 30.0}
  rows = []
  for (name, seed), bleu in results.items():
    rows.append(make_row(tmp_path, f't-{name}', seed))
    finished = scores(1000, dev=bleu, heldout=1.0)
    write_run(rows[-1], train(1000, 9.0), dev(900, 1.0, bleu / 2), *finished)
  rows.append(make_row(tmp_path, 't-A-h4', 1))  # not begun: a line without dots
  file = tmp_path / 'table.png'
  assert save_picture(file, make_table(rows))
  assert file.read_bytes().startswith(b'\x89PNG')

  bleu, perplexity = drawn[0].axes
  assert [panel.get_title() for panel in drawn[0].axes] == [
    'dev BLEU',
    'dev perplexity, a token',
  ]
  labels = [label.get_text() for label in bleu.get_yticklabels()]
  assert labels == ['base', 'A-h1', 'A-h4']
  base, other = bleu.containers
  assert [float(x) for x in base.lines[0].get_xdata()] == [23.0]
  assert [float(y) for y in other.lines[0].get_ydata()] == [1.0]
  # The sample's deviation of 20 and 26 is sqrt(18); one seed has none.
  (low, _), (high, _) = base.lines[2][0].get_segments()[0]
  assert (high - low) / 2 == pytest.approx(18**0.5)
  assert not other.has_xerr
  dots = [x for line in bleu.lines for x in line.get_xdata()]
  assert {20.0, 26.0, 30.0} <= set(dots)
  assert perplexity.get_xscale() == 'linear'


def test_a_row_that_diverged_does_not_hide_the_others(tmp_path, drawn):
  rows = [make_row(tmp_path, name) for name in ('one', 'two', 'three')]
  for row, perplexity in zip(rows, (5.0, 4000.0, 'inf'), strict=True):
    write_run(row, dev(1, 3.0, perplexity))
  assert save_picture(tmp_path / 'table.png', make_table(rows))
  (panel,) = drawn[0].axes
  assert panel.get_xscale() == 'log'
  assert len(panel.containers) == 2


def test_nothing_to_show(tmp_path):
  assert not save_picture(tmp_path / 'x', make_table([make_row(tmp_path, 'a')]))
  assert not (tmp_path / 'x').exists()
