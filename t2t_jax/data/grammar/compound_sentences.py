"""Draws sentences of several clauses."""

import dataclasses
import random

from t2t_jax.data.grammar import clauses, copulas, lexicon, phrases
from t2t_jax.data.grammar.meaning import (
  Clause,
  Complex,
  Coordinate,
  Nominal,
  NounPhrase,
  Pronoun,
  Tense,
  pronoun_for,
)
from t2t_jax.data.grammar.phrases import Actor

_CONJUNCTIONS = (
  'because', 'because', 'because', 'although', 'although', 'when', 'when',
  'if', 'before', 'while',
)  # fmt: skip
SIMPLE_TENSES: tuple[Tense, ...] = ('present', 'past')


def adverbial_sentence(rng: random.Random) -> Complex:
  conjunction = rng.choice(_CONJUNCTIONS)
  first = phrases.actor(rng, plain=True)
  same = rng.random() < 0.65
  second = phrases.back_reference(first) if same else phrases.actor(rng, True)
  subordinate_first = conjunction != 'before' and rng.random() < 0.35
  tense = rng.choice(SIMPLE_TENSES)
  if conjunction == 'if' or Pronoun('you') in (first.nominal, second.nominal):
    tense = 'present'
  main_tense = tense
  if tense == 'present' and conjunction in ('if', 'when', 'because'):
    main_tense = rng.choice(('present', 'present', 'future'))
  if subordinate_first:
    first, second = second, first
  main = main_clause(rng, first, main_tense)
  subordinate = _subordinate(rng, second, tense, conjunction, main.verb)
  return Complex(main, conjunction, subordinate, subordinate_first)


def main_clause(
  rng: random.Random, actor: Actor, tense: Tense, but_not: str = ''
) -> Clause:
  """A short clause in a given tense, with another verb than `but_not`."""
  verb = _verb(rng, actor, tense, but_not)
  negated = clauses.may_negate(actor.nominal) and rng.random() < 0.12
  return clauses.verb_clause(rng, actor, verb, tense, negated, short=True)


def _subordinate(
  rng: random.Random, actor: Actor, tense: Tense, conjunction: str, but_not: str
) -> Clause:
  event = conjunction in ('before', 'while')
  if not event and rng.random() < 0.35:
    return copulas.copula(rng, actor, tense, simple=True)
  causal = conjunction in ('because', 'although')
  if causal and tense == 'present' and rng.random() < 0.3:
    tense = 'perfect'
  modal = ''
  if causal and tense != 'perfect' and _animate(actor) and rng.random() < 0.25:
    modal = clauses.modal_for(rng, tense)
  verb = _verb(rng, actor, tense, but_not, willed=bool(modal))
  negated = not event and rng.random() < 0.12
  return clauses.verb_clause(rng, actor, verb, tense, negated, modal, True)


def _verb(
  rng: random.Random,
  actor: Actor,
  tense: Tense,
  but_not: str,
  willed: bool = False,
) -> str:
  verbs = [v for v in clauses.verbs_for(actor.kinds) if v != but_not]
  changing = willed or tense in ('perfect', 'future')
  while True:
    verb = rng.choice(verbs)
    clear = willed or tense != 'past'
    if not clear and not clauses.allows_past(verb, actor.nominal):
      continue
    if too_rare(actor, verb):
      continue
    if not changing or verb not in clauses.STATES or not _animate(actor):
      return verb


def too_rare(actor: Actor, verb: str) -> bool:
  """Forms like "(dass du) abholst" would be too rare to learn."""
  prefix = lexicon.VERBS[verb].prefix
  return bool(prefix) and actor.nominal in (Pronoun('I'), Pronoun('you'))


def _animate(actor: Actor) -> bool:
  return not actor.kinds.isdisjoint(('person', 'animal'))


