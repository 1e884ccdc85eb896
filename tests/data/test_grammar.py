"""Tests of the generated English-German corpus."""

import dataclasses
import itertools
import zlib

import pytest

from t2t_jax.data import grammar
from t2t_jax.data.grammar import german_verbs, lexicon, numerals
from t2t_jax.data.grammar.meaning import (
  Clause,
  Complex,
  Coordinate,
  Interrogative,
  Name,
  NounPhrase,
  Pair,
  Predicate,
  Prepositional,
  Pronoun,
  RelativePronoun,
  Sentence,
  Simple,
)

NP = NounPhrase
I, YOU, HE, SHE, WE, THEY = (  # noqa: E741
  Pronoun(word) for word in ('I', 'you', 'he', 'she', 'we', 'they')
)
MAN, WOMAN, DOG = NP('man'), NP('woman'), NP('dog')


def at(preposition: str, noun: NounPhrase | Name) -> Prepositional:
  return Prepositional(preposition, noun)


def is_(adjective: str) -> Predicate:
  return Predicate('adjective', adjective)


# A checksum of the first 1,000 training pairs of seed 0.
FINGERPRINT = 1359071671

GOLD: list[tuple[Sentence, str, str]] = [
  # Gender, number and case of the articles.
  (
    Simple(Clause('see', MAN, accusative=DOG)),
    'The man sees the dog.',
    'Der Mann sieht den Hund.',
  ),
  (
    Simple(Clause('see', NP('cat', 'a'), accusative=NP('horse', 'a'))),
    'A cat sees a horse.',
    'Eine Katze sieht ein Pferd.',
  ),
  (
    Simple(Clause('eat', NP('child', 'the', True), accusative=NP('egg', 'a'))),
    'The children eat an egg.',
    'Die Kinder essen ein Ei.',
  ),
  # Dative verbs, the dative plural's n, the n-declension.
  (
    Simple(Clause('help', WOMAN, dative=NP('child', 'the', True))),
    'The woman helps the children.',
    'Die Frau hilft den Kindern.',
  ),
  (
    Simple(Clause('thank', NP('boy'), dative=NP('neighbour', 'our'))),
    'The boy thanks our neighbour.',
    'Der Junge dankt unserem Nachbarn.',
  ),
  # Dative before accusative; two pronouns the other way round.
  (
    Simple(Clause('give', MAN, dative=WOMAN, accusative=NP('book', 'a'))),
    'The man gives the woman a book.',
    'Der Mann gibt der Frau ein Buch.',
  ),
  (
    Simple(Clause('show', I, dative=Name('Anna'), accusative=NP('key', 'my'))),
    'I show Anna my key.',
    'Ich zeige Anna meinen Schlüssel.',
  ),
  (
    Simple(Clause('show', SHE, dative=HE, accusative=Pronoun('it', 'n'))),
    'She shows him it.',
    'Sie zeigt es ihm.',
  ),
  # Weak, mixed and strong adjective endings.
  (
    Simple(
      Clause(
        'follow',
        NP('dog', 'the', adjectives=('small', 'black')),
        dative=NP('cat', 'this', adjectives=('old',)),
      )
    ),
    'The small black dog follows this old cat.',
    'Der kleine schwarze Hund folgt dieser alten Katze.',
  ),
  (
    Simple(
      Clause(
        'buy',
        NP('man', 'a', adjectives=('poor',)),
        accusative=NP('shirt', 'a', adjectives=('expensive',)),
      )
    ),
    'A poor man buys an expensive shirt.',
    'Ein armer Mann kauft ein teures Hemd.',
  ),
  (
    Simple(
      Clause(
        'drink',
        NP('child', 'many', True, ('tired',)),
        accusative=NP('water', 'bare', adjectives=('cold',)),
      )
    ),
    'Many tired children drink cold water.',
    'Viele müde Kinder trinken kaltes Wasser.',
  ),
  (
    Simple(Clause('help', I, dative=NP('dog', 'bare', True, ('old',), 3))),
    'I help three old dogs.',
    'Ich helfe drei alten Hunden.',
  ),
  # The genitive, before and after its noun.
  (
    Simple(
      Clause(
        'repair',
        I,
        accusative=NP('car', possessor=NP('doctor', 'a', False, ('old',))),
      )
    ),
    "I repair an old doctor's car.",
    'Ich repariere das Auto eines alten Arztes.',
  ),
  (
    Simple(
      Clause(
        'be',
        NP('door', 'the', False, ('old',), possessor=NP('house')),
        predicate=is_('heavy'),
      )
    ),
    'The old door of the house is heavy.',
    'Die alte Tür des Hauses ist schwer.',
  ),
  (
    Simple(
      Clause('sleep', NP('dog', adjectives=('old',), possessor=Name('Maria')))
    ),
    "Maria's old dog sleeps.",
    'Marias alter Hund schläft.',
  ),
  (
    Simple(
      Clause('sell', WE, accusative=NP('car', possessor=NP('son', 'the', True)))
    ),
    "We sell the sons' car.",
    'Wir verkaufen das Auto der Söhne.',
  ),
  # Tenses; both perfect auxiliaries; separable verbs in each of them.
  (
    Simple(Clause('sleep', DOG, 'past')),
    'The dog slept.',
    'Der Hund schlief.',
  ),
  (
    Simple(Clause('run', DOG, 'perfect', place=at('into', NP('house')))),
    'The dog has run into the house.',
    'Der Hund ist ins Haus gelaufen.',
  ),
  (
    Simple(Clause('open', SHE, accusative=NP('door'))),
    'She opens the door.',
    'Sie macht die Tür auf.',
  ),
  (
    Simple(Clause('open', SHE, 'perfect', accusative=NP('door'))),
    'She has opened the door.',
    'Sie hat die Tür aufgemacht.',
  ),
  (
    Simple(Clause('invite', YOU, 'future', accusative=THEY)),
    'You will invite them.',
    'Du wirst sie einladen.',
  ),
  (
    Simple(Clause('pick_up', YOU, accusative=HE)),
    'You pick him up.',
    'Du holst ihn ab.',
  ),
  (
    Simple(Clause('get_up', THEY, 'perfect')),
    'They have got up.',
    'Sie sind aufgestanden.',
  ),
  # Modals, "have to" included.
  (
    Simple(Clause('call', I, modal='must', accusative=NP('mother', 'my'))),
    'I must call my mother.',
    'Ich muss meine Mutter anrufen.',
  ),
  (
    Simple(Clause('work', HE, modal='must', negated=True)),
    'He does not have to work.',
    'Er muss nicht arbeiten.',
  ),
  (
    Simple(Clause('swim', THEY, 'past', 'want')),
    'They wanted to swim.',
    'Sie wollten schwimmen.',
  ),
  (
    Simple(Clause('see', WE, modal='can', negated=True, accusative=YOU)),
    'We cannot see you.',
    'Wir können dich nicht sehen.',
  ),
  # Negation by "kein" and by "nicht", and where "nicht" stands.
  (
    Simple(Clause('buy', HE, negated=True, accusative=NP('coat', 'a'))),
    'He does not buy a coat.',
    'Er kauft keinen Mantel.',
  ),
  (
    Simple(Clause('find', HE, 'past', negated=True, accusative=NP('key'))),
    'He did not find the key.',
    'Er fand den Schlüssel nicht.',
  ),
  (
    Simple(Clause('sleep', DOG, negated=True, place=at('in', NP('garden')))),
    'The dog does not sleep in the garden.',
    'Der Hund schläft nicht im Garten.',
  ),
  (
    Simple(Clause('close', I, negated=True, accusative=NP('window'))),
    'I do not close the window.',
    'Ich mache das Fenster nicht zu.',
  ),
  (
    Simple(
      Clause(
        'be',
        HE,
        negated=True,
        predicate=Predicate('noun', nominal=NP('cook', 'a', False, ('old',))),
      )
    ),
    'He is not an old cook.',
    'Er ist kein alter Koch.',
  ),
  (
    Simple(Clause('laugh', NP('woman', 'no'))),
    'No woman laughs.',
    'Keine Frau lacht.',
  ),
  # Two-way prepositions: where it is, where it goes; contractions.
  (
    Simple(Clause('lie', NP('book'), place=at('on', NP('table')))),
    'The book lies on the table.',
    'Das Buch liegt auf dem Tisch.',
  ),
  (
    Simple(
      Clause('put', I, accusative=NP('book'), place=at('on', NP('table')))
    ),
    'I put the book on the table.',
    'Ich lege das Buch auf den Tisch.',
  ),
  (
    Simple(Clause('go', SHE, place=at('to', NP('school')))),
    'She goes to the school.',
    'Sie geht zur Schule.',
  ),
  (
    Simple(Clause('dance', SHE, place=at('without', NP('brother', 'her')))),
    'She dances without her brother.',
    'Sie tanzt ohne ihren Bruder.',
  ),
  # Time and frequency: their place, and the verb second behind them.
  (
    Simple(
      Clause('buy', MAN, 'past', accusative=NP('car'), time='yesterday'),
      time_first=True,
    ),
    'Yesterday the man bought the car.',
    'Gestern kaufte der Mann das Auto.',
  ),
  (
    Simple(Clause('buy', MAN, 'past', accusative=NP('car'), time='in 1999')),
    'The man bought the car in 1999.',
    'Der Mann kaufte im Jahr 1999 das Auto.',
  ),
  (
    Simple(Clause('visit', I, accusative=SHE, time="at three o'clock")),
    "I visit her at three o'clock.",
    'Ich besuche sie um drei Uhr.',
  ),
  (
    Simple(
      Clause(
        'read', WE, 'perfect', accusative=NP('letter'), frequency='already'
      )
    ),
    'We have already read the letter.',
    'Wir haben schon den Brief gelesen.',
  ),
  # Numbers, age, comparison, existence.
  (
    Simple(Clause('be', HE, predicate=Predicate('age', years=21))),
    'He is twenty-one years old.',
    'Er ist einundzwanzig Jahre alt.',
  ),
  (
    Simple(
      Clause('be', DOG, predicate=Predicate('comparative', 'big', NP('cat')))
    ),
    'The dog is bigger than the cat.',
    'Der Hund ist größer als die Katze.',
  ),
  (
    Simple(
      Clause('be', SHE, predicate=Predicate('equative', 'clever', NP('queen')))
    ),
    'She is as clever as the queen.',
    'Sie ist so klug wie die Königin.',
  ),
  (
    Simple(
      Clause(
        'exist',
        Pronoun('there'),
        'past',
        negated=True,
        accusative=NP('bear', 'a'),
        place=at('near', NP('river')),
      )
    ),
    'There was not a bear near the river.',
    'Es gab keinen Bären beim Fluss.',
  ),
  # Questions.
  (
    Simple(Clause('read', YOU, 'perfect', accusative=NP('book')), 'polar'),
    'Have you read the book?',
    'Hast du das Buch gelesen?',
  ),
  (
    Simple(Clause('see', Interrogative('who'), 'past', accusative=I), 'phrase'),
    'Who saw me?',
    'Wer sah mich?',
  ),
  (
    Simple(Clause('help', MAN, dative=Interrogative('who')), 'phrase'),
    'Whom does the man help?',
    'Wem hilft der Mann?',
  ),
  (
    Simple(
      Clause('need', THEY, accusative=NP('lamp', 'which', True)), 'phrase'
    ),
    'Which lamps do they need?',
    'Welche Lampen brauchen sie?',
  ),
  (
    Simple(Clause('drive', HE), 'where'),
    'Where does he drive?',
    'Wohin fährt er?',
  ),
  (
    Simple(Clause('live', HE), 'where'),
    'Where does he live?',
    'Wo wohnt er?',
  ),
  # Subordinate clauses: the verb last, "wenn" and "als", gender of "it".
  (
    Complex(
      Clause('sleep', DOG),
      'because',
      Clause('be', Pronoun('it', 'm'), predicate=is_('tired')),
    ),
    'The dog sleeps because it is tired.',
    'Der Hund schläft, weil er müde ist.',
  ),
  (
    Complex(
      Clause('eat', Pronoun('it', 'f'), 'past', accusative=NP('cake')),
      'when',
      Clause('wake_up', NP('cat'), 'past'),
      subordinate_first=True,
    ),
    'When the cat woke up, it ate the cake.',
    'Als die Katze aufwachte, aß sie den Kuchen.',
  ),
  (
    Complex(
      Clause('laugh', WE),
      'when',
      Clause('open', HE, accusative=NP('suitcase', 'his')),
    ),
    'We laugh when he opens his suitcase.',
    'Wir lachen, wenn er seinen Koffer aufmacht.',
  ),
  (
    Complex(
      Clause('believe', I),
      'that',
      Clause('work', Pair(MAN, Name('Anna')), 'perfect'),
    ),
    'I believe that the man and Anna have worked.',
    'Ich glaube, dass der Mann und Anna gearbeitet haben.',
  ),
  (
    Complex(
      Clause('ask', SHE, 'past', accusative=I),
      'whether',
      Clause('invite', I, modal='can', accusative=Name('Paul')),
    ),
    'She asked me whether I can invite Paul.',
    'Sie fragte mich, ob ich Paul einladen kann.',
  ),
  (
    Complex(
      Clause('go', HE, place=at('into', NP('kitchen'))),
      'in order to',
      Clause('close', HE, accusative=NP('window')),
    ),
    'He goes into the kitchen in order to close the window.',
    'Er geht in die Küche, um das Fenster zuzumachen.',
  ),
  # Relative clauses.
  (
    Simple(
      Clause(
        'know',
        NP('man', relative=Clause('sing', RelativePronoun('man'))),
        accusative=NP('queen'),
      )
    ),
    'The man who sings knows the queen.',
    'Der Mann, der singt, kennt die Königin.',
  ),
  (
    Simple(
      Clause(
        'love',
        I,
        accusative=NP(
          'child',
          'the',
          True,
          relative=Clause('help', SHE, dative=RelativePronoun('child', True)),
        ),
      )
    ),
    'I love the children whom she helps.',
    'Ich liebe die Kinder, denen sie hilft.',
  ),
  (
    Simple(
      Clause(
        'lie',
        NP('book'),
        place=at(
          'in',
          NP(
            'house',
            relative=Clause('see', WE, accusative=RelativePronoun('house')),
          ),
        ),
      )
    ),
    'The book lies in the house that we see.',
    'Das Buch liegt in dem Haus, das wir sehen.',
  ),
  # Coordination.
  (
    Coordinate(
      Clause('buy', MAN, 'past', accusative=NP('apple', 'a')),
      'and',
      Clause('eat', MAN, 'past', accusative=Pronoun('it', 'm')),
      shared_subject=True,
    ),
    'The man bought an apple and ate it.',
    'Der Mann kaufte einen Apfel und aß ihn.',
  ),
  (
    Coordinate(
      Clause('sleep', NP('mouse', 'the', True)),
      'but',
      Clause('look_for', NP('cat'), accusative=THEY),
    ),
    'The mice sleep, but the cat looks for them.',
    'Die Mäuse schlafen, aber die Katze sucht sie.',
  ),
  # What belongs to "its" takes the gender of the owner.
  (
    Simple(
      Clause('look_for', NP('cow'), accusative=NP('ball', 'its', owner='f'))
    ),
    'The cow looks for its ball.',
    'Die Kuh sucht ihren Ball.',
  ),
]


