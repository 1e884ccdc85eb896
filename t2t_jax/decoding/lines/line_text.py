"""Lines of text to pieces that a model can hold, and back to one line."""

from collections.abc import Callable, Sequence

# Everything at which str.splitlines breaks: an output line must stay one.
_LINE_BREAKS = dict.fromkeys(
  map(ord, '\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029'), ' '
)

Encode = Callable[[Sequence[str]], list[list[int]]]


def one_line(text: str) -> str:
  """Returns `text` with a space for each line break."""
  return text.translate(_LINE_BREAKS)


def split_lines(
  lines: Sequence[str], encode: Encode, longest: int
) -> list[list[list[int]]]:
  """Returns, for each line, the tokens of the parts it is translated in.

  A line of more than `longest` tokens is halved between words until its parts
  fit; a single word is cut between tokens. Nothing is left out. A line
  without tokens has no parts.
  """
  return [
    _parts(line, tokens, encode, longest)
    for line, tokens in zip(lines, encode(lines), strict=True)
  ]


def _parts(
  line: str, tokens: list[int], encode: Encode, longest: int
) -> list[list[int]]:
  if len(tokens) <= longest:
    return [tokens] if tokens and not line.isspace() else []
  words = line.split()
  if len(words) < 2:
    return [
      tokens[start : start + longest]
      for start in range(0, len(tokens), longest)
    ]
  middle = len(words) // 2
  halves = [' '.join(words[:middle]), ' '.join(words[middle:])]
  return [
    part
    for half, half_tokens in zip(halves, encode(halves), strict=True)
    for part in _parts(half, half_tokens, encode, longest)
  ]
