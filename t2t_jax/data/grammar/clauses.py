"""Draws clauses: a verb for the subject, then what the verb asks for."""

import functools
import random

from t2t_jax.data.grammar import lexicon, phrases, places
from t2t_jax.data.grammar.meaning import (
  Clause,
  Nominal,
  NounPhrase,
  Prepositional,
  Pronoun,
  Tense,
)
from t2t_jax.data.grammar.phrases import Actor
from t2t_jax.data.grammar.text import words

_TENSES: tuple[Tense, ...] = (
  ('present',) * 8 + ('past',) * 7 + ('perfect',) * 4 + ('future',) * 3
)
_FRAMES = frozenset(words('none acc dat both owner goal site put'))
# States are not seen as finished or willed.
STATES = frozenset(
  words('know belong_to need know_that believe hope exist love')
)
_MANNERS = {
  'sleep': 'well quietly',
  'work': 'well quickly slowly quietly',
  'laugh': 'loudly quietly',
  'dance': 'well slowly quickly',
  'sing': 'well loudly quietly',
  'swim': 'well slowly quickly',
  'play': 'loudly quietly well',
  'wake_up': 'slowly',
  'get_up': 'quickly slowly',
  'eat': 'quickly slowly loudly',
  'drink': 'quickly slowly',
  'read': 'well quickly slowly loudly',
  'write': 'well quickly slowly',
  'wash': 'well quickly',
  'paint': 'well slowly',
  'repair': 'well quickly',
  'open': 'slowly quietly',
  'close': 'quickly quietly loudly',
  'tidy_up': 'quickly well',
  'run': 'quickly slowly',
  'go': 'slowly quickly quietly',
  'drive': 'quickly slowly',
  'answer': 'quickly loudly',
  'follow': 'slowly quickly quietly',
}
MANNERS = {verb: tuple(words.split()) for verb, words in _MANNERS.items()}
_WHERE = {
  'live': ('in', 'in', 'near'),
  'put': ('on', 'on', 'in', 'under', 'next to'),
  'come': ('into', 'out of', 'to', 'through'),
  'swim': ('near',),
}
_FOR_VERBS = frozenset(words('buy write paint look_for sing work repair'))

_DAYS = tuple(
  key for key in lexicon.TIMES if key.endswith('day') and key[:2] == 'on'
)
_CLOCK = tuple(key for key in lexicon.TIMES if key.startswith('at '))
_YEARS = tuple(key for key in lexicon.TIMES if key[-1].isdigit())
_SEASONS = ('in summer', 'in winter')
_DAYTIME = ('in the morning', 'in the evening')
_ANY_DAY = (*_DAYS, *_CLOCK, *_DAYTIME)
_TIMES: dict[Tense, tuple[str, ...]] = {
  'present': (
    *('now', 'today', 'every day') * 4, *_ANY_DAY, *_SEASONS * 2
  ),
  'past': (*('yesterday',) * 10, *_ANY_DAY, *_SEASONS, *_YEARS),
  'perfect': ('today',),
  'future': (*('tomorrow',) * 10, 'today', *_ANY_DAY),
}  # fmt: skip
_FREQUENCIES: dict[Tense, tuple[str, ...]] = {
  'present': ('often', 'always', 'never', 'sometimes'),
  'past': ('often', 'always', 'never', 'sometimes'),
  'perfect': ('already', 'already', 'often', 'never'),
}


@functools.cache
def verbs_for(
  kinds: frozenset[str], frames: frozenset[str] = _FRAMES
) -> tuple[str, ...]:
  """The verbs of these frames that a subject of these kinds may have."""
  verbs = [
    key
    for key, verb in lexicon.VERBS.items()
    if verb.frame in frames and phrases.fits(verb.subjects, kinds)
  ]
  # Separable verbs have twice the forms, so they come twice as often.
  return (*verbs, *(key for key in verbs if lexicon.VERBS[key].prefix))


def tense_for(rng: random.Random, verb: str, subject: Nominal) -> Tense:
  """A tense that is told apart in English and natural in German."""
  tense = rng.choice(_TENSES)
  if verb in STATES and tense in ('perfect', 'future'):
    tense = 'present'
  if tense == 'past' and not allows_past(verb, subject):
    return 'perfect' if verb not in STATES else 'present'
  return tense


def allows_past(verb: str, subject: Nominal) -> bool:
  """Whether the simple past may be used.

  "They read", "they put" could be present or past. "Du schliefst" is correct
  but hardly ever said.
  """
  forms = lexicon.VERBS[verb]
  return forms.base != forms.past and subject != Pronoun('you')


