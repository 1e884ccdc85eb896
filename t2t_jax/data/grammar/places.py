"""Draws where something is or goes."""

import random

from t2t_jax.data.grammar import phrases
from t2t_jax.data.grammar.meaning import NounPhrase, Prepositional

# Which nouns can be where, and where one can go.
_PLACES = {
  'in': 'garden forest city village kitchen room school church house car',
  'on': 'table chair bench bed roof bridge ship',
  'under': 'table chair bench bed tree bridge',
  'behind': 'house school church tree car door table',
  'in front of': 'house school church tree car window bed',
  'next to': 'house church tree table chair bench river',
  'at': 'window table river door',
  'near': 'house school church river forest city village bridge',
  'into': 'garden forest city village kitchen room school church house car',
  'through': 'garden forest city village kitchen room window door',
  'around': 'house church tree table garden village',
  'to': 'school church bridge river house car train doctor uncle aunt queen',
  'out of': 'garden forest city village kitchen room house car',
}
PLACES = {key: tuple(nouns.split()) for key, nouns in _PLACES.items()}
SITES: tuple[str, ...] = ('in',) * 2
SITES += ('on', 'under', 'behind', 'in front of', 'next to')
SITES += ('near', 'at')
GOALS = ('into', 'into', 'to', 'to', 'out of', 'through', 'around', 'behind')


def place(rng: random.Random, preposition: str) -> Prepositional:
  """Somewhere that suits the preposition; mostly a short phrase."""
  nouns = PLACES[preposition]
  if rng.random() < 0.2:
    return Prepositional(
      preposition, phrases.noun_phrase(rng, nouns, plain=True, oblique=True)
    )
  noun = rng.choice(nouns)
  adjectives = phrases.some_adjectives(rng, phrases.kinds_of(noun), 0.25)
  phrase = NounPhrase(noun, 'the', rng.random() < 0.12, adjectives)
  return Prepositional(preposition, phrase)
