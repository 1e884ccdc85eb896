"""Trees as sequences of symbols (Vinyals et al. 2015, section 2.2), and back.

`(S (NP (DT the) (NN dog)) (VP (VBZ barks)))` becomes
`(S (NP XX XX )NP (VP XX )VP )S`: words are left out, for the source holds
them, tags are all XX, and a closing bracket tells what it closes.
"""

from collections.abc import Sequence

from t2t_jax.data import trees
from t2t_jax.data.trees import Bracket, Leaf, Tree

LEAF = 'XX'


def linearise(tree: Tree) -> str:
  """Returns the symbols of a tree between spaces."""
  return ' '.join(
    trees.walk(
      tree,
      begin=lambda label: f'({label}',
      leaf=lambda _: LEAF,
      end=lambda label: f'){label}',
    )
  )


def restore(symbols: Sequence[str], words: Sequence[str]) -> Tree:
  """Returns a tree over `words` of any symbols; `linearise` undone.

  A tree's own symbols come back as they are. Of others:
  - leaves beyond the last word are left out; words without a leaf are put at
    the end of the last outermost constituent;
  - `)X` closes the innermost open `(X` with all that is open in it, and is
    left out where there is none; what is open at the end is closed there;
  - constituents without words are left out, as is anything else.
  """
  brackets: list[Bracket] = []
  open_places: list[int] = []
  outermost: int | None = None
  placed = 0

  def close(down_to: int) -> None:
    while len(open_places) > down_to:
      place = open_places.pop()
      brackets[place] = brackets[place]._replace(end=placed)

  for symbol in symbols:
    if symbol == LEAF:
      placed = min(placed + 1, len(words))
    elif symbol.startswith('(') and len(symbol) > 1:
      if not open_places:
        outermost = len(brackets)
      open_places.append(len(brackets))
      brackets.append(Bracket(symbol[1:], placed, placed))
    elif symbol.startswith(')'):
      labels = [brackets[place].label for place in open_places]
      if symbol[1:] in labels:
        close(len(labels) - 1 - labels[::-1].index(symbol[1:]))
  close(0)
  if placed < len(words) and outermost is not None:
    brackets[outermost] = brackets[outermost]._replace(end=len(words))
  return Tree(
    tuple(Leaf(LEAF, word) for word in words),
    tuple(bracket for bracket in brackets if bracket.start < bracket.end),
  )
