"""German verb forms, derived from the principal parts in the lexicon."""

from t2t_jax.data.grammar import lexicon
from t2t_jax.data.grammar.text import words

# ich, du, er, wir, sie. The present of "wissen" follows the modals' pattern
# and needs no entry.
_AUXILIARIES = {
  'haben': words('habe hast hat haben haben'),
  'sein': words('bin bist ist sind sind'),
  'werden': words('werde wirst wird werden werden'),
}


def auxiliary(infinitive: str, person: int, plural: bool) -> str:
  """The present of "haben", "sein" or "werden"."""
  return _AUXILIARIES[infinitive][_column(person, plural)]


def modal(key: str, past: bool, person: int, plural: bool) -> str:
  """The present or past of a modal, a key of `lexicon.MODALS`."""
  infinitive, present, preterite = lexicon.MODALS[key]
  if past:
    return _past(preterite, person, plural)
  return _present(infinitive, present, person, plural)


def finite(key: str, past: bool, person: int, plural: bool) -> str:
  """The present or past of a verb, without its separable prefix."""
  verb = lexicon.VERBS[key]
  if past:
    return _past(verb.german_past, person, plural)
  if verb.infinitive in _AUXILIARIES:
    return auxiliary(verb.infinitive, person, plural)
  return _present(verb.infinitive, verb.german_present, person, plural)


def _column(person: int, plural: bool) -> int:
  if plural:
    return 3 if person == 1 else 4
  return person - 1


def _present(infinitive: str, third: str, person: int, plural: bool) -> str:
  if plural:
    return infinitive
  if person == 3:
    return third
  # "kann", "weiß": past forms used as presents, first and third person equal.
  like_modal = not third.endswith('t')
  if person == 1:
    return third if like_modal else infinitive.removesuffix('n')
  stem = third if like_modal else third.removesuffix('t')
  return f'{stem}{_du_ending(stem)}'


def _past(form: str, person: int, plural: bool) -> str:
  if plural:
    return f'{form}n' if form.endswith('e') else f'{form}en'
  if person == 2:
    # The past keeps the e that the present leaves out: "du aßest".
    linking = 'e' if form.endswith(('s', 'ß', 't', 'd')) else ''
    return f'{form}{linking}st'
  return form


def _du_ending(stem: str) -> str:
  return 't' if stem.endswith(('s', 'ß', 'z')) else 'st'