@pytest.fixture(scope='module')
def train() -> list[tuple[Sentence, str, str]]:
  meanings = grammar.generate_meanings('train', 0, 20_000)
  return [(m, grammar.english(m), grammar.german(m)) for m in meanings]


@pytest.fixture(scope='module')
def heldout() -> list[tuple[Sentence, str, str]]:
  meanings = grammar.generate_meanings('heldout', 0, 5_000)
  return [(m, grammar.english(m), grammar.german(m)) for m in meanings]


@pytest.fixture(scope='module')
def dev() -> list[tuple[str, str]]:
  return list(grammar.generate('dev', 0, 1_000))


@pytest.mark.parametrize(('meaning', 'english', 'german'), GOLD)
def test_gold_sentences(meaning: Sentence, english: str, german: str) -> None:
  assert grammar.english(meaning) == english
  assert grammar.german(meaning) == german


@pytest.mark.parametrize('split', grammar.SPLITS)
def test_same_arguments_give_the_same_prefix(split: str) -> None:
  longer = list(grammar.generate(split, 3, 60))
  assert len(longer) == 60
  assert list(grammar.generate(split, 3, 25)) == longer[:25]
  assert list(grammar.generate(split, 4, 60)) != longer


def test_the_corpus_is_the_same_in_every_version() -> None:
  text = '\n'.join(map('\t'.join, grammar.generate('train', 0, 1_000)))
  assert zlib.crc32(text.encode()) == FINGERPRINT, (
    'The generated corpus has changed: results of older runs on it cannot be '
    'compared any more. If that is meant, update FINGERPRINT.'
  )


