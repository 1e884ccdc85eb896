"""The page's content, and pictures; test_browser.py opens the page."""

import base64
import html.parser
import json
import re
import struct
import sys
import types

import hand_made
import numpy as np
import pytest

from t2t_jax.decoding.attention.attention_reader import HeadSet
from t2t_jax.errors import UsageError
from t2t_jax.reporting.attention_files import make_view
from t2t_jax.reporting.attention_page import attention_page
from t2t_jax.reporting.attention_picture import (
  check_matplotlib,
  save_attention_picture,
)
from t2t_jax.reporting.sentence_attention import View


class _Scripts(html.parser.HTMLParser):
  """Collects what a browser would take for scripts, and tag names."""

  def __init__(self, page):
    super().__init__()
    self.tags, self.scripts = [], []
    self.feed(page)

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    if tag == 'script':
      self.scripts.append('')

  def handle_data(self, data):
    if self.tags[-1:] == ['script']:
      self.scripts[-1] += data


def _data(page):
  return json.loads(_Scripts(page).scripts[0])


def test_the_page_holds_every_weight():
  sentence = hand_made.sentence()
  data = _data(attention_page([sentence], 'a run', View()))
  assert data['heads'] == hand_made.HEADS
  for kind, weights_LBHTS in zip(
    ('encoder', 'decoder', 'cross'), sentence.maps, strict=True
  ):
    found = data['sentences'][0][kind]
    weights = np.frombuffer(base64.b64decode(found['weights']), np.uint8)
    np.testing.assert_allclose(
      weights.reshape(found['shape']) / 255,
      weights_LBHTS[:, 0],
      atol=0.5 / 255 + 1e-6,
    )


def test_the_page_holds_words_and_pieces():
  page = attention_page([hand_made.sentence()], 'a run', View())
  sentence = _data(page)['sentences'][0]
  words = sentence['source']['words']
  assert [text for text, _ in words] == hand_made.SOURCE_WORDS
  assert [places for _, places in words] == [[0], [1], [2, 3], [4], [5]]
  pieces = [text for text, _ in sentence['source']['pieces']]
  assert pieces == [*hand_made.SOURCE, '</s>']
  # A decoder position reads one token and goes by the one that it writes.
  read, written = (
    [text for text, _ in sentence[name]['words']]
    for name in ('read', 'written')
  )
  assert read == ['<s>', *hand_made.TARGET]
  assert written == hand_made.TARGET_WORDS


def test_the_page_starts_as_asked():
  first = _data(attention_page([hand_made.sentence()], 'run', View()))['start']
  assert (first['kind'], first['layer'], first['heads']) == ('cross', 1, [0, 1])
  view = View('encoder', HeadSet(2, (1,)), by_word=False)
  asked = _data(attention_page([hand_made.sentence()], 'run', view))['start']
  assert (asked['kind'], asked['layer'], asked['heads']) == ('encoder', 2, [1])
  assert (first['unit'], asked['unit']) == ('words', 'pieces')


def test_text_stays_text():
  """Whatever it looks like: the page has the elements that it always has."""
  plain = _Scripts(
    attention_page([hand_made.sentence(['the'], ['der'])], 'a run', View())
  )
  odd = hand_made.sentence([*hand_made.SOURCE, '@DATA@'])
  page = attention_page([odd], f'a run {hand_made.HOSTILE}', View())
  assert _Scripts(page).tags == plain.tags
  assert _data(page)['origin'] == f'a run {hand_made.HOSTILE}'
  assert odd.texts[0] == _data(page)['sentences'][0]['texts'][0]
  assert '@DATA@' in odd.texts[0]


def test_the_page_loads_nothing():
  page = attention_page([hand_made.sentence(['the'], ['der'])], 'run', View())
  assert not re.findall(r'https?:|\bsrc=|\bhref=|url\(|@import', page)
  assert "default-src 'none'" in page


# --- pictures -----------------------------------------------------------------


def test_a_picture_has_a_panel_for_each_head(tmp_path):
  pytest.importorskip('matplotlib')
  sizes = []
  for heads in ((0,), (0, 1)):
    path = tmp_path / 'a.png'
    save_attention_picture(
      path, hand_made.sentence(), View('decoder', HeadSet(0, heads))
    )
    content = path.read_bytes()
    assert content.startswith(b'\x89PNG')
    sizes.append(struct.unpack('>2I', content[16:24]))
  assert sizes[1][0] > 1.8 * sizes[0][0]


def test_what_a_picture_shows_are_the_weights_of_words():
  rows, columns, by_head = hand_made.sentence().shown(
    View(head_set=HeadSet(2, (1,)))
  )
  assert (rows, columns) == (hand_made.TARGET_WORDS, hand_made.SOURCE_WORDS)
  assert list(by_head) == [1]
  np.testing.assert_allclose(by_head[1], hand_made.word_weights(2, [1])[0])


def test_a_picture_without_matplotlib_is_refused(monkeypatch):
  monkeypatch.setitem(sys.modules, 'matplotlib', None)
  with pytest.raises(UsageError, match=r"pip install 't2t_jax\[plot\]'"):
    check_matplotlib()


# --- views --------------------------------------------------------------------


def test_a_stack_alone_has_no_attention_to_show():
  model = types.SimpleNamespace(num_encoder_layers=0, num_decoder_layers=2)
  with pytest.raises(
    UsageError,
    match='--workdir: expected a translation model, found one with 0 encoder '
    'layers and 2 decoder layers',
  ):
    make_view(model, kind='cross', layer=None, heads=None, level='word')


def test_layers_count_from_one_in_the_stack_of_the_kind():
  model = types.SimpleNamespace(
    num_encoder_layers=3, num_decoder_layers=2, num_heads=4
  )
  view = make_view(
    model, kind='encoder', layer=3, heads=['4', '1'], level='word'
  )
  assert view == View('encoder', HeadSet(2, (0, 3)), by_word=True)
  with pytest.raises(UsageError, match="--layer: expected 1 to 2, found '3'"):
    make_view(model, kind='cross', layer=3, heads=None, level='word')
