"""Draws clauses with "be" and "there is"."""

import random

from t2t_jax.data.grammar import clauses, lexicon, phrases, places
from t2t_jax.data.grammar.meaning import (
  Clause,
  Name,
  Nominal,
  NounPhrase,
  Predicate,
  Pronoun,
  Tense,
  agreement,
)
from t2t_jax.data.grammar.phrases import Actor
from t2t_jax.data.grammar.text import words

_COMPARED = frozenset(
  words('person animal food drink item vehicle place part furniture big')
)
# What one can be today and not tomorrow.
_PASSING = frozenset(words('happy sad tired hungry sick clean dirty cold warm'))
_JOB = frozenset(('job',))


def copula(
  rng: random.Random, actor: Actor, tense: Tense, simple: bool = False
) -> Clause:
  """A clause with "be"; `simple` wants an adjective and nothing else."""
  negated = clauses.may_negate(actor.nominal) and rng.random() < 0.12
  predicate = _adjective(rng, actor) if simple else _predicate(rng, actor)
  time, frequency = '', ''
  if predicate.kind == 'age' and tense in ('perfect', 'future'):
    tense = 'present'
  passing = predicate.adjective in _PASSING and not simple
  if passing and predicate.kind == 'adjective':
    time, frequency = clauses.adverbial(rng, tense, negated)
  return Clause(
    verb='be',
    subject=actor.nominal,
    tense=tense,
    negated=negated,
    predicate=predicate,
    time=time,
    frequency=frequency,
  )


def exists(rng: random.Random) -> Clause:
  """A clause such as "there is a dog in the garden" ("es gibt")."""
  wanted = frozenset(('animal', 'item', 'building', 'furniture', 'person'))
  noun = rng.choice(phrases.nouns_of(wanted))
  negated = rng.random() < 0.15
  count = rng.randint(2, 12) if not negated and rng.random() < 0.3 else 0
  phrase = phrases.head(rng, (noun,))
  person = 'person' in phrases.kinds_of(noun)
  sites = ('in', 'near', 'in front of') if person else places.SITES
  where = places.place(rng, rng.choice(sites))
  return Clause(
    verb='exist',
    subject=Pronoun('there'),
    tense=rng.choice(('present', 'present', 'past')),
    negated=negated,
    accusative=NounPhrase(
      noun,
      'bare' if count else 'a',
      bool(count) or phrase.plural,
      phrase.adjectives,
      count=count,
    ),
    place=where,
  )


def _adjective(rng: random.Random, actor: Actor) -> Predicate:
  used: tuple[str, ...] = ()
  if isinstance(actor.nominal, NounPhrase):
    used = actor.nominal.adjectives
  adjectives = phrases.adjectives_of(actor.kinds)
  return Predicate(
    'adjective', rng.choice([a for a in adjectives if a not in used])
  )


def _predicate(rng: random.Random, actor: Actor) -> Predicate:
  draw = rng.random()
  if draw < 0.4:
    return _adjective(rng, actor)
  if 'person' in actor.kinds and not agreement(actor.nominal)[1]:
    if draw < 0.65:
      return Predicate('age', years=rng.randint(2, 99))
    if draw < 0.75 and _male(actor.nominal):
      phrase = phrases.head(rng, phrases.nouns_of(_JOB))
      job = NounPhrase(phrase.noun, 'a', adjectives=phrase.adjectives)
      return Predicate('noun', nominal=job)
  graded = phrases.adjectives_of(actor.kinds, graded=True)
  return Predicate(
    'comparative' if draw < 0.92 else 'equative',
    rng.choice(graded),
    _standard(rng, actor),
  )


def _male(nominal: Nominal) -> bool:
  """The jobs are masculine nouns; German would call a woman "Lehrerin"."""
  match nominal:
    case Pronoun(word):
      return word == 'he'
    case Name(name):
      return lexicon.NAMES[name] == 'm'
    case NounPhrase(noun):
      return lexicon.NOUNS[noun].gender == 'm'
  return False


def _standard(rng: random.Random, actor: Actor) -> NounPhrase | Name:
  """What the subject is compared with: something of its own kind."""
  if isinstance(actor.nominal, NounPhrase):
    same = actor.nominal.noun
    kinds = phrases.kinds_of(same) & _COMPARED
    nouns = [noun for noun in phrases.nouns_of(kinds) if noun != same]
    return phrases.definite(rng, nouns)
  return phrases.definite(rng, phrases.nouns_of(actor.kinds))
