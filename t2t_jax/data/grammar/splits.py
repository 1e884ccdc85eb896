"""Which sentences belong to which split, decided by rule.

A sentence is a set of combinations: this adjective with this noun, this verb
in this tense and clause. A tenth of all combinations is reserved: training
shows none of them, every held-out sentence has at least one. So the held-out
score measures how words and structures are put together anew.
"""

import functools
import zlib
from collections.abc import Iterator

from t2t_jax.data.grammar import lexicon
from t2t_jax.data.grammar.meaning import (
  Clause,
  Complex,
  Name,
  Nominal,
  NounPhrase,
  Pair,
  Prepositional,
  RelativePronoun,
  Sentence,
  Simple,
)

SPLITS = ('train', 'dev', 'heldout')
RESERVED_PERCENT = 10
DEV_PERCENT = 5

_QUESTION_KINDS = {'': 'statement', 'polar': 'polar'}


def combos(meaning: Sentence) -> frozenset[tuple[str, ...]]:
  """The combinations of words and structures in a sentence.

  Returns:
    Tuples of strings, the first of which names the kind:
      ('adjective', adjective, noun), attributive or predicative;
      ('subject', noun, verb); ('object', verb, noun);
      ('preposition', preposition, noun);
      ('structure', verb, tense or 'modal', kind of clause), where the
      verb has the same form in other structures as well.
  """
  return frozenset(_sentence(meaning))


def is_heldout(meaning: Sentence) -> bool:
  """Whether the sentence has a reserved combination."""
  return any(is_reserved(combo) for combo in combos(meaning))


@functools.cache
def is_reserved(combo: tuple[str, ...]) -> bool:
  """Whether training may not show this combination.

  A checksum decides, the same on every machine and in every version.
  """
  return zlib.crc32('|'.join(combo).encode()) % 100 < RESERVED_PERCENT


def is_dev(english: str) -> bool:
  """Whether an English sentence that is not held out belongs to dev."""
  return zlib.crc32(english.encode()) % 100 < DEV_PERCENT


def _sentence(meaning: Sentence) -> Iterator[tuple[str, ...]]:
  if isinstance(meaning, Simple):
    kind = _QUESTION_KINDS.get(meaning.question, 'question')
    yield from _clause(
      meaning.clause, 'fronted' if meaning.time_first else kind
    )
  elif isinstance(meaning, Complex):
    first = meaning.subordinate_first
    yield from _clause(meaning.main, 'fronted' if first else 'statement')
    purpose = meaning.conjunction == 'in order to'
    kind = 'purpose' if purpose else 'subordinate'
    yield from _clause(meaning.subordinate, kind)
  else:
    first = meaning.time_first
    yield from _clause(meaning.first, 'fronted' if first else 'statement')
    yield from _clause(meaning.second, 'statement')


def _clause(clause: Clause, kind: str) -> Iterator[tuple[str, ...]]:
  tense = 'modal' if clause.modal else clause.tense
  if _reservable(clause.verb, tense, kind):
    yield 'structure', clause.verb, tense, kind
  for noun in _nouns(clause.subject):
    yield 'subject', noun, clause.verb
    if clause.predicate and clause.predicate.adjective:
      yield 'adjective', clause.predicate.adjective, noun
  for argument in (clause.accusative, clause.dative):
    for noun in _nouns(argument):
      yield 'object', clause.verb, noun
  if clause.place:
    yield from _prepositional(clause.place)
  standard = clause.predicate.nominal if clause.predicate else None
  for nominal in (
    clause.subject, clause.accusative, clause.dative, standard
  ):  # fmt: skip
    yield from _inside(nominal)


def _reservable(verb: str, tense: str, kind: str) -> bool:
  """Whether training shows the verb's forms without this structure."""
  forms = lexicon.VERBS[verb]
  if tense not in ('present', 'past'):
    return True
  # German joins a separable prefix to the verb in these two only.
  if kind in ('subordinate', 'relative'):
    return not forms.prefix
  # A polar question is the one place for a capitalised verb.
  return kind not in ('statement', 'polar')


def _prepositional(phrase: Prepositional) -> Iterator[tuple[str, ...]]:
  for noun in _nouns(phrase.nominal):
    yield 'preposition', phrase.preposition, noun
  yield from _inside(phrase.nominal)


def _nouns(nominal: Nominal | None) -> Iterator[str]:
  """The nouns that stand for a phrase in its clause."""
  if isinstance(nominal, NounPhrase | RelativePronoun):
    yield nominal.noun
  elif isinstance(nominal, Pair):
    yield from _nouns(nominal.first)
    yield from _nouns(nominal.second)


def _inside(nominal: Nominal | None) -> Iterator[tuple[str, ...]]:
  """The combinations within a phrase."""
  if isinstance(nominal, Pair):
    yield from _inside(nominal.first)
    yield from _inside(nominal.second)
  if not isinstance(nominal, NounPhrase):
    return
  for adjective in nominal.adjectives:
    yield 'adjective', adjective, nominal.noun
  if not isinstance(nominal.possessor, Name):
    yield from _inside(nominal.possessor)
  if nominal.relative:
    yield from _clause(nominal.relative, 'relative')