def content_sentence(rng: random.Random) -> Complex:
  actor = speaker(rng)
  frames = frozenset(('that', 'whether'))
  verb = rng.choice(clauses.verbs_for(actor.kinds, frames))
  conjunction = lexicon.VERBS[verb].frame
  tense = rng.choice(SIMPLE_TENSES)
  if not clauses.allows_past(verb, actor.nominal):
    tense = 'present'
  negated = verb != 'hope' and rng.random() < 0.15
  main = Clause(verb, actor.nominal, tense, negated=negated)
  if conjunction == 'whether':
    main = dataclasses.replace(main, accusative=_asked_person(rng, actor))
  content_actor = phrases.actor(rng, plain=True)
  if rng.random() < 0.2:
    content_actor = phrases.back_reference(actor)
  return Complex(main, conjunction, _content(rng, content_actor, tense))


def _asked_person(rng: random.Random, actor: Actor) -> Nominal:
  if rng.random() < 0.5:
    return phrases.object_pronoun(rng, actor.nominal)
  return phrases.person(rng, actor.nominal)


def speaker(rng: random.Random) -> Actor:
  """A subject that is a person."""
  while True:
    actor = phrases.actor(rng, plain=True)
    if 'person' in actor.kinds:
      return actor


def _content(rng: random.Random, actor: Actor, tense: Tense) -> Clause:
  if tense == 'past' and actor.nominal == Pronoun('you'):
    tense = 'present'
  if rng.random() < 0.25:
    return copulas.copula(rng, actor, tense, simple=True)
  if tense == 'past' or actor.nominal in (Pronoun('I'), Pronoun('you')):
    return main_clause(rng, actor, tense)
  clause = clauses.any_clause(rng, actor, short=rng.random() < 0.7)
  return clause


def purpose_sentence(rng: random.Random) -> Complex:
  actor = speaker(rng)
  frames = frozenset(('goal', 'none', 'put'))
  verb = rng.choice(clauses.verbs_for(actor.kinds, frames))
  tense = clauses.tense_for(rng, verb, actor.nominal)
  main = clauses.verb_clause(rng, actor, verb, tense, short=True)
  aims = frozenset(('acc', 'none', 'dat', 'both'))
  verbs = clauses.verbs_for(actor.kinds, aims)
  aim = rng.choice([v for v in verbs if v not in clauses.STATES and v != verb])
  purpose = clauses.verb_clause(rng, actor, aim, 'present', short=True)
  return Complex(main, 'in order to', purpose)


def two_subjects(rng: random.Random) -> Coordinate:
  """Two statements joined by "and" or "but"."""
  tense = rng.choice(SIMPLE_TENSES)
  first, second = phrases.actor(rng, True), phrases.actor(rng, True)
  if Pronoun('you') in (first.nominal, second.nominal):
    tense = 'present'
  clause, other = (
    main_clause(rng, first, tense),
    main_clause(rng, second, tense),
  )
  return Coordinate(clause, 'and' if rng.random() < 0.5 else 'but', other)


def shared_subject(rng: random.Random) -> Coordinate:
  """Two predicates of one subject: "the man buys an apple and eats it"."""
  actor = speaker(rng)
  tense = rng.choice(SIMPLE_TENSES)
  if actor.nominal == Pronoun('you'):
    tense = 'present'
  first = main_clause(rng, actor, tense)
  second = main_clause(rng, actor, tense, first.verb)
  if isinstance(first.accusative, NounPhrase) and not first.negated:
    second = _same_object(rng, actor, first.accusative, tense, first.verb)
  if tense == 'past' and rng.random() < 0.3:
    first = dataclasses.replace(first, time='yesterday')
    return Coordinate(first, 'and', second, True, time_first=True)
  return Coordinate(first, 'and', second, shared_subject=True)


def _same_object(
  rng: random.Random,
  actor: Actor,
  thing: NounPhrase,
  tense: Tense,
  but_not: str,
) -> Clause:
  """A clause about the other clause's object, called by a pronoun."""
  kinds = phrases.kinds_of(thing.noun)
  verbs = [
    verb
    for verb in clauses.verbs_for(actor.kinds, frozenset(('acc',)))
    if verb != but_not
    and phrases.fits(lexicon.VERBS[verb].objects, kinds)
    and (tense == 'present' or clauses.allows_past(verb, actor.nominal))
  ]
  if not verbs:
    return main_clause(rng, actor, tense)
  verb = rng.choice(verbs)
  clause = clauses.verb_clause(rng, actor, verb, tense, short=True)
  return dataclasses.replace(clause, accusative=pronoun_for(thing))
