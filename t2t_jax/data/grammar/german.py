"""Realises a meaning in German.

Word order, by fixed rule (one English sentence, one translation). The finite
verb stands second, first in yes-or-no questions and after a subordinate clause,
last in subordinate and relative clauses. Between it and the end of the clause:
subject (unless in front), pronoun objects, time or frequency, dative,
accusative, "nicht", manner, place, predicate.
"""

import dataclasses
from typing import Literal, TypeAlias

from t2t_jax.data.grammar import german_nouns, german_verbs, lexicon
from t2t_jax.data.grammar.meaning import (
  Clause,
  Complex,
  Coordinate,
  Nominal,
  NounPhrase,
  Predicate,
  Pronoun,
  Sentence,
  Simple,
  agreement,
  asked_or_relative,
)
from t2t_jax.data.grammar.numerals import german_number
from t2t_jax.data.grammar.text import finish, join

_Order: TypeAlias = Literal['second', 'first', 'last']


def german(sentence: Sentence) -> str:
  """The German sentence, capitalised and ending in '.' or '?'."""
  if isinstance(sentence, Simple):
    return _simple(sentence)
  if isinstance(sentence, Coordinate):
    return _coordinate(sentence)
  return _complex(sentence)


def _simple(sentence: Simple) -> str:
  clause = sentence.clause
  match sentence.question:
    case '':
      return finish(_statement(clause, sentence.time_first), '.')
    case 'polar':
      return finish(_clause(clause, 'first'), '?')
    case 'phrase':
      return finish(_clause(clause, 'second'), '?')
  adverb = lexicon.QUESTION_ADVERBS[sentence.question]
  if adverb == 'wo' and lexicon.VERBS[clause.verb].frame == 'goal':
    adverb = 'wohin'
  return finish(join(adverb, _clause(clause, 'first')), '?')


def _statement(clause: Clause, time_first: bool) -> str:
  if time_first:
    return join(lexicon.TIMES[clause.time], _clause(clause, 'first', False))
  return _clause(clause, 'second')


def _complex(sentence: Complex) -> str:
  clause = sentence.subordinate
  if sentence.conjunction == 'in order to':
    subordinate = join('um', _middle(clause), _zu_infinitive(clause))
  else:
    conjunction = lexicon.CONJUNCTIONS[sentence.conjunction]
    if sentence.conjunction == 'when' and clause.tense == 'past':
      conjunction = 'als'
    subordinate = join(conjunction, _clause(clause, 'last'))
  if sentence.subordinate_first:
    return finish(f'{subordinate} , {_clause(sentence.main, "first")}', '.')
  return finish(f'{_clause(sentence.main, "second")} , {subordinate}', '.')


def _coordinate(sentence: Coordinate) -> str:
  first = _statement(sentence.first, sentence.time_first)
  second = sentence.second
  if sentence.shared_subject:
    words = _clause(second, 'first', with_subject=False)
  else:
    words = _clause(second, 'second')
  comma = ',' if sentence.conjunction == 'but' else ''
  conjunction = lexicon.CONJUNCTIONS[sentence.conjunction]
  return finish(join(first, comma, conjunction, words), '.')


def _clause(
  clause: Clause,
  order: _Order,
  with_time: bool = True,
  with_subject: bool = True,
) -> str:
  """One clause; `with_time` False where its time stands before it."""
  finite, end = _verb_group(clause)
  front, subject = '', ''
  if asked_or_relative(clause.subject):
    front = _nominal(clause.subject, 'nominative')
  else:
    front = _fronted_object(clause)
    if with_subject:
      subject = _nominal(clause.subject, 'nominative')
  if order == 'second' and not front:
    front, subject = subject, ''
  middle = _middle(clause, with_time)
  if order == 'last':
    return join(front, subject, middle, _verb_last(clause, finite, end))
  return join(front, finite, subject, middle, end)


def _objects(clause: Clause) -> list[tuple[Nominal, german_nouns.Case]]:
  objects: list[tuple[Nominal, german_nouns.Case]] = []
  if clause.dative is not None:
    objects.append((clause.dative, 'dative'))
  if clause.accusative is not None:
    objects.append((clause.accusative, 'accusative'))
  return objects


def _fronted_object(clause: Clause) -> str:
  for argument, case in _objects(clause):
    if asked_or_relative(argument):
      return _nominal(argument, case)
  return ''


def _nominal(phrase: Nominal, case: german_nouns.Case) -> str:
  return join(german_nouns.nominal(phrase, case), _relative(phrase))


