"""German noun phrases: gender, case, adjective endings, contractions."""

from typing import Literal, TypeAlias

from t2t_jax.data.grammar import lexicon
from t2t_jax.data.grammar.meaning import (
  Interrogative,
  Name,
  Nominal,
  NounPhrase,
  Pair,
  Prepositional,
  Pronoun,
  RelativePronoun,
)
from t2t_jax.data.grammar.numerals import german_number
from t2t_jax.data.grammar.text import join

Case: TypeAlias = Literal['nominative', 'accusative', 'dative', 'genitive']


def _cases(forms: str) -> dict[str, str]:
  """The four cases of one gender; '-' stands for no ending."""
  names = ('nominative', 'accusative', 'dative', 'genitive')
  endings = (form.replace('-', '') for form in forms.split())
  return dict(zip(names, endings, strict=True))


def _genders(m: str, f: str, n: str, plural: str) -> dict[str, dict[str, str]]:
  tables = {'m': m, 'f': f, 'n': n, 'plural': plural}
  return {key: _cases(forms) for key, forms in tables.items()}


_DEFINITE = _genders(
  'der den dem des', 'die die der der', 'das das dem des', 'die die den der'
)
_RELATIVE = _genders(
  'der den dem dessen',
  'die die der deren',
  'das das dem dessen',
  'die die denen deren',
)
# Endings of dies-, jed-, welch-, and of ein-, kein-, mein-.
_DIES = _genders(
  'er en em es', 'e e er er', 'es es em es', 'e e en er'
)  # fmt: skip
_EIN = _genders('- en em es', 'e e er er', '- - em es', 'e e en er')
# Endings of an adjective: behind der and dies-, behind ein-, behind neither.
_WEAK = _genders(
  'e en en en', 'e e en en', 'e e en en', 'en en en en'
)  # fmt: skip
_MIXED = _genders(
  'er en en en', 'e e en en', 'es es en en', 'en en en en'
)  # fmt: skip
_STRONG = _genders(
  'er en em en', 'e e er er', 'es es em en', 'e e en er'
)  # fmt: skip

_DIES_STEMS = {'this': 'dies', 'every': 'jed', 'which': 'welch'}
_EIN_STEMS = {
  'a': 'ein',
  'no': 'kein',
  'my': 'mein',
  'your': 'dein',
  'his': 'sein',
  'her': 'ihr',
  'our': 'unser',
  'their': 'ihr',
}
_ITS_STEMS = {'m': 'sein', 'n': 'sein', 'f': 'ihr'}

_PRONOUNS = {
  'I': _cases('ich mich mir meiner'),
  'you': _cases('du dich dir deiner'),
  'he': _cases('er ihn ihm seiner'),
  'she': _cases('sie sie ihr ihrer'),
  'we': _cases('wir uns uns unser'),
  'they': _cases('sie sie ihnen ihrer'),
  'there': _cases('es es ihm seiner'),
}
_IT = {
  'm': _PRONOUNS['he'],
  'f': _PRONOUNS['she'],
  'n': _cases('es es ihm seiner'),
}
_INTERROGATIVES = {
  'who': _cases('wer wen wem wessen'),
  'what': _cases('was was was wessen'),
}
_CONTRACTIONS = {
  ('in', 'dem'): 'im',
  ('in', 'das'): 'ins',
  ('an', 'dem'): 'am',
  ('zu', 'dem'): 'zum',
  ('zu', 'der'): 'zur',
  ('bei', 'dem'): 'beim',
}


def nominal(phrase: Nominal, case: Case) -> str:
  """Any phrase in a case, without its relative clause."""
  match phrase:
    case NounPhrase():
      return _noun_phrase(phrase, case)
    case Name(name):
      return f'{name}s' if case == 'genitive' else name
    case Pronoun('it', gender):
      return _IT[gender][case]
    case Pronoun(word):
      return _PRONOUNS[word][case]
    case Interrogative(word):
      return _INTERROGATIVES[word][case]
    case RelativePronoun(noun, plural):
      return _RELATIVE[_gender(noun, plural)][case]
    case Pair(first, second):
      return join(nominal(first, case), 'und', nominal(second, case))


def prepositional(phrase: Prepositional, moves: bool) -> str:
  """A preposition with its phrase, contracted ("im") where that is usual.

  Args:
    phrase: the preposition and what it governs.
    moves: whether the verb says where something goes rather than where it is.
  """
  preposition, governed = lexicon.PREPOSITIONS[phrase.preposition]
  accusative = governed == 'accusative' or (governed == 'either' and moves)
  words = nominal(phrase.nominal, 'accusative' if accusative else 'dative')
  article, _, rest = words.partition(' ')
  contracted = _CONTRACTIONS.get((preposition, article))
  if contracted and _plain_definite(phrase.nominal):
    return f'{contracted} {rest}'
  return f'{preposition} {words}'


def _plain_definite(phrase: Nominal) -> bool:
  # A relative clause makes the article point: "in dem Haus, das ...".
  return (
    isinstance(phrase, NounPhrase)
    and phrase.determiner == 'the'
    and phrase.relative is None
  )


def _gender(noun: str, plural: bool) -> str:
  return 'plural' if plural else lexicon.NOUNS[noun].gender


def _noun_phrase(phrase: NounPhrase, case: Case) -> str:
  gender = _gender(phrase.noun, phrase.plural)
  determiner, endings = _determiner(phrase, gender, case)
  count = german_number(phrase.count) if phrase.count else ''
  ending = endings[gender][case]
  adjectives = [
    lexicon.ADJECTIVES[adjective].stem + ending
    for adjective in phrase.adjectives
  ]
  words = join(determiner, count, *adjectives, _noun(phrase, case))
  if isinstance(phrase.possessor, NounPhrase):
    return join(words, nominal(phrase.possessor, 'genitive'))
  return words


def _determiner(
  phrase: NounPhrase, gender: str, case: Case
) -> tuple[str, dict[str, dict[str, str]]]:
  """The determiner and the adjective endings that follow it."""
  determiner = phrase.determiner
  if isinstance(phrase.possessor, Name):
    return f'{phrase.possessor.name}s', _STRONG
  if determiner == 'the':
    return _DEFINITE[gender][case], _WEAK
  if determiner == 'many':
    return f'viel{_STRONG[gender][case]}', _STRONG
  if determiner == 'bare' or (determiner == 'a' and phrase.plural):
    return '', _STRONG
  if determiner in _DIES_STEMS:
    return _DIES_STEMS[determiner] + _DIES[gender][case], _WEAK
  stem = _EIN_STEMS.get(determiner) or _ITS_STEMS[phrase.owner]
  return stem + _EIN[gender][case], _MIXED


def _noun(phrase: NounPhrase, case: Case) -> str:
  noun = lexicon.NOUNS[phrase.noun]
  if phrase.plural:
    plural = noun.german_plural
    if case == 'dative' and not plural.endswith(('n', 's')):
      return f'{plural}n'
    return plural
  if case == 'genitive' or (noun.weak and case != 'nominative'):
    return noun.german_genitive
  return noun.german