def test_every_english_sentence_has_one_translation(train, heldout, dev):
  others = grammar.generate('train', 1, 26_000)
  pairs = itertools.chain(
    others, dev, (pair for _, *pair in train), (pair for _, *pair in heldout)
  )
  translations: dict[str, str] = {}
  count = 0
  for english, german in pairs:
    assert translations.setdefault(english, german) == german, english
    count += 1
  assert count >= 50_000


def test_present_and_past_are_told_apart_in_english(train):
  """Random pairs seldom collide, so both tenses of each are compared."""
  for meaning, english, _ in train:
    if isinstance(meaning, Simple) and meaning.clause.tense == 'past':
      clause = dataclasses.replace(meaning.clause, tense='present')
      present = dataclasses.replace(meaning, clause=clause)
      assert grammar.english(present) != english


def test_splits_share_no_sentence(train, heldout, dev):
  english_train = {english for _, english, _ in train}
  english_heldout = {english for _, english, _ in heldout}
  english_dev = {english for english, _ in dev}
  assert not english_train & english_heldout
  assert not english_train & english_dev
  assert not english_heldout & english_dev


def test_heldout_sentences_have_a_combination_training_never_shows(
  train, heldout
):
  seen = set().union(*(grammar.combos(meaning) for meaning, _, _ in train))
  for meaning, english, _ in heldout:
    assert grammar.combos(meaning) - seen, english
  assert not any(grammar.is_heldout(meaning) for meaning, _, _ in train)


