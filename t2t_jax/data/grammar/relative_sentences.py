"""Draws sentences with a relative clause."""

import dataclasses
import random
from collections.abc import Sequence

from t2t_jax.data.grammar import clauses, copulas, lexicon, phrases
from t2t_jax.data.grammar import compound_sentences as compound
from t2t_jax.data.grammar.meaning import (
  Clause,
  NounPhrase,
  Pronoun,
  RelativePronoun,
  Simple,
  Tense,
)
from t2t_jax.data.grammar.phrases import Actor

_WITH_OBJECT = frozenset(('acc', 'dat', 'both'))
_MASS = phrases.nouns_of(frozenset(('mass',)))


def relative_subject(rng: random.Random) -> Simple:
  """A statement whose subject has a relative clause."""
  nouns = phrases.nouns_of(frozenset(('animate', 'item', 'vehicle')))
  noun_phrase = _modified(rng, [n for n in nouns if n != 'bread'])
  actor = Actor(noun_phrase, phrases.kinds_of(noun_phrase.noun))
  tense = rng.choice(compound.SIMPLE_TENSES)
  if rng.random() < 0.35:
    return Simple(copulas.copula(rng, actor, tense, simple=True))
  return Simple(compound.main_clause(rng, actor, tense))


def relative_object(rng: random.Random) -> Simple:
  """A statement whose object has a relative clause, which ends it."""
  actor = compound.speaker(rng)
  tense = rng.choice(compound.SIMPLE_TENSES)
  if actor.nominal == Pronoun('you'):
    tense = 'present'
  # No separable prefix, negation or adverbial: nothing may follow the clause.
  verbs = [
    verb
    for verb in clauses.verbs_for(actor.kinds, _WITH_OBJECT)
    if not lexicon.VERBS[verb].prefix
    and verb != 'drink'
    and (tense == 'present' or clauses.allows_past(verb, actor.nominal))
  ]
  verb = rng.choice(verbs)
  clause = clauses.verb_clause(rng, actor, verb, tense, short=True)
  nouns = phrases.nouns_of(lexicon.VERBS[verb].objects)
  modified = _modified(rng, [n for n in nouns if n not in _MASS])
  if clause.accusative is None:
    return Simple(dataclasses.replace(clause, dative=modified))
  return Simple(dataclasses.replace(clause, accusative=modified))


def _modified(rng: random.Random, nouns: Sequence[str]) -> NounPhrase:
  """A noun phrase with a relative clause."""
  head = phrases.head(rng, nouns)
  gap = RelativePronoun(head.noun, head.plural)
  kinds = phrases.kinds_of(head.noun)
  tense = rng.choice(compound.SIMPLE_TENSES)
  acts = bool(clauses.verbs_for(kinds))
  if not acts or rng.random() < 0.5:
    relative = _about_object(rng, gap, kinds, tense)
  elif rng.random() < 0.25:
    relative = copulas.copula(rng, Actor(gap, kinds), tense, simple=True)
  else:
    relative = compound.main_clause(rng, Actor(gap, kinds), tense)
  return dataclasses.replace(head, relative=relative)


def _about_object(
  rng: random.Random,
  gap: RelativePronoun,
  kinds: frozenset[str],
  tense: Tense,
) -> Clause:
  """A relative clause whose object is the noun it belongs to."""
  actor = compound.speaker(rng)
  if actor.nominal == Pronoun('you'):
    tense = 'present'
  verbs = [
    verb
    for verb in clauses.verbs_for(actor.kinds, _WITH_OBJECT)
    if phrases.fits(lexicon.VERBS[verb].objects, kinds)
    and not compound.too_rare(actor, verb)
    and (tense == 'present' or clauses.allows_past(verb, actor.nominal))
  ]
  verb = rng.choice(verbs)
  clause = clauses.verb_clause(rng, actor, verb, tense, short=True)
  if clause.accusative is None:
    return dataclasses.replace(clause, dative=gap)
  return dataclasses.replace(clause, accusative=gap)
