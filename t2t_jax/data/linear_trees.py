"""Trees as sequences of symbols (Vinyals et al. 2015, section 2.2), and back.

`(S (NP (DT the) (NN dog)) (VP (VBZ barks)))` becomes
`(S (NP XX XX )NP (VP XX )VP )S`: words are left out, for the source holds
them, tags are all XX, and a closing bracket tells what it closes. Tagged it is
`(S (NP DT NN )NP (VP VBZ )VP )S`: a model of few trees then learns from each
leaf at which word it stands, and with XX it miscounts them.
"""

import itertools
from collections.abc import Sequence

from t2t_jax.data import trees
from t2t_jax.data.trees import Bracket, Leaf, Tree

LEAF = 'XX'


def linearise(tree: Tree, tagged: bool = False) -> str:
  """Returns the symbols of a tree between spaces; `tagged` has its tags."""
  return ' '.join(
    trees.walk(
      tree,
      begin=lambda label: f'({label}',
      leaf=lambda leaf: leaf.tag if tagged else LEAF,
      end=lambda label: f'){label}',
    )
  )


def restore(
  symbols: Sequence[str], words: Sequence[str], tagged: bool = False
) -> Tree:
  """Returns a tree over `words` of any symbols; `linearise` undone.

  With `tagged` whatever is no bracket is a leaf's tag. A tree's own symbols
  come back as they are. Of others:
  - leaves beyond the last word are left out; words without a leaf are put at
    the end of the last outermost constituent;
  - `)X` closes the innermost open `(X` with all that is open in it, and is
    left out where there is none; what is open at the end is closed there;
  - constituents without words are left out, as is anything else.
  """
  brackets: list[Bracket] = []
  open_places: list[int] = []
  outermost: int | None = None
  tags: list[str] = []

  def close(down_to: int) -> None:
    while len(open_places) > down_to:
      place = open_places.pop()
      brackets[place] = brackets[place]._replace(end=len(tags))

  for symbol in symbols:
    mark, label = symbol[:1], symbol[1:]
    if mark == '(' and label:
      if not open_places:
        outermost = len(brackets)
      open_places.append(len(brackets))
      brackets.append(Bracket(label, len(tags), len(tags)))
    elif mark == ')':
      labels = [brackets[place].label for place in open_places]
      if label in labels:
        close(len(labels) - 1 - labels[::-1].index(label))
    elif mark != '(' and (tagged or symbol == LEAF):
      tags.append(symbol)
      del tags[len(words) :]
  close(0)
  if len(tags) < len(words) and outermost is not None:
    brackets[outermost] = brackets[outermost]._replace(end=len(words))
  return Tree(
    tuple(
      Leaf(tag, word)
      for word, tag in itertools.zip_longest(words, tags, fillvalue=LEAF)
    ),
    tuple(bracket for bracket in brackets if bracket.start < bracket.end),
  )
