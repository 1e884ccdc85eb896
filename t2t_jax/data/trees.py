"""Bracketed trees as the Penn Treebank writes them, `(S (NP (DT the) ...))`.

A tree is kept as its leaves and the spans of its constituents, so nothing here
recurses. Reading cleans it as users of evalb do: function tags, traces and
other empty elements, and the root that only says that here is a tree are gone.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from t2t_jax.data import text_files
from t2t_jax.errors import UsageError

# Of the root around a sentence, written by one treebank or another; ours is
# TOP, which evalb's COLLINS.prm leaves out too.
ROOTS = ('', 'TOP', 'ROOT', 'S1')
_EMPTY = '-NONE-'  # the tag of a trace
_TOKEN = re.compile(r'[()]|[^\s()]+')


class Leaf(NamedTuple):
  tag: str
  word: str


class Bracket(NamedTuple):
  """A constituent: the leaves from `start` up to, not with, `end`."""

  label: str
  start: int
  end: int


class Tree(NamedTuple):
  """Attributes:
  leaves: the words with their tags, in order.
  brackets: the constituents without the root, each before those within it.
  """

  leaves: tuple[Leaf, ...]
  brackets: tuple[Bracket, ...]

  @property
  def words(self) -> list[str]:
    return [leaf.word for leaf in self.leaves]


class BadTree(ValueError):
  """Text that is no tree; says what was expected and found, in which line."""

  def __init__(self, message: str, line: int = 1):
    super().__init__(message)
    self.line = line


def parse(text: str) -> Tree:
  """Returns the one tree of a text, cleaned.

  Raises:
    BadTree: it is none, or more than one.
  """
  trees = list(_read([text]))
  if len(trees) != 1:
    raise BadTree(f'expected one tree, found {len(trees)}')
  return trees[0]


def read_file(path: Path) -> Iterator[Tree]:
  """Yields the cleaned trees of a file, one a line or spread over lines.

  Raises:
    UsageError: it cannot be read, or holds something else; names the line.
  """
  try:
    yield from _read(text_files.read_lines(path))
  except BadTree as error:
    raise UsageError(f'{path}, line {error.line}: {error}') from None


def read_pairs(path: Path) -> Iterator[tuple[str, str]]:
  """Yields (words between spaces, tree) of each tree of a file."""
  for tree in read_file(path):
    yield ' '.join(tree.words), write(tree)


def write(tree: Tree) -> str:
  """Returns a tree as one line; '' for one without words.

  Brackets in words are written as the treebank does, -LRB- and -RRB-.
  """
  if not tree.leaves:
    return ''
  tokens = walk(
    tree,
    begin=lambda label: f'({label}',
    leaf=lambda leaf: f'({leaf.tag} {_escaped(leaf.word)})',
    end=lambda _: ')',
  )
  return f'(TOP {" ".join(tokens)})'.replace(' )', ')')


def walk(
  tree: Tree,
  begin: Callable[[str], str],
  leaf: Callable[[Leaf], str],
  end: Callable[[str], str],
) -> Iterator[str]:
  """Yields what the functions make of each bracket's label at its beginning,
  of each leaf, and of each label at its end, from left to right."""
  open_brackets: list[Bracket] = []
  rest = iter(tree.brackets)
  following = next(rest, None)
  for place in range(len(tree.leaves) + 1):
    while open_brackets and open_brackets[-1].end == place:
      yield end(open_brackets.pop().label)
    while following is not None and following.start == place:
      yield begin(following.label)
      open_brackets.append(following)
      following = next(rest, None)
    if place < len(tree.leaves):
      yield leaf(tree.leaves[place])


class _Open:
  """A bracket that is being read."""

  def __init__(self, start: int, place: int):
    self.start, self.place = start, place
    self.label: str | None = None
    self.word: str | None = None
    self.has_children = False

  def take_name(self, token: str) -> None:
    """Takes a label, or behind it a word."""
    if self.label is None:
      self.label = token
    else:
      self.word = token


def _read(lines: Iterable[str]) -> Iterator[Tree]:
  stack: list[_Open] = []
  leaves: list[Leaf] = []
  brackets: list[Bracket | None] = []
  begun = 1
  for number, line in enumerate(lines, 1):
    for token in _TOKEN.findall(line):
      if not stack and token != '(':
        raise BadTree(f"expected '(' to begin a tree, found '{token}'", number)
      if token == '(':
        if stack:
          _expect(stack[-1].word is None, "')'", token, number)
          stack[-1].has_children = True
        else:
          begun = number
        stack.append(_Open(len(leaves), len(brackets)))
        brackets.append(None)
      elif token == ')':
        bracket = stack.pop()
        is_filled = bracket.has_children or bracket.word is not None
        _expect(is_filled, "a word or '('", token, number)
        _close(bracket, leaves, brackets)
        if not stack:
          kept = tuple(b for b in brackets if b and b.start < b.end)
          yield Tree(tuple(leaves), kept)
          leaves, brackets = [], []
      else:
        is_filled = stack[-1].has_children or stack[-1].word is not None
        _expect(not is_filled, "'(' or ')'", token, number)
        stack[-1].take_name(token)
  if stack:
    raise BadTree(
      f"expected ')' {len(stack)} times more to end the tree, found the end",
      begun,
    )


def _expect(is_met: bool, expected: str, token: str, line: int) -> None:
  if not is_met:
    raise BadTree(f"expected {expected} in a tree, found '{token}'", line)


def _close(
  bracket: _Open, leaves: list[Leaf], brackets: list[Bracket | None]
) -> None:
  label = bracket.label or ''
  if bracket.word is not None:
    if label != _EMPTY:
      leaves.append(Leaf(label, bracket.word))
  elif label not in ROOTS:
    brackets[bracket.place] = Bracket(
      _without_function(label), bracket.start, len(leaves)
    )


def _without_function(label: str) -> str:
  """NP-SBJ-1 and NP=2 are NP."""
  return label[0] + re.split('[-=]', label[1:], maxsplit=1)[0]


def _escaped(word: str) -> str:
  return word.replace('(', '-LRB-').replace(')', '-RRB-')
