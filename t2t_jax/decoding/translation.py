"""What a translated line is."""

import dataclasses
from collections.abc import Sequence

from t2t_jax.data.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True)
class Hypothesis:
  """One translation of a line.

  Attributes:
    text: holds no line break.
    score: log P / length penalty.
    log_prob: natural logarithm of the probability, with EOS.
    token_ids: the target's tokens, without EOS.
  """

  text: str
  score: float
  log_prob: float
  token_ids: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Translation:
  """What a line became: at least one hypothesis, best first."""

  hypotheses: tuple[Hypothesis, ...]

  @property
  def text(self) -> str:
    return self.hypotheses[0].text

  @property
  def score(self) -> float:
    return self.hypotheses[0].score

  @property
  def token_ids(self) -> tuple[int, ...]:
    return self.hypotheses[0].token_ids


def join(parts: Sequence[Translation]) -> Translation:
  """Returns the translation of a line from those of its parts.

  The n-th hypothesis joins the parts' n-th ones by spaces; scores and
  log-probabilities are their sums. Without parts it is the empty one.
  """
  if len(parts) == 1:
    return parts[0]
  by_rank = zip(*(part.hypotheses for part in parts), strict=False)
  return Translation(
    tuple(
      Hypothesis(
        ' '.join(hypothesis.text for hypothesis in ranked),
        sum(hypothesis.score for hypothesis in ranked),
        sum(hypothesis.log_prob for hypothesis in ranked),
        tuple(token for hypothesis in ranked for token in hypothesis.token_ids),
      )
      for ranked in by_rank
    )
    or (Hypothesis('', 0.0, 0.0, ()),)
  )


def completed(
  translation: Translation, target: Tokenizer, source: str
) -> Translation:
  """Returns the translation of the line `source` with its texts completed."""
  texts = [target.complete(h.text, source) for h in translation.hypotheses]
  return Translation(
    tuple(
      hypothesis
      if text == hypothesis.text
      else dataclasses.replace(hypothesis, text=text)
      for hypothesis, text in zip(translation.hypotheses, texts, strict=True)
    )
  )
