"""Whether two engines' outputs are the same."""

from collections.abc import Sequence
from typing import Any

from benchmarks.peers.decoders import Output
from benchmarks.sentences import Sentences


def check_lengths(sentences: Sentences, outputs: Sequence[Any]) -> None:
  """Raises RuntimeError if an output has not its sentence's length: what was
  timed was not the work that was to be done."""
  for index, (sentence, output) in enumerate(
    zip(sentences, outputs, strict=True)
  ):
    if len(sentence) != len(output):
      raise RuntimeError(
        f'sentence {index}: expected an output of {len(sentence)} tokens, '
        f'found {len(output)}'
      )


def agreement(
  ours: Sequence[Output], theirs: Sequence[Output]
) -> dict[str, float | None]:
  """Returns the share of equal outputs, and the greatest difference between
  log-probabilities of equal ones (None: none is equal)."""
  differences = [
    abs(our.log_prob - their.log_prob)
    for our, their in zip(ours, theirs, strict=True)
    if our.ids == their.ids
  ]
  return {
    'same_outputs': round(len(differences) / len(ours), 4),
    'log_prob_difference': max(differences, default=None),
  }
