"""The hash that names a test set, and its buckets by length."""

import hashlib
import re

import pytest

from t2t_jax.errors import UsageError
from t2t_jax.evaluation.parallel_text import BOUNDS, ParallelText

SOURCES = ['A dog.', '', 'Two cats sleep.']
REFERENCES = ['Ein Hund.', 'Nichts.', 'Zwei Katzen schlafen.']


def test_references_alone_hash_as_their_file_does():
  content = b'Ein Hund.\nNichts.\nZwei Katzen schlafen.\n'
  expected = hashlib.sha256(content).hexdigest()
  text = ParallelText(REFERENCES)
  assert text.sha256() == expected
  assert text.line() == (
    f'3 lines, unknown direction, sha256 of references {expected[:16]}'
  )


def test_sources_are_hashed_too():
  content = (
    'A dog.\tEin Hund.\n\tNichts.\nTwo cats sleep.\tZwei Katzen schlafen.\n'
  )
  expected = hashlib.sha256(content.encode()).hexdigest()
  text = ParallelText(REFERENCES, SOURCES, 'en-de')
  assert text.language == 'de'
  assert text.line() == (
    f'3 lines, en-de, sha256 of sources and references {expected[:16]}'
  )
  assert text.to_dict() == {
    'lines': 3,
    'direction': 'en-de',
    'sha256': expected,
    'sha256_of': 'sources and references',
  }


@pytest.mark.parametrize('line', range(3))
@pytest.mark.parametrize('side', ['source', 'reference'])
def test_any_line_changes_the_hash(side, line):
  sources, references = list(SOURCES), list(REFERENCES)
  (sources if side == 'source' else references)[line] += '!'
  before = ParallelText(REFERENCES, SOURCES).sha256()
  assert ParallelText(references, sources).sha256() != before


def test_order_and_place_change_the_hash():
  texts = [
    ParallelText(REFERENCES),
    ParallelText(REFERENCES[::-1]),
    ParallelText(REFERENCES[:2]),
    ParallelText([*REFERENCES, '']),
    ParallelText(REFERENCES, SOURCES),
    ParallelText(SOURCES, REFERENCES),
    ParallelText([line.lower() for line in REFERENCES]),
    # The same characters, divided otherwise.
    ParallelText(['Ein', 'Hund. Nichts.', 'Zwei Katzen schlafen.']),
  ]
  assert len({text.sha256() for text in texts}) == len(texts)


def test_white_space_does_not():
  spaced = ['  Ein\tHund. ', 'Nichts.\r', 'Zwei \u00a0 Katzen schlafen.']
  assert ParallelText(spaced).sha256() == ParallelText(REFERENCES).sha256()


def test_each_line_is_in_the_bucket_of_its_length():
  lengths = [0, 1, 10, 11, 20, 21, 60, 61, 500, 10]
  sources = ['w ' * length for length in lengths]
  text = ParallelText(['r'] * len(lengths), sources)
  assert text.measured == 'source'
  found = [(low, high, list(rows)) for low, high, rows in text.buckets()]
  assert BOUNDS == (10, 20, 30, 40, 50, 60)
  assert found == [
    (0, 10, [0, 1, 2, 9]),
    (11, 20, [3, 4]),
    (21, 30, [5]),
    (51, 60, [6]),
    (61, None, [7, 8]),
  ]


def test_without_sources_references_are_measured():
  text = ParallelText(['r ' * 12])
  assert text.measured == 'reference'
  assert [low for low, _, _ in text.buckets()] == [11]


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ((['A'], ['a', 'b']), 'found 2 source lines and 1 references'),
    (([], []), 'test set: expected at least one line, found none'),
    ((['A'], None, 'ende'), '--direction=ende: expected SOURCE-TARGET'),
    ((['A'], None, 'en-'), '--direction=en-: expected SOURCE-TARGET'),
  ],
)
def test_texts_that_are_none(arguments, message):
  with pytest.raises(UsageError, match=re.escape(message)):
    ParallelText(*arguments)
