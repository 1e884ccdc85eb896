"""Puts the realisers' words together."""


def words(text: str) -> tuple[str, ...]:
  """The words of a text, for tables."""
  return tuple(text.split())


def join(*parts: str) -> str:
  """The parts that are not empty, with spaces between them."""
  return ' '.join(part for part in parts if part)


def finish(text: str, mark: str) -> str:
  """A sentence: capital first, commas placed, closed by `mark`.

  A realiser brackets a clause with ' , ' on both sides without looking at what
  follows, so commas that meet each other or the end are merged here.
  """
  if ' ,' in text:
    while ', ,' in text:
      text = text.replace(', ,', ',')
    text = text.replace(' ,', ',').removesuffix(',')
  return text[0].upper() + text[1:] + mark
