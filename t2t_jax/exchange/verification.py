"""Whether an exported model does what the one here does."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from t2t_jax.decoding.restored import Restored, with_decoding
from t2t_jax.exchange.portable_format import run_anywhere


class Engine(Protocol):
  """Another program with the exported model; ids are without EOS."""

  name: str

  def translate(
    self, source_ids: Sequence[Sequence[int]], longest: int
  ) -> list[list[int]]:
    """Returns greedy translations of at most `longest` tokens."""

  def score(
    self,
    source_ids: Sequence[Sequence[int]],
    target_ids: Sequence[Sequence[int]],
  ) -> list[list[float]]:
    """Returns log P of each token of the targets, EOS included."""


@dataclasses.dataclass(frozen=True)
class Comparison:
  """What came out of both sides.

  Attributes:
    lines: translated by both.
    same: whose tokens are the same.
    ties: where they part at two tokens whose logits are within `tolerance`.
    different: numbers, from 1, of the other lines.
    score_difference: the largest, of log P of a token, or of a search's
      scores where only these are known.
    tolerance: of logits and of scores.
  """

  lines: int
  same: int
  ties: int
  different: tuple[int, ...]
  score_difference: float
  tolerance: float

  @property
  def agrees(self) -> bool:
    return not self.different and self.score_difference <= self.tolerance

  def describe(self, name: str) -> str:
    """Returns it as a line of text; `name` is the other side."""
    parts = [
      f'{name}: {self.same} of {self.lines} translations have the same tokens'
    ]
    if self.ties:
      parts.append(f'{self.ties} part at a tie (within {self.tolerance:g})')
    if self.different:
      numbers = ', '.join(map(str, self.different[:10]))
      more = ' ...' if len(self.different) > 10 else ''
      parts.append(f'lines {numbers}{more} differ')
    parts.append(
      f'scores differ by at most {self.score_difference:.1e} '
      f'(allowed: {self.tolerance:g})'
    )
    return '; '.join(parts)


def in_float32(restored: Restored) -> Restored:
  """Returns the model computing in float32, greedily."""
  return restored._replace(
    model=run_anywhere(restored.model, compute_dtype='float32'),
    config=with_decoding(
      restored.config,
      method='beam',
      beam_size=1,
      mbr='none',
      min_length=0,
      no_repeat_ngram=0,
      weights_dtype='compute_dtype',
    ),
  )


def compare(
  restored: Restored, engine: Engine, lines: Sequence[str], tolerance: float
) -> Comparison:
  """Translates `lines` on both sides, and scores our translations.

  Lines without tokens, and those that would be translated in parts, are left
  out.
  """
  restored = in_float32(restored)
  translator, scorer = restored.translator(), restored.scorer()
  encoded = restored.tokenizers.source.encode(lines)
  chosen = [
    i for i, ids in enumerate(encoded) if 0 < len(ids) < translator.grid.longest
  ]
  sources = [encoded[i] for i in chosen]
  ours = [
    list(translation.token_ids)
    for translation in translator.translate([lines[i] for i in chosen])
  ]
  longest = max(map(len, ours), default=0) + 1
  theirs = engine.translate(sources, longest)
  limits = [
    len(ids) + restored.config.decoding.max_decode_length_offset
    for ids in sources
  ]
  same, ties, different = 0, 0, []
  for number, source, mine, other, limit in zip(
    chosen, sources, ours, theirs, limits, strict=True
  ):
    if len(mine) + 1 >= limit:
      other = other[: len(mine)]  # ours had to end here
    if mine == other:
      same += 1
    elif _is_tie(scorer, restored, source, mine, other, tolerance):
      ties += 1
    else:
      different.append(number + 1)
  return Comparison(
    lines=len(chosen),
    same=same,
    ties=ties,
    different=tuple(different),
    score_difference=_score_difference(scorer, engine, sources, ours),
    tolerance=tolerance,
  )


def compare_searches(
  restored: Restored,
  beam_size: int,
  search: Callable[[Sequence[Sequence[int]]], list[tuple[list[int], float]]],
  lines: Sequence[str],
  tolerance: float,
) -> Comparison:
  """Compares whole searches: `search` gives each source's best, ids without
  EOS, and its score.

  Other tokens of a score within `tolerance` are a tie. Lines are left out as
  by `compare`.
  """
  decoding = with_decoding(
    restored.config, method='beam', beam_size=beam_size, mbr='none'
  )
  translator = restored._replace(config=decoding).translator()
  encoded = restored.tokenizers.source.encode(lines)
  chosen = [
    i for i, ids in enumerate(encoded) if 0 < len(ids) < translator.grid.longest
  ]
  ours = translator.translate([lines[i] for i in chosen])
  theirs = search([encoded[i] for i in chosen])
  same, ties, different, largest = 0, 0, [], 0.0
  for number, mine, (ids, score) in zip(chosen, ours, theirs, strict=True):
    difference = abs(mine.score - score)
    if list(mine.token_ids) == ids:
      same += 1
      largest = max(largest, difference)
    elif difference <= tolerance:
      ties += 1
    else:
      different.append(number + 1)
  return Comparison(
    len(chosen), same, ties, tuple(different), largest, tolerance
  )


def _is_tie(
  scorer: Any,
  restored: Restored,
  source: list[int],
  mine: list[int],
  other: list[int],
  tolerance: float,
) -> bool:
  """Whether both continue what they share by tokens of like probability."""
  eos_id = restored.tokenizers.target.eos_id
  mine, other = [*mine, eos_id], [*other, eos_id]
  place = next(
    i
    for i, pair in enumerate(zip(mine, other, strict=False))
    if len({*pair}) > 1
  )
  log_probs = [
    # An EOS of our own stands behind, whose probability is not read.
    scorer.score_ids([source], [ids[: place + 1]])[0].token_log_probs[place]
    for ids in (mine, other)
  ]
  return abs(log_probs[0] - log_probs[1]) <= tolerance


def _score_difference(
  scorer: Any,
  engine: Engine,
  sources: list[list[int]],
  targets: list[list[int]],
) -> float:
  ours = scorer.score_ids(sources, targets)
  theirs = engine.score(sources, targets)
  return max(
    (
      float(np.abs(np.subtract(score.token_log_probs, log_probs)).max())
      for score, log_probs in zip(ours, theirs, strict=True)
    ),
    default=0.0,
  )
