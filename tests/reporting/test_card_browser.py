"""The run card in a real browser: headless Chromium, driven by selenium.

`make test-slow` installs both. T2T_SCREENSHOTS=DIR keeps pictures to look at.
"""

import math
import os
import pathlib
import random
import time

import made_run
import pytest
from chromium import all_of, keys, press, show

from t2t_jax.reporting.card.write import write_report

pytestmark = pytest.mark.slow


def _open(browser, workdirs, width=1280, theme='light'):
  output = workdirs[0].path / 'card.html'
  write_report(workdirs, str(output), False, lambda line: None)
  show(browser, width, 900, theme)
  browser.get(output.as_uri())
  return browser


def _rows(steps):
  noise = random.Random(1)
  rows = [
    made_run.train_row(step, loss=2 + 7 / math.sqrt(step) + noise.random() / 9)
    for step in range(1, steps + 1)
  ]
  rows += [
    made_run.dev_row(steps * n // 10, nll=5 / n, bleu=3.0 * n)
    for n in range(1, 11)
  ]
  return rows


@pytest.fixture
def page(browser, tmp_path):
  rows = [*_rows(40), made_run.final_row(made_run.HOSTILE)]
  workdir = made_run.make_run(tmp_path, made_run.HOSTILE, rows)
  yield _open(browser, [workdir])
  assert browser.get_log('browser') == []
  assert browser.execute_script('return window.hacked') is None


def _readout(page, place=0):
  return all_of(page, '.readout')[place].text


def _move(page, svg, x, *more):
  """Moves the pointer to a share x of the picture, then drags to others."""
  from selenium.webdriver.common.action_chains import ActionChains

  half = svg.size['width'] / 2
  actions = ActionChains(page).move_to_element_with_offset(
    svg, int((2 * x - 1) * half), 0
  )
  if more:
    actions.click_and_hold()
    for to in more:
      actions.move_to_element_with_offset(svg, int((2 * to - 1) * half), 0)
    actions.release()
  actions.perform()


def test_every_figure_has_a_curve(page):
  titles = [title.text.split('\n')[0] for title in all_of(page, 'figcaption')]
  assert titles[:3] == ['Loss a token', 'nll a token', 'Dev BLEU']
  assert len(all_of(page, '.chart path.curve')) == 8
  first = all_of(page, '.chart path.curve')[0].get_attribute('d')
  assert first.count('L') == 39
  assert 'NaN' not in first
  assert page.title == made_run.HOSTILE
  assert all_of(page, 'h1')[0].text == made_run.HOSTILE
  loaded = "return performance.getEntriesByType('resource').length"
  assert page.execute_script(loaded) == 0


def test_a_curve_is_read_off(page):
  svg = all_of(page, '.chart svg')[0]
  assert _readout(page) == 'train'
  _move(page, svg, 0.999)
  loss = _rows(40)[39]['loss']
  label, value, at, step = _readout(page).split()
  assert (label, at, step) == ('train', 'at', '40')
  assert float(value) == pytest.approx(loss, rel=1e-3)
  page.execute_script('arguments[0].focus()', svg)
  keys(page, '\ue012')  # left
  assert _readout(page).endswith('at 39')


def test_dragging_zooms_into_all_curves(page):
  svg = all_of(page, '.chart svg')[0]
  whole = all_of(page, '.chart path.curve')[4].get_attribute('d')
  assert all_of(page, '#unzoom')[0].is_displayed() is False
  _move(page, svg, 0.5, 0.6, 0.75)
  shown = all_of(page, '#range')[0].text
  low, high = (
    int(word) for word in shown.rstrip('.').split() if word.isdigit()
  )
  assert 15 < low < 22 < 26 < high < 33
  assert all_of(page, '.chart path.curve')[4].get_attribute('d') != whole
  assert all_of(page, '#unzoom')[0].is_displayed()
  press(page, '#unzoom')
  assert all_of(page, '#range')[0].text == 'Steps 1 to 40.'
  assert all_of(page, '.chart path.curve')[4].get_attribute('d') == whole
  _move(page, svg, 0.5, 0.6, 0.75)
  keys(page, '\ue00c')  # Escape reaches the chart that was dragged on
  page.execute_script('arguments[0].focus()', svg)
  keys(page, '\ue00c')
  assert all_of(page, '#range')[0].text == 'Steps 1 to 40.'


def test_logarithms(page):
  straight = all_of(page, '.chart path.curve')[0].get_attribute('d')
  press(page, '.chart button')
  assert all_of(page, '.chart path.curve')[0].get_attribute('d') != straight
  assert all_of(page, '.chart button')[0].get_attribute('aria-pressed') == (
    'true'
  )


@pytest.mark.parametrize(
  'rows, charts',
  [
    ([made_run.train_row(1)], 6),
    ([made_run.train_row(1, loss='nan'), made_run.dev_row(1, nll='inf')], 7),
    ([made_run.train_row(n, loss=[1, 'nan', 2][n % 3]) for n in (1, 2, 3)], 6),
    ([], 0),
  ],
  ids=['one step', 'nan', 'a gap', 'no rows'],
)
def test_few_rows(browser, tmp_path, rows, charts):
  _open(browser, [made_run.make_run(tmp_path, 'few', rows)])
  assert len(all_of(browser, '.chart svg')) == charts
  for curve in all_of(browser, '.chart path.curve'):
    assert 'NaN' not in (curve.get_attribute('d') or '')
  if len(rows) == 1:
    assert len(all_of(browser, '.chart svg circle')) == charts
  assert browser.get_log('browser') == []


def test_a_run_of_100_000_rows_opens_soon(browser, tmp_path):
  rows = _rows(100_000)
  rows[55_554] = made_run.train_row(55_555, loss=99.0)
  workdir = made_run.make_run(tmp_path, 'long', rows)
  _open(browser, [workdir])
  begin = time.monotonic()
  browser.refresh()
  assert all_of(browser, '.chart path.curve')[-1].get_attribute('d')
  assert time.monotonic() - begin < 3
  assert (workdir.path / 'card.html').stat().st_size < 2e6
  # The one peak is there, at the top of its picture.
  heights = [
    float(point.split(',')[1])
    for point in all_of(browser, '.chart path.curve')[0]
    .get_attribute('d')[1:]
    .split('L')
  ]
  assert sum(height < 50 for height in heights) == 1
  assert browser.get_log('browser') == []


@pytest.mark.parametrize('theme', ['light', 'dark'])
@pytest.mark.parametrize('width', [1280, 360])
def test_cards_fit_the_screen_in_both_themes(browser, tmp_path, width, theme):
  long = [made_run.final_row('test_' + 'x' * 60)]
  names = ['a' * 50, f'b {made_run.HOSTILE}', 'c']
  runs = [
    made_run.make_run(tmp_path, name, _rows(30) + long, training__seed=seed)
    for seed, name in enumerate(names, 1)
  ]
  for workdirs in (runs[:1], runs):
    _open(browser, workdirs, width, theme)
    wide = browser.execute_script('return document.documentElement.scrollWidth')
    assert wide <= width
    paper = browser.execute_script(
      'return getComputedStyle(document.body).backgroundColor'
    )
    assert (paper == 'rgb(255, 255, 255)') == (theme == 'light')
    if directory := os.environ.get('T2T_SCREENSHOTS'):
      name = f'card-{len(workdirs)}-{width}-{theme}.png'
      browser.save_screenshot(str(pathlib.Path(directory) / name))
  colours = browser.execute_script(
    "return [...document.querySelectorAll('.chart:first-child path.curve')]"
    '.map(path => getComputedStyle(path).stroke)'
  )
  assert len(set(colours)) == 3
  assert browser.get_log('browser') == []
