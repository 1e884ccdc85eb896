"""Lexical constraints: phrases that each target must contain.

Grid beam search with one beam for all (Post & Vilar 2018, Hu et al. 2019):
the live hypotheses are shared out among those that need 0, 1, 2, ... more
tokens for their phrases. A phrase is a run of tokens; runs may overlap.

Dimensions as in beam_search.py; C phrase, P token of a phrase, X hypothesis.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

_NONE = -1  # is no token


class Phrases(NamedTuple):
  """The phrases of each sentence, and how tokens lead through them."""

  ids_BCP: Any  # int32, -1 behind the tokens
  lengths_BC: Any  # int32; 0: there is none, which counts as met
  # Tokens matched once `ids_BCP[b, c, k]` follows p matched ones (Knuth,
  # Morris & Pratt 1977): [b, c, p, k].
  next_BCPP: Any


def make_phrases(
  sentences: Sequence[Sequence[Sequence[int]]], count: int, length: int
) -> Phrases:
  """Returns the arrays of each sentence's phrases.

  Args:
    sentences: token ids of each phrase of each sentence.
    count: C, at least as many as any sentence has.
    length: P, at least as long as any phrase.
  """
  shape = (len(sentences), count)
  ids_BCP = np.full((*shape, length), _NONE, np.int32)
  lengths_BC = np.zeros(shape, np.int32)
  next_BCPP = np.zeros((*shape, length, length), np.int32)
  for b, phrases in enumerate(sentences):
    for c, phrase in enumerate(phrases):
      ids_BCP[b, c, : len(phrase)] = phrase
      lengths_BC[b, c] = len(phrase)
      next_BCPP[b, c, : len(phrase), : len(phrase)] = _transitions(phrase)
  return Phrases(ids_BCP, lengths_BC, next_BCPP)


def _transitions(phrase: Sequence[int]) -> list[list[int]]:
  """[p][k]: the longest start of `phrase` that ends its first p and token k."""
  phrase = list(phrase)

  def after(seen: list[int]) -> int:
    return next(
      n for n in range(len(seen), -1, -1) if seen[len(seen) - n :] == phrase[:n]
    )

  return [
    [after([*phrase[:p], token]) for token in phrase]
    for p in range(len(phrase))
  ]


def start_progress_BWC(phrases: Phrases, beam_size: int):
  """Tokens matched of each phrase, of each empty hypothesis: none."""
  batch, count = phrases.lengths_BC.shape
  return jnp.zeros((batch, beam_size, count), jnp.int32)


def wanted_BXC(phrases: Phrases, progress_BXC):
  """Returns the next token of each phrase; -1 where it is met."""
  last = phrases.ids_BCP.shape[-1] - 1
  wanted = jnp.take_along_axis(
    phrases.ids_BCP[:, None],
    jnp.minimum(progress_BXC, last)[..., None],
    axis=-1,
  )[..., 0]
  return jnp.where(_met(phrases, progress_BXC), _NONE, wanted)


def advance(phrases: Phrases, progress_BXC, token_ids_BX):
  """Returns the progress of each hypothesis with one token more."""
  last = phrases.ids_BCP.shape[-1] - 1
  row_BXC1P = jnp.take_along_axis(
    phrases.next_BCPP[:, None],
    jnp.minimum(progress_BXC, last)[..., None, None],
    axis=-2,
  )
  is_it_BXCP = phrases.ids_BCP[:, None] == token_ids_BX[..., None, None]
  # Every place where the phrase holds the token has the same entry.
  next_BXC = jnp.where(is_it_BXCP, row_BXC1P[..., 0, :], 0).max(axis=-1)
  return jnp.where(_met(phrases, progress_BXC), progress_BXC, next_BXC)


def needed(phrases: Phrases, progress_BXC):
  """Returns (B, X): tokens that would meet all phrases, one after the other.

  Only one phrase can be under way, the others start anew: so the count falls
  with each token that the furthest one wants, and no token surprises it.
  """
  open_BXC = ~_met(phrases, progress_BXC)
  lengths_BXC = jnp.where(open_BXC, phrases.lengths_BC[:, None], 0)
  under_way_BXC = jnp.where(open_BXC, progress_BXC, 0)
  return lengths_BXC.sum(axis=-1) - under_way_BXC.max(axis=-1)


def _met(phrases: Phrases, progress_BXC):
  return progress_BXC >= phrases.lengths_BC[:, None]