def verb_clause(
  rng: random.Random,
  actor: Actor,
  verb: str,
  tense: Tense,
  negated: bool = False,
  modal: str = '',
  short: bool = False,
) -> Clause:
  """A clause around a verb; `short` leaves out what can be left out."""
  frame = lexicon.VERBS[verb].frame
  where = _place(rng, verb, frame, short)
  manner = ''
  if verb in MANNERS and where is None and not short and rng.random() < 0.25:
    manner = rng.choice(MANNERS[verb])
  time, frequency = '', ''
  if not short:
    time, frequency = adverbial(rng, tense, negated, modal)
  subject = actor.nominal
  accusative = _accusative(rng, verb, frame, subject, negated)
  return Clause(
    verb=verb,
    subject=subject,
    tense=tense,
    modal=modal,
    negated=negated,
    accusative=accusative,
    dative=_dative(rng, verb, frame, subject, negated),
    place=where,
    manner=manner,
    time=time,
    frequency=frequency,
  )


def any_clause(
  rng: random.Random, actor: Actor, short: bool = False, modals: bool = True
) -> Clause:
  """A clause with any verb, tense, polarity and modal."""
  verb = rng.choice(verbs_for(actor.kinds))
  tense = tense_for(rng, verb, actor.nominal)
  animate = not actor.kinds.isdisjoint(('person', 'animal'))
  modal = ''
  if modals and animate and verb not in STATES and rng.random() < 0.17:
    past = rng.random() < 0.3 and actor.nominal != Pronoun('you')
    tense = 'past' if past else 'present'
    modal = modal_for(rng, tense)
  negated = may_negate(actor.nominal) and rng.random() < 0.14
  return verb_clause(rng, actor, verb, tense, negated, modal, short)


def modal_for(rng: random.Random, tense: Tense) -> str:
  """A modal verb; "should" has no past."""
  if tense == 'past':
    return rng.choice(('can', 'must', 'want'))
  return rng.choice(('can', 'must', 'want', 'should'))


def may_negate(subject: Nominal) -> bool:
  """False for "every dog", "no dog": their negation has two readings."""
  if not isinstance(subject, NounPhrase):
    return True
  quantified = subject.determiner in ('every', 'no', 'many')
  return not quantified and not subject.count


def adverbial(
  rng: random.Random, tense: Tense, negated: bool, modal: str = ''
) -> tuple[str, str]:
  """A time and a frequency, at most one of which is not empty."""
  draw = rng.random()
  if draw < 0.27 and not (modal and tense == 'past'):
    time = rng.choice(_TIMES['future' if modal else tense])
    # "Not every day" is not "every day not".
    return ('' if negated and time == 'every day' else time), ''
  if draw < 0.4 and not negated and not modal and tense in _FREQUENCIES:
    return '', rng.choice(_FREQUENCIES[tense])
  return '', ''


def _place(
  rng: random.Random, verb: str, frame: str, short: bool
) -> Prepositional | None:
  if frame in ('goal', 'site', 'put'):
    usual = places.GOALS if frame == 'goal' else places.SITES
    return places.place(rng, rng.choice(_WHERE.get(verb, usual)))
  if short or frame not in ('none', 'acc') or rng.random() < 0.65:
    return None
  if frame == 'none' or rng.random() < 0.4:
    if rng.random() < 0.25:
      return _company(rng, rng.choice(('with', 'without')))
    return places.place(rng, rng.choice(_WHERE.get(verb, places.SITES)))
  return _company(rng, 'for') if verb in _FOR_VERBS else None


def _company(rng: random.Random, preposition: str) -> Prepositional:
  if preposition == 'with' and rng.random() < 0.3:
    nouns = phrases.nouns_of(frozenset(('animal',)))
    return Prepositional('with', phrases.definite(rng, nouns))
  return Prepositional(preposition, phrases.person(rng, oblique=True))


def _accusative(
  rng: random.Random, verb: str, frame: str, subject: Nominal, negated: bool
) -> Nominal | None:
  if frame not in ('acc', 'both', 'put'):
    return None
  wanted = lexicon.VERBS[verb].objects
  nouns = phrases.nouns_of(wanted)
  if frame == 'acc' and phrases.fits(wanted, phrases.PERSON):
    draw = rng.random()
    if draw < 0.2:
      return phrases.object_pronoun(rng, subject)
    if draw < 0.3:
      return phrases.person(rng, subject)
  return phrases.noun_phrase(rng, nouns, plain=negated, subject=subject)


def _dative(
  rng: random.Random, verb: str, frame: str, subject: Nominal, negated: bool
) -> Nominal | None:
  if frame not in ('dat', 'owner', 'both'):
    return None
  if rng.random() < 0.3:
    return phrases.object_pronoun(rng, subject)
  if frame == 'both':
    return phrases.definite(rng, phrases.nouns_of(phrases.PERSON))
  if frame == 'owner':
    return phrases.person(rng, oblique=True)
  nouns = phrases.nouns_of(lexicon.VERBS[verb].objects)
  return phrases.noun_phrase(rng, nouns, negated, subject, oblique=True)
