"""What is written for a translated line."""

import json
import math

import pytest

from t2t_jax.decoding.lines.formats import make_format
from t2t_jax.decoding.translation import Hypothesis, Translation

VOCABULARY = ['', '▁Zoë', '▁犬', '.']
SOURCES = ['a "b"\\\x00\x1f\x85\u2028', '']
TRANSLATIONS = [
  Translation(
    (
      Hypothesis('Zoë 犬.', -0.5, -1.25, (1, 2, 3)),
      Hypothesis('犬', -2.0000004, -3.0, (2,)),
    )
  ),
  Translation((Hypothesis('', 0.0, 0.0, ()),)),
]


def pieces(ids):
  return [VOCABULARY[token] for token in ids]


def written(name, with_nbest=False, number=7):
  form = make_format(name, pieces, with_nbest=with_nbest)
  return form(number, SOURCES, TRANSLATIONS)


def test_text():
  assert written('text') == 'Zoë 犬.\n\n'


def test_nbest_goes_on_counting():
  assert written('nbest') == (
    '7 ||| Zoë 犬. ||| -0.500000\n7 ||| 犬 ||| -2.000000\n8 |||  ||| 0.000000\n'
  )


@pytest.mark.parametrize('with_nbest', [False, True])
def test_json(with_nbest):
  text = written('json', with_nbest)
  # One line for every reader, and letters as they are.
  assert len(text.splitlines()) == 2
  assert 'Zoë 犬.' in text
  first, second = map(json.loads, text.splitlines())
  best = {
    'text': 'Zoë 犬.',
    'score': -0.5,
    'log_prob': -1.25,
    'tokens': ['▁Zoë', '▁犬', '.'],
  }
  other = {'text': '犬', 'score': -2.0, 'log_prob': -3.0, 'tokens': ['▁犬']}
  nbest = {'nbest': [best, other]} if with_nbest else {}
  assert first == {'source': SOURCES[0], **best, **nbest}
  assert (second['source'], second['text'], second['tokens']) == ('', '', [])


def test_json_has_no_nan():
  form = make_format('json', pieces, with_nbest=False)
  bad = Translation((Hypothesis('', math.nan, -math.inf, ()),))
  found = json.loads(form(0, [''], [bad]), parse_constant=pytest.fail)
  assert found['score'] is None
  assert found['log_prob'] is None
