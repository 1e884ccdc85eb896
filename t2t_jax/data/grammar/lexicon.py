"""The words of both languages, keyed by their English base form.

The tables are text, a word a line, so that they can be read as a dictionary
is. No two entries share an English form that could stand in the same place:
an English sentence must have one meaning, hence one translation.
"""

import dataclasses

from t2t_jax.data.grammar import numerals, word_tables


@dataclasses.dataclass(frozen=True, slots=True)
class Noun:
  """A noun; `weak` ones take their genitive's form in every case but one."""

  plural: str
  gender: str
  german: str
  german_genitive: str
  german_plural: str
  kinds: frozenset[str]
  weak: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Verb:
  """A verb's principal parts, its frame and what its arguments may be.

  `particle` is an English adverb that goes behind a pronoun ("picks it up");
  `preposition` an English one that stays ("looks for it"). `prefix` is the
  German separable one; the forms that follow it are given without it.
  """

  base: str
  past: str
  participle: str
  particle: str
  preposition: str
  prefix: str
  infinitive: str
  german_present: str
  german_past: str
  german_participle: str
  auxiliary: str
  frame: str
  subjects: frozenset[str]
  objects: frozenset[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Adjective:
  """An adjective; `stem` takes the German endings. Colours do not compare."""

  comparative: str
  german: str
  stem: str
  german_comparative: str
  kinds: frozenset[str]


def _rows(table: str) -> list[list[str]]:
  return [line.split() for line in table.strip().splitlines()]


def _noun(row: list[str]) -> Noun:
  plural, gender, german, genitive, german_plural, *kinds = row
  return Noun(
    plural=plural,
    gender=gender,
    german=german,
    german_genitive=german if genitive == '-' else genitive,
    german_plural=german_plural,
    kinds=frozenset(kinds) - {'weak'},
    weak='weak' in kinds,
  )


def _verb(row: list[str], use: list[str]) -> Verb:
  base, past, participle, infinitive, *german = row
  frame, subjects, objects = use
  base, _, particle = base.partition('+')
  base, _, preposition = base.partition('~')
  prefix, _, infinitive = infinitive.rpartition('+')
  return Verb(
    base=base,
    past=past,
    participle=participle,
    particle=particle,
    preposition=preposition,
    prefix=prefix,
    infinitive=infinitive,
    german_present=german[0],
    german_past=german[1],
    german_participle=german[2],
    auxiliary='sein' if german[3] == 's' else 'haben',
    frame=frame,
    subjects=frozenset(subjects.split(',')),
    objects=frozenset(objects.split(',')),
  )


def _adjective(row: list[str]) -> Adjective:
  comparative, german, stem, german_comparative, *kinds = row
  return Adjective(
    comparative='' if comparative == '-' else comparative.replace('_', ' '),
    german=german,
    stem=stem,
    german_comparative='' if german_comparative == '-' else german_comparative,
    kinds=frozenset(kinds),
  )


NOUNS = {row[0]: _noun(row[1:]) for row in _rows(word_tables.NOUNS)}
_USES = {row[0]: row[1:] for row in _rows(word_tables.FRAMES)}
VERBS = {
  row[0]: _verb(row[1:], _USES[row[0]]) for row in _rows(word_tables.VERBS)
}
ADJECTIVES = {
  row[0]: _adjective(row[1:]) for row in _rows(word_tables.ADJECTIVES)
}

# A name and the gender of the person.
NAMES = {
  'Anna': 'f', 'Julia': 'f', 'Maria': 'f',
  'Martin': 'm', 'Paul': 'm', 'Peter': 'm',
}  # fmt: skip

# Infinitive, then the present and past of the first person singular.
MODALS = {
  'can': ('können', 'kann', 'konnte'),
  'must': ('müssen', 'muss', 'musste'),
  'want': ('wollen', 'will', 'wollte'),
  'should': ('sollen', 'soll', 'sollte'),
}

# The German word and its case; 'either' is decided by the verb: accusative
# for where something goes, dative for where it is.
PREPOSITIONS = {
  'in': ('in', 'either'),
  'on': ('auf', 'either'),
  'under': ('unter', 'either'),
  'behind': ('hinter', 'either'),
  'in front of': ('vor', 'either'),
  'next to': ('neben', 'either'),
  'at': ('an', 'dative'),
  'into': ('in', 'accusative'),
  'through': ('durch', 'accusative'),
  'around': ('um', 'accusative'),
  'for': ('für', 'accusative'),
  'without': ('ohne', 'accusative'),
  'with': ('mit', 'dative'),
  'to': ('zu', 'dative'),
  'near': ('bei', 'dative'),
  'out of': ('aus', 'dative'),
}

# 'when' is "als" for the past and "wenn" otherwise.
CONJUNCTIONS = {
  'because': 'weil',
  'although': 'obwohl',
  'before': 'bevor',
  'while': 'während',
  'if': 'wenn',
  'when': 'wenn',
  'that': 'dass',
  'whether': 'ob',
  'in order to': 'um',
  'and': 'und',
  'but': 'aber',
}

QUESTION_ADVERBS = {'where': 'wo', 'when': 'wann', 'why': 'warum'}

FREQUENCIES = {
  'often': 'oft',
  'always': 'immer',
  'never': 'nie',
  'sometimes': 'manchmal',
  'already': 'schon',
}

MANNERS = {
  'slowly': 'langsam',
  'quickly': 'schnell',
  'loudly': 'laut',
  'quietly': 'leise',
  'well': 'gut',
}

_DAYS = (
  ('Monday', 'Montag'),
  ('Tuesday', 'Dienstag'),
  ('Wednesday', 'Mittwoch'),
  ('Thursday', 'Donnerstag'),
  ('Friday', 'Freitag'),
  ('Saturday', 'Samstag'),
  ('Sunday', 'Sonntag'),
)

TIMES = {
  'today': 'heute',
  'now': 'jetzt',
  'yesterday': 'gestern',
  'tomorrow': 'morgen',
  'every day': 'jeden Tag',
  'in the morning': 'am Morgen',
  'in the evening': 'am Abend',
  'in summer': 'im Sommer',
  'in winter': 'im Winter',
  **{f'on {english}': f'am {german}' for english, german in _DAYS},
  **{
    f"at {numerals.english_number(hour)} o'clock": (
      f'um {numerals.german_number(hour)} Uhr'
    )
    for hour in range(1, 13)
  },
  **{f'in {year}': f'im Jahr {year}' for year in range(1990, 2020)},
}
