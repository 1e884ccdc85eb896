"""Cardinal numbers below one hundred as words."""

from t2t_jax.data.grammar.text import words

_ENGLISH_SMALL = words(
  'zero one two three four five six seven eight nine ten eleven twelve '
  'thirteen fourteen fifteen sixteen seventeen eighteen nineteen'
)
_ENGLISH_TENS = words(
  '- - twenty thirty forty fifty sixty seventy eighty ninety'
)
_GERMAN_SMALL = words(
  'null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf '
  'dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn'
)
_GERMAN_TENS = words(
  '- - zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig'
)


def english_number(number: int) -> str:
  """'twenty-one' for 21; raises ValueError outside 0..99."""
  _check(number)
  if number < 20:
    return _ENGLISH_SMALL[number]
  tens, ones = divmod(number, 10)
  word = _ENGLISH_TENS[tens]
  return f'{word}-{_ENGLISH_SMALL[ones]}' if ones else word


def german_number(number: int) -> str:
  """'einundzwanzig' for 21; raises ValueError outside 0..99.

  One is 'ein', its form before "Uhr" and before "und".
  """
  _check(number)
  if number < 20:
    return _GERMAN_SMALL[number]
  tens, ones = divmod(number, 10)
  word = _GERMAN_TENS[tens]
  return f'{_GERMAN_SMALL[ones]}und{word}' if ones else word


def _check(number: int) -> None:
  if not 0 <= number < 100:
    raise ValueError(f'expected a number from 0 to 99, got {number}')
