"""The page in a real browser: headless Chromium, driven by selenium.

`make test-slow` installs both. T2T_SCREENSHOTS=DIR keeps pictures to look at.
"""

import os
import pathlib

import hand_made
import numpy as np
import pytest
from chromium import all_of, keys, press, show

from t2t_jax.reporting.attention_page import attention_page
from t2t_jax.reporting.sentence_attention import View

pytestmark = pytest.mark.slow

_FAINTEST = 0.03  # of the page's lines


@pytest.fixture(scope='module')
def address(tmp_path_factory):
  path = tmp_path_factory.mktemp('page') / 'page.html'
  sentences = [hand_made.sentence(), hand_made.sentence(['dog'], ['Hund'])]
  path.write_text(attention_page(sentences, 'a run', View()), encoding='utf-8')
  return path.as_uri()


@pytest.fixture
def page(browser, address):
  show(browser, 1280, 900, 'light')
  browser.get(address)
  yield browser
  assert browser.get_log('browser') == []


def percents(page):
  """The heat map's numbers, of which the small ones show on hovering only."""
  rows = all_of(page, '#map tbody tr')
  return [
    [
      int(cell.get_attribute('title').split()[-2])
      for cell in row.find_elements('css selector', 'td')
    ]
    for row in rows
  ]


def test_words_and_lines_are_those_of_the_weights(page):
  for side, words in (
    ('rows', hand_made.TARGET_WORDS),
    ('columns', hand_made.SOURCE_WORDS),
  ):
    shown = all_of(page, f'#{side} bdi')
    assert [word.get_attribute('textContent') for word in shown] == words
  weights_HYX = hand_made.word_weights(1, [0, 1])
  lines = all_of(page, '#drawing line')
  assert len(lines) == np.sum(weights_HYX >= _FAINTEST)
  strengths = [float(line.get_attribute('stroke-opacity')) for line in lines]
  np.testing.assert_allclose(
    strengths, weights_HYX[weights_HYX >= _FAINTEST], atol=0.006
  )
  assert page.execute_script('return window.hacked') is None
  loaded = "return performance.getEntriesByType('resource').length"
  assert page.execute_script(loaded) == 0


def test_the_heat_map_is_the_mean_of_the_chosen_heads(page):
  weights_HYX = hand_made.word_weights(1, [0, 1])
  mean_YX = weights_HYX.mean(axis=0)
  np.testing.assert_allclose(percents(page), 100 * mean_YX, atol=1)
  outlined = [
    [
      'link' in cell.get_attribute('class')
      for cell in row.find_elements('css selector', 'td')
    ].index(True)
    for row in all_of(page, '#map tbody tr')[:-1]
  ]
  assert outlined == mean_YX[:-1, :-1].argmax(axis=1).tolist()
  # Layer 3, head 2 alone, from the overview; then no head at all.
  press(page, '#overview button', 2 * hand_made.HEADS + 1)
  alone_YX = hand_made.word_weights(2, [1])[0]
  np.testing.assert_allclose(percents(page), 100 * alone_YX, atol=1)
  press(page, '#heads button', 1)
  assert all_of(page, '#drawing line') == []


def test_a_word_shows_its_own_lines(page):
  from selenium.webdriver.common.action_chains import ActionChains

  weights_HYX = hand_made.word_weights(1, [0, 1])
  everything = len(all_of(page, '#drawing line'))
  word = all_of(page, '#columns button')[2]
  ActionChains(page).move_to_element(word).perform()
  count = np.sum(weights_HYX[:, :, 2] >= _FAINTEST)
  assert len(all_of(page, '#drawing line')) == count < everything
  assert '“sleeps” is looked at by' in all_of(page, '#status')[0].text
  word.click()
  ActionChains(page).move_to_element(all_of(page, 'h1')[0]).perform()
  assert len(all_of(page, '#drawing line')) == count
  keys(page, '\ue00c')  # Escape
  assert len(all_of(page, '#drawing line')) == everything


def test_the_keyboard_reaches_every_word(page):
  press(page, '#rows button')
  page.execute_script('arguments[0].focus()', all_of(page, '#rows button')[0])
  keys(page, '\ue015', '\ue014', '\ue007')  # down, right, Enter
  focused = page.switch_to.active_element
  assert focused.get_attribute('title') == hand_made.SOURCE_WORDS[1]
  assert focused.get_attribute('aria-pressed') == 'true'


def test_the_other_attentions_sentences_and_pieces(page):
  press(page, '#unit input[value=pieces]')
  assert len(all_of(page, '#columns button')) == len(hand_made.SOURCE) + 1
  press(page, '#kind input[value=decoder]')
  first = all_of(page, '#columns bdi')[0].get_attribute('textContent')
  assert first == '<s>'
  press(page, '#kind input[value=encoder]')
  assert len(all_of(page, '#rows button')) == len(hand_made.SOURCE) + 1
  page.execute_script(
    "arguments[0].value = 1;arguments[0].dispatchEvent(new Event('change'))",
    all_of(page, '#sentence')[0],
  )
  assert len(all_of(page, '#map tbody tr')) == 2


@pytest.mark.parametrize('theme', ['light', 'dark'])
@pytest.mark.parametrize('width, height', [(1280, 900), (390, 844)])
def test_it_fits_the_screen_in_both_themes(page, theme, width, height):
  show(page, width, height, theme)
  page.refresh()
  wide = page.execute_script('return document.documentElement.scrollWidth')
  assert wide <= width
  background, ink = page.execute_script(
    'const style = getComputedStyle(document.body);'
    'return [style.backgroundColor, style.color]'
  )
  assert (background == 'rgb(255, 255, 255)') == (theme == 'light')
  assert background != ink
  # The lines begin and end at their words.
  drawing, rows = (all_of(page, f'#{name}')[0].rect for name in _COLUMNS)
  assert drawing['y'] == pytest.approx(rows['y'], abs=1)
  assert drawing['x'] >= rows['x'] + rows['width'] - 1
  press(page, '#rows button', 1)
  if 'T2T_SCREENSHOTS' in os.environ:
    directory = pathlib.Path(os.environ['T2T_SCREENSHOTS'])
    page.save_screenshot(str(directory / f'{width}-{theme}.png'))


_COLUMNS = ('drawing', 'rows')
