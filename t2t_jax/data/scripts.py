"""How much of a line is written in its language's script."""

import functools
import unicodedata
from collections.abc import Sequence

import numpy as np

# First words of the characters' Unicode names; other languages are Latin.
_OF_LANGUAGE = {
  **dict.fromkeys(('be', 'bg', 'kk', 'mk', 'mn', 'ru', 'sr', 'uk'), 'CYRILLIC'),
  'am': 'ETHIOPIC',
  **dict.fromkeys(('ar', 'fa', 'ps', 'ur'), 'ARABIC'),
  'bn': 'BENGALI',
  'el': 'GREEK',
  'gu': 'GUJARATI',
  'he': 'HEBREW',
  **dict.fromkeys(('hi', 'mr', 'ne'), 'DEVANAGARI'),
  'hy': 'ARMENIAN',
  'ja': 'CJK HIRAGANA KATAKANA KATAKANA-HIRAGANA IDEOGRAPHIC',
  'ka': 'GEORGIAN',
  'km': 'KHMER',
  'kn': 'KANNADA',
  'ko': 'HANGUL CJK',
  'ml': 'MALAYALAM',
  'my': 'MYANMAR',
  'pa': 'GURMUKHI',
  'si': 'SINHALA',
  'ta': 'TAMIL',
  'te': 'TELUGU',
  'th': 'THAI',
  'zh': 'CJK IDEOGRAPHIC BOPOMOFO',
}
_LETTER, _OWN = 1, 2


def shares(lines: Sequence[str], language: str) -> np.ndarray:
  """Returns float (lines,): the letters of the language's script, of all.

  A line without a letter (numbers, signs) counts as 1.

  Args:
    lines: text.
    language: a code such as de or zh-TW.
  """
  script = _OF_LANGUAGE.get(language.replace('_', '-').split('-')[0], 'LATIN')
  lengths_L = np.fromiter(map(len, lines), np.int64, len(lines))
  codes = ''.join(lines).encode('utf-32-le', 'surrogatepass')
  kind_C = _kinds(script)[np.frombuffer(codes, np.uint32)]
  end_L = np.cumsum(lengths_L)
  letters_L, own_L = (
    np.diff(np.concatenate([[0], np.cumsum(kind_C >= kind)])[end_L], prepend=0)
    for kind in (_LETTER, _OWN)
  )
  return np.where(letters_L, own_L / np.maximum(letters_L, 1), 1.0)


@functools.cache
def _kinds(script: str) -> np.ndarray:
  """Returns uint8 for each code point: no letter, a letter, one of `script`."""
  first_words = set(script.split())
  kinds = np.zeros(0x110000, np.uint8)
  for code in range(0x110000):
    letter = chr(code)
    if letter.isalpha():
      name = unicodedata.name(letter, '').split(' ')[0]
      kinds[code] = _OWN if name in first_words else _LETTER
  return kinds