def test_combinations_name_the_words_of_the_sentence():
  dog = NP('dog', adjectives=('old',), possessor=NP('man', 'the'))
  place = at('in', NP('garden', adjectives=('big',)))
  meaning = Simple(
    Clause('see', dog, accusative=NP('cat'), place=place, modal='can'),
    'where',
  )
  assert grammar.combos(meaning) == {
    ('structure', 'see', 'modal', 'question'),
    ('subject', 'dog', 'see'),
    ('object', 'see', 'cat'),
    ('adjective', 'old', 'dog'),
    ('adjective', 'big', 'garden'),
    ('preposition', 'in', 'garden'),
  }


def _forms(sentence: str) -> set[str]:
  # The capital of the first word is the sentence's, not the word's.
  sentence = sentence[0].lower() + sentence[1:]
  return {word.strip('.,?').lower() for word in sentence.split()}


def test_every_heldout_word_form_occurs_in_training(train, heldout):
  for side in (1, 2):
    seen = set().union(*(_forms(entry[side]) for entry in train))
    unseen = set().union(*(_forms(entry[side]) for entry in heldout)) - seen
    assert not unseen


def test_sentences_are_short_varied_and_well_formed(train):
  lengths = [len(english.split()) for _, english, _ in train]
  assert 7 <= sum(lengths) / len(lengths) <= 10
  assert sum(length > 18 for length in lengths) < 0.01 * len(lengths)
  assert len({english for _, english, _ in train}) > 0.9 * len(train)
  for _, *pair in train:
    for sentence in pair:
      assert sentence[0].isupper() and sentence[-1] in '.?'
      assert '  ' not in sentence and ' ,' not in sentence
      assert ',,' not in sentence and ',.' not in sentence
      assert '-' not in sentence.split()


