"""What scoring a pair takes and gives, and the sums over many."""

import dataclasses
import math
from typing import Any, NamedTuple


class Pair(NamedTuple):
  """A source and a target to score.

  Attributes:
    source, target: lines of text.
    source_place, target_place: where they stand, such as 'a.en, line 3', for
      the message that one of them is too long.
    number: of the source, from 0.
  """

  source: str
  target: str
  source_place: str
  target_place: str
  number: int


@dataclasses.dataclass(frozen=True)
class Score:
  """What the model says of one target, in natural logarithms.

  Attributes:
    log_prob: log P(target, EOS | source): the sum of token_log_probs.
    score: log P / length penalty, as the search ranks hypotheses.
    tokens: the target's vocabulary entries; the last is EOS.
    token_log_probs: of each of `tokens`, given the source and those before.
  """

  log_prob: float
  score: float
  tokens: tuple[str, ...]
  token_log_probs: tuple[float, ...]

  @property
  def length(self) -> int:
    """Target tokens, with EOS."""
    return len(self.tokens)

  @property
  def perplexity(self) -> float:
    """exp(-log P / length)."""
    return perplexity(self.log_prob, self.length)


def perplexity(log_prob: float, tokens: int) -> float:
  """Returns exp(-log_prob / tokens)."""
  try:
    return math.exp(-log_prob / tokens)
  except OverflowError:
    return math.inf


@dataclasses.dataclass
class Totals:
  """Sums over scored pairs; `words` stay 0 where they are not counted."""

  sentences: int = 0
  tokens: int = 0
  log_prob: float = 0.0
  words: int = 0

  def add(self, score: Score, words: int = 0) -> None:
    self.words += words
    self.sentences += 1
    self.tokens += score.length
    self.log_prob += score.log_prob

  def line(self) -> str:
    """Returns the totals on one readable line."""
    a_word = (
      f', a word {perplexity(self.log_prob, self.words):.4f} ({self.words} '
      'words and line ends)'
      if self.words
      else ''
    )
    return (
      f'{self.sentences} sentences, {self.tokens} tokens with EOS, '
      f'log-probability {self.log_prob:.4f}, '
      f'perplexity a token {self._perplexity():.4f}{a_word}'
    )

  def to_dict(self) -> dict[str, Any]:
    """Returns the totals as a dict, ready for JSON."""
    values = {**dataclasses.asdict(self), 'perplexity': self._perplexity()}
    if self.words:
      values['word_perplexity'] = perplexity(self.log_prob, self.words)
    else:
      del values['words']
    return values

  def _perplexity(self) -> float:
    return perplexity(self.log_prob, self.tokens)