def _relative(phrase: Nominal) -> str:
  if not isinstance(phrase, NounPhrase) or phrase.relative is None:
    return ''
  return join(',', _clause(phrase.relative, 'last'), ',')


def _place(clause: Clause) -> str:
  assert clause.place is not None
  moves = lexicon.VERBS[clause.verb].frame in ('goal', 'put')
  words = german_nouns.prepositional(clause.place, moves)
  return join(words, _relative(clause.place.nominal))


def _verb_group(clause: Clause) -> tuple[str, str]:
  """The finite verb and what closes the clause."""
  verb = lexicon.VERBS[clause.verb]
  person, plural = agreement(clause.subject)
  if clause.modal:
    past = clause.tense == 'past'
    finite = german_verbs.modal(clause.modal, past, person, plural)
    return finite, verb.prefix + verb.infinitive
  if clause.tense == 'future':
    finite = german_verbs.auxiliary('werden', person, plural)
    return finite, verb.prefix + verb.infinitive
  if clause.tense == 'perfect':
    finite = german_verbs.auxiliary(verb.auxiliary, person, plural)
    return finite, verb.prefix + verb.german_participle
  past = clause.tense == 'past'
  return german_verbs.finite(clause.verb, past, person, plural), verb.prefix


def _verb_last(clause: Clause, finite: str, end: str) -> str:
  # A separable prefix joins its verb there: "weil er die Tür aufmacht".
  if clause.modal or clause.tense in ('future', 'perfect'):
    return join(end, finite)
  return end + finite


def _zu_infinitive(clause: Clause) -> str:
  verb = lexicon.VERBS[clause.verb]
  if verb.prefix:
    return f'{verb.prefix}zu{verb.infinitive}'
  return f'zu {verb.infinitive}'


def _middle(clause: Clause, with_time: bool = True) -> str:
  clause, negation = _negate(clause)
  pronouns: list[str] = []
  phrases: list[str] = []
  for argument, case in _objects(clause):
    if asked_or_relative(argument):
      continue
    words = _nominal(argument, case)
    (pronouns if isinstance(argument, Pronoun) else phrases).append(words)
  # Of two pronouns the accusative comes first: "er gibt es ihm".
  ordered = [*reversed(pronouns), _adverbial(clause, with_time), *phrases]
  ordered += [negation, lexicon.MANNERS.get(clause.manner, '')]
  if clause.place:
    ordered.append(_place(clause))
  if clause.predicate:
    ordered.append(_predicate(clause.predicate))
  return join(*ordered)


def _adverbial(clause: Clause, with_time: bool) -> str:
  time = lexicon.TIMES.get(clause.time, '') if with_time else ''
  return join(time, lexicon.FREQUENCIES.get(clause.frequency, ''))


def _negate(clause: Clause) -> tuple[Clause, str]:
  """Negates an indefinite object with "kein", anything else with "nicht"."""
  if not clause.negated:
    return clause, ''
  if _indefinite(clause.accusative):
    phrase = _without(clause.accusative)
    return dataclasses.replace(clause, accusative=phrase), ''
  if clause.accusative is None and _indefinite(clause.dative):
    return dataclasses.replace(clause, dative=_without(clause.dative)), ''
  predicate = clause.predicate
  if predicate and predicate.kind == 'noun' and _indefinite(predicate.nominal):
    phrase = _without(predicate.nominal)
    predicate = dataclasses.replace(predicate, nominal=phrase)
    return dataclasses.replace(clause, predicate=predicate), ''
  return clause, 'nicht'


def _indefinite(phrase: Nominal | None) -> bool:
  return isinstance(phrase, NounPhrase) and phrase.determiner in ('a', 'bare')


def _without(phrase: Nominal | None) -> NounPhrase:
  assert isinstance(phrase, NounPhrase)
  return dataclasses.replace(phrase, determiner='no')


def _predicate(predicate: Predicate) -> str:
  if predicate.kind == 'age':
    return f'{german_number(predicate.years)} Jahre alt'
  other = ''
  if predicate.nominal is not None:
    other = _nominal(predicate.nominal, 'nominative')
  if predicate.kind == 'noun':
    return other
  adjective = lexicon.ADJECTIVES[predicate.adjective]
  match predicate.kind:
    case 'comparative':
      return f'{adjective.german_comparative} als {other}'
    case 'equative':
      return f'so {adjective.german} wie {other}'
  return adjective.german
