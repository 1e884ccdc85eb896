"""What is written for a translated line: text, an n-best list or JSON."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from t2t_jax.decoding.attention.alignment import Alignment
from t2t_jax.decoding.translation import Hypothesis, Translation

FORMATS = ('text', 'nbest', 'json')

# number of the first line, counting from 0, lines, translations -> whole lines
Format = Callable[[int, Sequence[str], Sequence[Translation]], str]
# target token ids -> the vocabulary's entries
Pieces = Callable[[Sequence[int]], list[str]]
# lines, translations -> the alignment of each
Align = Callable[
  [Sequence[str], Sequence[Translation]], Sequence[Alignment | None]
]

# JSON leaves these as they are, but readers may break lines at them.
_LINE_BREAKS = {
  ord(character): f'\\u{ord(character):04x}' for character in '\x85\u2028\u2029'
}


def make_format(
  name: str, pieces: Pieces, *, with_nbest: bool, align: Align | None = None
) -> Format:
  """Returns the format that a name of FORMATS stands for.

  text: the best text, one line.
  nbest: for each hypothesis `number ||| text ||| score`, best first.
  json: one object a line, see `to_dict`.

  Args:
    name: of the format.
    pieces: of the target's vocabulary, for the tokens of json.
    with_nbest: whether json lists all hypotheses too.
    align: adds to json what it returns; None: nothing.
  """
  if name == 'text':
    return _text_lines
  if name == 'nbest':
    return _nbest_lines

  def json_lines(
    number: int, sources: Sequence[str], translations: Sequence[Translation]
  ) -> str:
    del number
    objects = [
      to_dict(source, translation, pieces, with_nbest)
      for source, translation in zip(sources, translations, strict=True)
    ]
    if align:
      for value, alignment in zip(
        objects, align(sources, translations), strict=True
      ):
        value['alignment'] = _alignment(alignment)
    return ''.join(map(_json_line, objects))

  return json_lines


def _text_lines(
  number: int, sources: Sequence[str], translations: Sequence[Translation]
) -> str:
  del number, sources
  return ''.join(f'{translation.text}\n' for translation in translations)


def _nbest_lines(
  number: int, sources: Sequence[str], translations: Sequence[Translation]
) -> str:
  del sources
  return ''.join(
    f'{number} ||| {hypothesis.text} ||| {hypothesis.score:.6f}\n'
    for number, translation in enumerate(translations, number)
    for hypothesis in translation.hypotheses
  )


def to_dict(
  source: str, translation: Translation, pieces: Pieces, with_nbest: bool
) -> dict[str, Any]:
  """Returns a translated line as JSON values.

  Returns:
    source, and of the best hypothesis text, score (log P / length penalty),
    log_prob (with EOS) and tokens (the vocabulary's entries, without EOS); with
    `with_nbest` also nbest, a list of such hypotheses, best first. A figure
    that is not a number is None.
  """
  hypotheses = [
    _hypothesis(hypothesis, pieces) for hypothesis in translation.hypotheses
  ]
  result = {'source': source, **hypotheses[0]}
  if with_nbest:
    result['nbest'] = hypotheses
  return result


def _hypothesis(hypothesis: Hypothesis, pieces: Pieces) -> dict[str, Any]:
  return {
    'text': hypothesis.text,
    'score': _finite(hypothesis.score),
    'log_prob': _finite(hypothesis.log_prob),
    'tokens': pieces(hypothesis.token_ids),
  }


def _alignment(alignment: Alignment | None) -> dict[str, Any] | None:
  """The words of both sides, and links [source, target] that count them."""
  if alignment is None:
    return None
  return {
    'source': alignment.source,
    'target': alignment.target,
    'links': alignment.links,
  }


def _finite(value: float) -> float | None:
  """JSON has no NaN; six decimals are what float32 can hold of a score."""
  return round(value, 6) if math.isfinite(value) else None


def _json_line(value: dict[str, Any]) -> str:
  line = json.dumps(value, ensure_ascii=False, allow_nan=False)
  return line.translate(_LINE_BREAKS) + '\n'
