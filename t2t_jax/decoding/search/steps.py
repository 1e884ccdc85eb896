"""A search as pure functions of its state, for whatever loop runs them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from t2t_jax.decoding.search.hypotheses import Hypotheses
from t2t_jax.decoding.search.phrases import Phrases


class Sentences(NamedTuple):
  """What a search is told of each sentence (B sentence, P prefix position).

  It is part of the state, for the rows of a batch may move.
  """

  max_lengths_B: Any  # int32, most target tokens, with EOS; 0: a filling row
  prefix_ids_BP: Any = None  # int32, as of Rules
  phrases: Phrases | None = None
  keys_B: Any = None  # what samples are drawn with


class Steps(NamedTuple):
  """A search, step by step.

  Attributes:
    start: length -> the first state, whose arrays hold `length` positions. Its
      first entry is the position, an int32 scalar, 0. What belongs to sentences
      has them in axis 0.
    step: state -> state, one position on. Of the sentences it knows what the
      state holds and nothing else. One that is over changes no more.
    live_B: state -> bool, the sentences that are not over.
    read: state -> what was found so far; final for those that are over.
  """

  start: Callable[[int], Any]
  step: Callable[[Any], Any]
  live_B: Callable[[Any], Any]
  read: Callable[[Any], Hypotheses]
