"""Draws the meaning of a sentence."""

import random

from t2t_jax.data.grammar import compound_sentences as compound
from t2t_jax.data.grammar import relative_sentences as relative
from t2t_jax.data.grammar import simple_sentences as simple
from t2t_jax.data.grammar.meaning import Sentence

# Repetition is weight.
_KINDS = (
  *(simple.statement,) * 34,
  *(simple.description,) * 11,
  *(simple.existence,) * 3,
  *(simple.polar_question,) * 9,
  *(simple.adverb_question,) * 5,
  *(simple.subject_question,) * 3,
  *(simple.object_question,) * 4,
  *(compound.adverbial_sentence,) * 11,
  *(compound.content_sentence,) * 6,
  *(compound.purpose_sentence,) * 3,
  *(relative.relative_subject,) * 4,
  *(relative.relative_object,) * 3,
  *(compound.two_subjects,) * 3,
  *(compound.shared_subject,) * 4,
)


def sentence(rng: random.Random) -> Sentence:
  """A sentence's meaning; every choice is drawn from `rng`."""
  return rng.choice(_KINDS)(rng)
