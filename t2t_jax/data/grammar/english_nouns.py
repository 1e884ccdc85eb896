"""English noun phrases: articles, possessives, pronouns."""

from t2t_jax.data.grammar import lexicon
from t2t_jax.data.grammar.meaning import (
  Interrogative,
  Name,
  Nominal,
  NounPhrase,
  Pair,
  Pronoun,
  RelativePronoun,
)
from t2t_jax.data.grammar.numerals import english_number
from t2t_jax.data.grammar.text import join

_OBJECT_FORMS = {
  'I': 'me', 'he': 'him', 'she': 'her', 'we': 'us', 'they': 'them',
}  # fmt: skip
_PLURAL_DETERMINERS = {'this': 'these', 'a': '', 'bare': ''}


def nominal(phrase: Nominal, is_object: bool) -> str:
  """Any phrase as subject or object, without its relative clause."""
  match phrase:
    case Name(name):
      return name
    case Pronoun(word):
      return _OBJECT_FORMS.get(word, word) if is_object else word
    case Interrogative(word):
      return 'whom' if word == 'who' and is_object else word
    case RelativePronoun(noun):
      if 'person' not in lexicon.NOUNS[noun].kinds:
        return 'that'
      return 'whom' if is_object else 'who'
    case Pair(first, second):
      return join(nominal(first, is_object), 'and', nominal(second, True))
  return _noun_phrase(phrase)


def _noun_phrase(phrase: NounPhrase) -> str:
  noun = lexicon.NOUNS[phrase.noun]
  count = english_number(phrase.count) if phrase.count else ''
  form = noun.plural if phrase.plural else phrase.noun
  words = join(count, *phrase.adjectives, form)
  return join(_determiner(phrase, words), words, _of(phrase.possessor))


def _determiner(phrase: NounPhrase, following: str) -> str:
  if phrase.possessor is not None and _takes_apostrophe(phrase.possessor):
    owner = nominal(phrase.possessor, is_object=False)
    return f"{owner}'" if owner.endswith('s') else f"{owner}'s"
  if phrase.plural or phrase.determiner == 'bare':
    return _PLURAL_DETERMINERS.get(phrase.determiner, phrase.determiner)
  if phrase.determiner == 'a' and following[0] in 'aeiou':
    return 'an'
  return phrase.determiner


def _takes_apostrophe(possessor: NounPhrase | Name) -> bool:
  if isinstance(possessor, Name):
    return True
  return 'person' in lexicon.NOUNS[possessor.noun].kinds


def _of(possessor: NounPhrase | Name | None) -> str:
  if possessor is None or _takes_apostrophe(possessor):
    return ''
  return f'of {nominal(possessor, is_object=True)}'
