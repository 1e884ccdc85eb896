"""Draws sentences of one main clause: statements and questions."""

import dataclasses
import random

from t2t_jax.data.grammar import clauses, copulas, lexicon, phrases
from t2t_jax.data.grammar.meaning import (
  Interrogative,
  NounPhrase,
  Pronoun,
  Simple,
  Tense,
)
from t2t_jax.data.grammar.phrases import Actor

_ANY = frozenset(('any',))
_ANIMATE = frozenset(('animate',))
_WITH_OBJECT = frozenset(('acc', 'dat', 'both'))
_BE_TENSES: tuple[Tense, ...] = ('present',) * 5 + ('past',) * 3
_BE_TENSES += ('perfect', 'future')


def statement(rng: random.Random) -> Simple:
  clause = clauses.any_clause(rng, phrases.actor(rng))
  return Simple(clause, time_first=bool(clause.time) and rng.random() < 0.45)


def description(rng: random.Random) -> Simple:
  actor = _describable(rng)
  tense = rng.choice(_BE_TENSES)
  if tense == 'past' and not clauses.allows_past('be', actor.nominal):
    tense = 'present'
  clause = copulas.copula(rng, actor, tense)
  if not clause.time and not clause.frequency and rng.random() < 0.2:
    return Simple(clause, 'polar')
  return Simple(clause, time_first=bool(clause.time) and rng.random() < 0.4)


def _describable(rng: random.Random) -> Actor:
  if rng.random() < 0.6:
    return phrases.actor(rng)
  nouns = phrases.nouns_of(_ANY)
  phrase = phrases.noun_phrase(rng, nouns)
  kinds = phrases.kinds_of(phrase.noun)
  return Actor(phrase, kinds)


def existence(rng: random.Random) -> Simple:
  clause = copulas.exists(rng)
  return Simple(clause, 'polar' if rng.random() < 0.2 else '')


def polar_question(rng: random.Random) -> Simple:
  actor = phrases.actor(rng, plain=True)
  return Simple(clauses.any_clause(rng, actor), 'polar')


def adverb_question(rng: random.Random) -> Simple:
  clause = clauses.any_clause(rng, phrases.actor(rng, plain=True), short=True)
  frame = lexicon.VERBS[clause.verb].frame
  # 'where' asks for the place, which then cannot be named.
  if frame in ('goal', 'site') and rng.random() < 0.7:
    without_place = dataclasses.replace(clause, place=None, negated=False)
    return Simple(without_place, 'where')
  if frame in ('none', 'acc') and rng.random() < 0.3:
    return Simple(dataclasses.replace(clause, negated=False), 'where')
  if rng.random() < 0.5:
    return Simple(dataclasses.replace(clause, negated=False), 'when')
  return Simple(clause, 'why')


def subject_question(rng: random.Random) -> Simple:
  if rng.random() < 0.5:
    actor = Actor(Interrogative('who'), phrases.PERSON)
  else:
    nouns = phrases.nouns_of(_ANIMATE)
    phrase = _which(rng, nouns)
    actor = Actor(phrase, phrases.kinds_of(phrase.noun))
  return Simple(clauses.any_clause(rng, actor), 'phrase')


def object_question(rng: random.Random) -> Simple:
  actor = phrases.actor(rng, plain=True)
  verbs = clauses.verbs_for(actor.kinds, _WITH_OBJECT)
  if not verbs:
    actor = Actor(Pronoun('they'), phrases.PERSON)
    verbs = clauses.verbs_for(actor.kinds, _WITH_OBJECT)
  verb = rng.choice(verbs)
  tense = clauses.tense_for(rng, verb, actor.nominal)
  clause = clauses.verb_clause(rng, actor, verb, tense, short=True)
  asked = _asked_object(rng, lexicon.VERBS[verb].objects)
  if clause.accusative is None:
    return Simple(dataclasses.replace(clause, dative=asked), 'phrase')
  return Simple(dataclasses.replace(clause, accusative=asked), 'phrase')


def _asked_object(
  rng: random.Random, wanted: frozenset[str]
) -> Interrogative | NounPhrase:
  if rng.random() < 0.4:
    return _which(rng, phrases.nouns_of(wanted))
  person = phrases.fits(wanted, phrases.PERSON)
  return Interrogative('who' if person else 'what')


def _which(rng: random.Random, nouns: tuple[str, ...]) -> NounPhrase:
  phrase = phrases.head(rng, nouns)
  mass = 'mass' in phrases.kinds_of(phrase.noun)
  return NounPhrase(
    phrase.noun, 'which', phrase.plural and not mass, phrase.adjectives
  )
