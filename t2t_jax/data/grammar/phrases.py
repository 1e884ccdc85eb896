"""Draws noun phrases that make sense together.

Weights are written as repetition: `rng.choice` of a tuple is the fastest draw
that Python offers, and the corpus is made while the user waits.
"""

import dataclasses
import functools
import random
from collections.abc import Sequence

from t2t_jax.data.grammar import lexicon
from t2t_jax.data.grammar.meaning import (
  Name,
  Nominal,
  NounPhrase,
  Pair,
  Pronoun,
  agreement,
  pronoun_for,
)
from t2t_jax.data.grammar.text import words

_KIND_GROUPS = {
  'any': frozenset(
    words('person animal food drink item vehicle place part furniture big')
  ),
  'animate': frozenset(('person', 'animal')),
  'thing': frozenset(words('item vehicle part place furniture')),
  'eatable': frozenset(('food', 'drink')),
  'colour': frozenset(
    words('small clothes openable vehicle furniture building coloured')
  ),
}
_NAMES = tuple(Name(name) for name in lexicon.NAMES)
_PRONOUNS = tuple(Pronoun(word) for word in words('I you he she we they'))
_POSSESSIVES = ('my', 'your', 'his', 'her', 'our', 'their')
_PLAIN: tuple[str, ...] = (
  ('the',) * 8 + ('a',) * 6 + ('this',) * 2 + ('possessive',) * 4
)
_PLAIN += ('possessor',) * 2
_QUANTIFIED = (*_PLAIN, 'every', 'many', 'count', 'count', 'count')
_SMALL_COUNTS = tuple(range(2, 13))
_COUNTS = tuple(range(2, 13)) + tuple(range(13, 100))
_OWN = {'I': 'my', 'you': 'your', 'he': 'his', 'she': 'her', 'it': 'its'}
# "Mein Mann" is my husband.
_NOT_OWNED = frozenset(words('man woman boy queen forest river bear mouse'))
_OWN |= {'we': 'our', 'they': 'their'}


@dataclasses.dataclass(frozen=True, slots=True)
class Actor:
  """A phrase with the kinds of thing it names, to choose a verb by."""

  nominal: Nominal
  kinds: frozenset[str]


PERSON = frozenset(('person',))


def fits(wanted: frozenset[str], kinds: frozenset[str]) -> bool:
  """Whether something of these kinds may stand where `wanted` is asked."""
  return any(not kinds.isdisjoint(_KIND_GROUPS.get(k, {k})) for k in wanted)


@functools.cache
def nouns_of(wanted: frozenset[str]) -> tuple[str, ...]:
  """The nouns that fit."""
  nouns = lexicon.NOUNS.items()
  return tuple(key for key, noun in nouns if fits(wanted, noun.kinds))


@functools.cache
def adjectives_of(
  kinds: frozenset[str], graded: bool = False
) -> tuple[str, ...]:
  """The adjectives that fit these kinds; `graded` wants a comparative."""
  # Water is not big, nor milk young.
  vague = frozenset(('any',)) if 'mass' in kinds else frozenset()
  return tuple(
    key
    for key, adjective in lexicon.ADJECTIVES.items()
    if fits(adjective.kinds - vague, kinds)
    and (adjective.comparative or not graded)
  )


def kinds_of(noun: str) -> frozenset[str]:
  return lexicon.NOUNS[noun].kinds


def noun_phrase(
  rng: random.Random,
  nouns: Sequence[str],
  plain: bool = False,
  subject: Nominal | None = None,
  oblique: bool = False,
) -> NounPhrase:
  """A phrase around one of `nouns`.

  Args:
    rng: the source of every choice.
    nouns: keys of `lexicon.NOUNS`.
    plain: leaves out "every", "many" and numbers, whose scope would be
      ambiguous under negation.
    subject: of the same clause; its possessions may be called its own.
    oblique: for the dative, where a name before an adjective ("Annas altem
      Hund") would make forms too rare to learn.
  """
  noun = rng.choice(nouns)
  kinds = kinds_of(noun)
  adjectives = some_adjectives(rng, kinds, 0.33)
  if 'mass' in kinds:
    determiner = 'bare' if rng.random() < 0.7 else 'the'
    return NounPhrase(noun, determiner, adjectives=adjectives)
  determiner = rng.choice(_PLAIN if plain else _QUANTIFIED)
  plural = rng.random() < 0.27
  if noun in ('father', 'mother') and determiner != 'the':
    plural = False
  if determiner == 'possessive' and noun not in _NOT_OWNED:
    return _owned(rng, noun, adjectives, plural, subject)
  if determiner == 'possessor' and noun not in _NOT_OWNED:
    owner = _possessor(rng, kinds, names=not oblique)
    return NounPhrase(noun, 'the', plural, adjectives, possessor=owner)
  if determiner == 'count':
    article = 'the' if rng.random() < 0.15 else 'bare'
    counts = _COUNTS if subject and 'kin' not in kinds else _SMALL_COUNTS
    count = rng.choice(counts)
    return NounPhrase(noun, article, True, adjectives, count=count)
  if determiner in ('possessive', 'possessor'):
    determiner = 'the'
  plural = determiner == 'many' or (plural and determiner != 'every')
  return NounPhrase(noun, determiner, plural, adjectives)