def test_german_sentences_agree_with_independent_rules(train):
  """Rules that the realiser does not use, checked on its output."""
  for meaning, english, german in train:
    words = german.rstrip('.?').split()
    assert ('?' in english) == ('?' in german)
    for conjunction in ('weil', 'dass', 'obwohl', 'ob', 'bevor'):
      if conjunction in words[1:]:
        before = words[words.index(conjunction) - 1]
        assert before.endswith(','), german
    assert not {'dem', 'das'} & {
      word
      for preposition, word in itertools.pairwise(words)
      if preposition == 'in'
    }, (german, meaning)


def test_present_and_past_of_irregular_verbs():
  cases = {
    ('read', False, 2): 'liest',
    ('eat', False, 2): 'isst',
    ('invite', False, 2): 'lädst',
    ('know_that', False, 2): 'weißt',
    ('know_that', False, 1): 'weiß',
    ('work', False, 2): 'arbeitest',
    ('wash', False, 2): 'wäschst',
    ('be', False, 1): 'bin',
    ('sit', False, 2): 'sitzt',
    ('eat', True, 2): 'aßest',
    ('be', True, 2): 'warst',
  }
  for (verb, past, person), form in cases.items():
    assert german_verbs.finite(verb, past, person, False) == form
  assert german_verbs.finite('come', True, 3, True) == 'kamen'
  assert german_verbs.finite('bring', True, 3, True) == 'brachten'


def test_numbers():
  assert numerals.english_number(40) == 'forty'
  assert numerals.german_number(30) == 'dreißig'
  assert numerals.german_number(76) == 'sechsundsiebzig'
  assert len({numerals.german_number(n) for n in range(100)}) == 100
  with pytest.raises(ValueError, match='from 0 to 99, got 100'):
    numerals.english_number(100)


def test_no_noun_has_a_plural_like_its_singular():
  for singular, noun in lexicon.NOUNS.items():
    assert singular != noun.plural


def test_wrong_arguments_are_refused_at_the_call():
  with pytest.raises(ValueError, match=r"train, dev, heldout, got 'test'"):
    grammar.generate('test', 0, 1)
  with pytest.raises(ValueError, match='expected 0 or more, got -1'):
    grammar.generate('train', 0, -1)
  assert list(grammar.generate('train', 0, 0)) == []
