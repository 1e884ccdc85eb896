"""Tables of inflected words, as SIGMORPHON's shared tasks and UniMorph write
them: lemma, form and features between tabs, `;` between features."""

from collections.abc import Iterator
from pathlib import Path

from t2t_jax.data import text_files
from t2t_jax.errors import UsageError

SPACE = '\u2581'  # stands for a space within a word, as SentencePiece has it


def read_pairs(path: Path) -> Iterator[tuple[str, str]]:
  """Yields (letters of the lemma and features, letters of the form).

  Tokens stand between spaces, features in angle brackets, so that they are
  not taken for letters: `l a u f e n <V> <PST> <3> <SG>`, `l i e f`.

  Raises:
    UsageError: a line of other than three columns, or an empty one.
  """
  for number, line in enumerate(text_files.read_lines(path), 1):
    columns = line.split('\t')
    if len(columns) != 3 or not all(column.strip() for column in columns):
      raise UsageError(
        f'{path}, line {number}: expected lemma, form and features with tabs '
        f'between them, found {line!r}'
      )
    lemma, form, features = columns
    tags = [f'<{feature}>' for feature in features.split(';')]
    yield ' '.join([spaced(lemma), *tags]), spaced(form)


def spaced(word: str) -> str:
  """Returns the characters of a word with spaces between them."""
  return ' '.join(SPACE if letter.isspace() else letter for letter in word)
