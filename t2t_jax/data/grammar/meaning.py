"""The meaning of a sentence: a frozen tree that names no word order.

Two realisers read it, `english.py` and `german.py`. Every field that names a
word holds its English key in `lexicon.py`; case, agreement, endings and order
are the realisers' business.
"""

import dataclasses
from typing import Literal, TypeAlias

from t2t_jax.data.grammar import lexicon

Tense: TypeAlias = Literal['present', 'past', 'perfect', 'future']


@dataclasses.dataclass(frozen=True, slots=True)
class Name:
  """A person called by name: a key of `lexicon.NAMES`."""

  name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Pronoun:
  """A personal pronoun.

  `word` is the English subject form ('I', 'you', 'he', 'she', 'it', 'we',
  'they'), or 'there' as in "there is". `gender` (m, f, n) is that of the noun
  an 'it' refers to, and is empty otherwise.
  """

  word: str
  gender: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Interrogative:
  """'who' or 'what' in the place of a subject or an object."""

  word: Literal['who', 'what']


@dataclasses.dataclass(frozen=True, slots=True)
class RelativePronoun:
  """The place that the noun before a relative clause has inside it."""

  noun: str
  plural: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class NounPhrase:
  """A noun with what belongs to it.

  `determiner` is 'the', 'a', 'this', 'every', 'no', 'many', 'which', a
  possessive ('my', ..., 'their') or 'bare'. `owner` is the gender of what
  'its' refers to. `count` above 0 is a cardinal number and wants `plural`. A
  `possessor` wants the determiner 'the'.
  """

  noun: str
  determiner: str = 'the'
  plural: bool = False
  adjectives: tuple[str, ...] = ()
  count: int = 0
  owner: str = ''
  possessor: 'NounPhrase | Name | None' = None
  relative: 'Clause | None' = None


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
  """Two phrases joined by "and"; a plural."""

  first: NounPhrase | Name
  second: NounPhrase | Name


Nominal: TypeAlias = (
  Name | Pronoun | Interrogative | RelativePronoun | NounPhrase | Pair
)


@dataclasses.dataclass(frozen=True, slots=True)
class Prepositional:
  """A preposition (a key of `lexicon.PREPOSITIONS`) and its phrase."""

  preposition: str
  nominal: Nominal


@dataclasses.dataclass(frozen=True, slots=True)
class Predicate:
  """What "be" says of its subject; `kind` tells which fields are read.

  'adjective': adjective. 'comparative', 'equative': adjective and nominal.
  'noun': nominal. 'age': years.
  """

  kind: Literal['adjective', 'comparative', 'equative', 'noun', 'age']
  adjective: str = ''
  nominal: NounPhrase | Name | None = None
  years: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Clause:
  """One verb and what goes with it.

  `accusative` and `dative` name the German case of the object; `modal` is a
  key of `lexicon.MODALS` or empty and allows the present and past tense only;
  `frequency`, `manner` and `time` are keys of the tables of these names.
  """

  verb: str
  subject: Nominal
  tense: Tense = 'present'
  modal: str = ''
  negated: bool = False
  accusative: Nominal | None = None
  dative: Nominal | None = None
  place: Prepositional | None = None
  predicate: Predicate | None = None
  frequency: str = ''
  manner: str = ''
  time: str = ''


@dataclasses.dataclass(frozen=True, slots=True)
class Simple:
  """A statement or a question of one main clause.

  `question` is '' (a statement), 'polar' (yes or no), 'phrase' (asked by an
  `Interrogative` or a 'which' phrase in the clause) or an adverb: 'where',
  'when', 'why'. `time_first` puts the time adverbial of a statement first.
  """

  clause: Clause
  question: Literal['', 'polar', 'phrase', 'where', 'when', 'why'] = ''
  time_first: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Complex:
  """A main clause with a subordinate one.

  `conjunction` is a key of `lexicon.CONJUNCTIONS`; with 'in order to' the
  subject of `subordinate` is understood to be that of `main`.
  """

  main: Clause
  conjunction: str
  subordinate: Clause
  subordinate_first: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Coordinate:
  """Two main clauses joined by 'and' or 'but'.

  `shared_subject` leaves out the second subject (and wants them equal);
  `time_first` puts the first clause's time adverbial first.
  """

  first: Clause
  conjunction: Literal['and', 'but']
  second: Clause
  shared_subject: bool = False
  time_first: bool = False


Sentence: TypeAlias = Simple | Complex | Coordinate


def agreement(nominal: Nominal) -> tuple[int, bool]:
  """Grammatical person (1 to 3) and whether the verb is plural."""
  if isinstance(nominal, Pronoun):
    person = {'I': 1, 'we': 1, 'you': 2}.get(nominal.word, 3)
    return person, nominal.word in ('we', 'they')
  if isinstance(nominal, NounPhrase | RelativePronoun):
    return 3, nominal.plural
  return 3, isinstance(nominal, Pair)


def asked_or_relative(nominal: Nominal | None) -> bool:
  """Whether both languages move this phrase to the front of its clause."""
  if isinstance(nominal, NounPhrase):
    return nominal.determiner == 'which'
  return isinstance(nominal, Interrogative | RelativePronoun)


def pronoun_for(nominal: Nominal) -> Pronoun:
  """The pronoun that refers back to a phrase of the same sentence."""
  if isinstance(nominal, Pronoun):
    return nominal
  if agreement(nominal)[1]:
    return Pronoun('they')
  if isinstance(nominal, Name):
    return Pronoun('he' if lexicon.NAMES[nominal.name] == 'm' else 'she')
  if not isinstance(nominal, NounPhrase | RelativePronoun):
    # "Who" is masculine: "wer hat seinen Schlüssel verloren?".
    return Pronoun('he')
  noun = lexicon.NOUNS[nominal.noun]
  if 'person' in noun.kinds and noun.gender != 'n':
    return Pronoun('he' if noun.gender == 'm' else 'she')
  return Pronoun('it', noun.gender)
