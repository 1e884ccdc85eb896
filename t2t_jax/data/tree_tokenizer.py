"""The target vocabulary of a parser: the symbols of linearised trees."""

from collections.abc import Iterable, Sequence

from t2t_jax.data import linear_trees, trees, vocabulary
from t2t_jax.data.subwords import SegmentedTokenizer
from t2t_jax.errors import UsageError


class TreeTokenizer(SegmentedTokenizer):
  """Text of one tree a line; tokens are brackets with their labels, and XX.

  `decode` gives the symbols, which may be no tree; `complete` makes them one.
  """

  suffix = '.tree_vocab'
  tagged = False

  @classmethod
  def train(cls, lines: Iterable[str], size: int) -> 'TreeTokenizer':
    return cls(vocabulary.count_tokens(map(cls._symbols, lines), size))

  def encode(self, lines: Sequence[str], threads: int = -1) -> list[list[int]]:
    return super().encode([self._symbols(line) for line in lines], threads)

  def complete(self, text: str, source: str) -> str:
    return trees.write(
      linear_trees.restore(text.split(), source.split(), self.tagged)
    )

  @classmethod
  def _symbols(cls, line: str) -> str:
    """A tree's symbols; those that stand in a line already, or a part of them,
    end in a label."""
    if not line.rstrip().endswith(')'):
      return line
    try:
      return linear_trees.linearise(trees.parse(line), cls.tagged)
    except trees.BadTree as error:
      raise UsageError(f"target '{line}': {error}") from None


class TaggedTreeTokenizer(TreeTokenizer):
  """The same with the words' tags in place of XX."""

  suffix = '.tagged_tree_vocab'
  tagged = True