def definite(rng: random.Random, nouns: Sequence[str]) -> NounPhrase:
  """A short phrase with "the" or a possessive."""
  noun = rng.choice(nouns)
  determiner = 'the'
  if noun not in _NOT_OWNED and rng.random() < 0.25:
    determiner = rng.choice(_POSSESSIVES)
  adjectives = some_adjectives(rng, kinds_of(noun), 0.2)
  plural = rng.random() < 0.2 and 'mass' not in kinds_of(noun)
  return NounPhrase(noun, determiner, plural, adjectives)


def head(rng: random.Random, nouns: Sequence[str]) -> NounPhrase:
  """A phrase to hang a relative clause on."""
  noun = rng.choice(nouns)
  determiner = rng.choice(('the', 'the', 'the', 'a', 'this'))
  adjectives = some_adjectives(rng, kinds_of(noun), 0.15)
  return NounPhrase(noun, determiner, rng.random() < 0.25, adjectives)


def person(
  rng: random.Random,
  subject: Nominal | None = None,
  oblique: bool = False,
) -> Nominal:
  """Someone other than the subject: a name or a plain phrase."""
  if rng.random() < 0.25:
    name = rng.choice(_NAMES)
    return name if name != subject else Pronoun('they')
  persons = nouns_of(PERSON)
  return noun_phrase(rng, persons, True, subject, oblique)


def object_pronoun(rng: random.Random, subject: Nominal) -> Pronoun:
  """A pronoun that cannot mean the subject, which would be reflexive."""
  speaker = agreement(subject)[0]
  # "I" and "we" share a member, so neither sees the other.
  same = speaker if speaker < 3 else 0
  return rng.choice([p for p in _PRONOUNS if agreement(p)[0] != same])


def actor(rng: random.Random, plain: bool = False) -> Actor:
  """A subject."""
  draw = rng.random()
  if draw < 0.22:
    return Actor(rng.choice(_PRONOUNS), PERSON)
  if draw < 0.32:
    return Actor(rng.choice(_NAMES), PERSON)
  if draw < 0.35:
    return Actor(Pair(definite(rng, nouns_of(PERSON)), _other(rng)), PERSON)
  if draw < 0.66:
    wanted = PERSON
  elif draw < 0.91:
    wanted = frozenset(('animal',))
  else:
    wanted = frozenset(('item', 'vehicle'))
  phrase = noun_phrase(rng, nouns_of(wanted), plain)
  if not plain and rng.random() < 0.03:
    phrase = NounPhrase(phrase.noun, 'no', adjectives=phrase.adjectives)
  return Actor(phrase, kinds_of(phrase.noun))


def back_reference(antecedent: Actor) -> Actor:
  """The same actor as a pronoun."""
  return Actor(pronoun_for(antecedent.nominal), antecedent.kinds)


def _other(rng: random.Random) -> NounPhrase | Name:
  if rng.random() < 0.5:
    return rng.choice(_NAMES)
  return definite(rng, nouns_of(PERSON))


def some_adjectives(
  rng: random.Random, kinds: frozenset[str], probability: float
) -> tuple[str, ...]:
  if rng.random() >= probability:
    return ()
  adjective = rng.choice(adjectives_of(kinds))
  colour = rng.choice(('red', 'green', 'white', 'black'))
  both = colour in adjectives_of(kinds) and adjective in ('old', 'big', 'small')
  return (adjective, colour) if both else (adjective,)


def _owned(
  rng: random.Random,
  noun: str,
  adjectives: tuple[str, ...],
  plural: bool,
  subject: Nominal | None,
) -> NounPhrase:
  if subject is None or rng.random() < 0.4:
    determiner, owner = rng.choice(_POSSESSIVES), ''
  else:
    pronoun = pronoun_for(subject)
    determiner, owner = _OWN[pronoun.word], pronoun.gender
  return NounPhrase(noun, determiner, plural, adjectives, owner=owner)


def _possessor(
  rng: random.Random, kinds: frozenset[str], names: bool
) -> NounPhrase | Name:
  if 'part' in kinds:
    nouns: Sequence[str] = nouns_of(frozenset(('building',)))
  elif names and rng.random() < 0.4:
    return rng.choice(_NAMES)
  else:
    nouns = nouns_of(PERSON)
  noun = rng.choice(nouns)
  determiner = rng.choice(('the', 'the', 'the', 'a', 'this'))
  plural = rng.random() < 0.15 and determiner != 'a'
  return NounPhrase(
    noun, determiner, plural, some_adjectives(rng, kinds_of(noun), 0.2)
  )
