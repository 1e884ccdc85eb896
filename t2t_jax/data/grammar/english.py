"""Realises a meaning in English."""

from t2t_jax.data.grammar import english_nouns, lexicon
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
from t2t_jax.data.grammar.numerals import english_number
from t2t_jax.data.grammar.text import finish, join


def english(sentence: Sentence) -> str:
  """The English sentence, capitalised and ending in '.' or '?'."""
  if isinstance(sentence, Simple):
    return _simple(sentence)
  if isinstance(sentence, Coordinate):
    return _coordinate(sentence)
  return _complex(sentence)


def _simple(sentence: Simple) -> str:
  clause = sentence.clause
  if sentence.question:
    adverb = sentence.question
    words = adverb if adverb in lexicon.QUESTION_ADVERBS else ''
    inverted = not asked_or_relative(clause.subject)
    return finish(join(words, _clause(clause, inverted=inverted)), '?')
  return finish(_statement(clause, sentence.time_first), '.')


def _statement(clause: Clause, time_first: bool) -> str:
  if time_first:
    return join(clause.time, _clause(clause, with_time=False))
  return _clause(clause)


def _complex(sentence: Complex) -> str:
  main = _clause(sentence.main)
  conjunction = sentence.conjunction
  if conjunction == 'in order to':
    body = _after_subject(sentence.subordinate, [_infinitive(sentence)])
  else:
    body = _clause(sentence.subordinate)
  subordinate = join(conjunction, body)
  if sentence.subordinate_first:
    return finish(f'{subordinate}, {main}', '.')
  return finish(join(main, subordinate), '.')


def _infinitive(sentence: Complex) -> str:
  return lexicon.VERBS[sentence.subordinate.verb].base


def _coordinate(sentence: Coordinate) -> str:
  first = _statement(sentence.first, sentence.time_first)
  second = _clause(sentence.second, with_subject=not sentence.shared_subject)
  comma = ',' if sentence.conjunction == 'but' else ''
  return finish(join(first + comma, sentence.conjunction, second), '.')


def _clause(
  clause: Clause,
  inverted: bool = False,
  with_subject: bool = True,
  with_time: bool = True,
) -> str:
  auxiliary, rest = _verb_group(clause, inverted)
  negation = 'not' if clause.negated else ''
  subject = _nominal(clause.subject, is_object=False) if with_subject else ''
  adverb = clause.frequency
  if inverted:
    words = [auxiliary, subject, negation, adverb, rest]
  else:
    words = [subject, auxiliary, negation, adverb, rest]
  fronted = _fronted_object(clause)
  if auxiliary == 'can' and negation and not inverted:
    words = [subject, 'cannot', adverb, rest]
  return join(fronted, _after_subject(clause, words, with_time))


def _fronted_object(clause: Clause) -> str:
  for nominal in (clause.accusative, clause.dative):
    if nominal is not None and asked_or_relative(nominal):
      return _nominal(nominal, is_object=True)
  return ''


def _after_subject(
  clause: Clause, words: list[str], with_time: bool = True
) -> str:
  verb = lexicon.VERBS[clause.verb]
  words = [*words, verb.preposition]
  objects = [
    _nominal(nominal, is_object=True)
    for nominal in (clause.dative, clause.accusative)
    if nominal is not None and not asked_or_relative(nominal)
  ]
  # "picks it up", but "picks up the book".
  if isinstance(clause.accusative, Pronoun):
    words += [*objects, verb.particle]
  else:
    words += [verb.particle, *objects]
  if clause.predicate:
    words.append(_predicate(clause.predicate))
  if clause.place:
    nominal = _nominal(clause.place.nominal, is_object=True)
    words += [clause.place.preposition, nominal]
  words.append(clause.manner)
  if with_time:
    words.append(clause.time)
  return join(*words)


def _verb_group(clause: Clause, inverted: bool) -> tuple[str, str]:
  """The auxiliary ("" where there is none) and the rest of the verb."""
  verb = lexicon.VERBS[clause.verb]
  person, plural = _verb_agreement(clause)
  singular = person == 3 and not plural
  needs_auxiliary = clause.negated or inverted
  past = clause.tense == 'past'
  if clause.modal:
    return _modal_group(clause, singular, needs_auxiliary)
  if clause.tense == 'future':
    return 'will', verb.base
  if clause.tense == 'perfect':
    return ('has' if singular else 'have'), verb.participle
  if verb.base == 'be':
    return _be(person, plural, past), ''
  if needs_auxiliary:
    return _do(singular, past), verb.base
  if past:
    return '', verb.past
  return '', third_person(verb.base) if singular else verb.base


def _modal_group(
  clause: Clause, singular: bool, needs_auxiliary: bool
) -> tuple[str, str]:
  base = lexicon.VERBS[clause.verb].base
  past = clause.tense == 'past'
  if clause.modal == 'should':
    return 'should', base
  if clause.modal == 'can':
    return ('could' if past else 'can'), base
  # "must not" forbids; what is not necessary is said with "have to".
  if clause.modal == 'must' and not past and not needs_auxiliary:
    return 'must', base
  present, preterite = ('have', 'had')
  if clause.modal == 'want':
    present, preterite = ('want', 'wanted')
  if needs_auxiliary:
    return _do(singular, past), f'{present} to {base}'
  if past:
    return '', f'{preterite} to {base}'
  form = third_person(present) if singular else present
  return '', f'{form} to {base}'


def _verb_agreement(clause: Clause) -> tuple[int, bool]:
  if clause.verb == 'exist' and clause.accusative is not None:
    return agreement(clause.accusative)
  return agreement(clause.subject)


def _be(person: int, plural: bool, past: bool) -> str:
  if plural or person == 2:
    return 'were' if past else 'are'
  if past:
    return 'was'
  return 'am' if person == 1 else 'is'


def _do(singular: bool, past: bool) -> str:
  if past:
    return 'did'
  return 'does' if singular else 'do'


def third_person(base: str) -> str:
  """The third person singular of a verb, e.g. 'carries' for 'carry'."""
  if base == 'have':
    return 'has'
  if base.endswith(('s', 'sh', 'ch', 'x', 'o')):
    return f'{base}es'
  if base.endswith('y') and base[-2] not in 'aeou':
    return f'{base[:-1]}ies'
  return f'{base}s'


def _nominal(nominal: Nominal, is_object: bool) -> str:
  words = english_nouns.nominal(nominal, is_object)
  if isinstance(nominal, NounPhrase) and nominal.relative:
    return join(words, _clause(nominal.relative))
  return words


def _predicate(predicate: Predicate) -> str:
  if predicate.kind == 'age':
    return f'{english_number(predicate.years)} years old'
  other = ''
  if predicate.nominal is not None:
    other = _nominal(predicate.nominal, is_object=True)
  match predicate.kind:
    case 'noun':
      return other
    case 'comparative':
      adjective = lexicon.ADJECTIVES[predicate.adjective]
      return f'{adjective.comparative} than {other}'
    case 'equative':
      return f'as {predicate.adjective} as {other}'
  return predicate.adjective
