"""Files of pairs and n-best lists, read line by line."""

import pytest

from t2t_jax.decoding.scoring.score_lines import (
  nbest_line,
  read_nbest,
  read_pairs,
)
from t2t_jax.decoding.scoring.scores import Score
from t2t_jax.errors import UsageError


@pytest.fixture
def names(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)

  def write(source, target):
    (tmp_path / 'a').write_text(source)
    (tmp_path / 'b').write_text(target)
    return 'a', 'b', print

  return write


def test_pairs_know_where_they_stand(names):
  assert list(read_pairs(*names('x\n\n', 'y\nz'))) == [
    ('x', 'y', 'a, line 1', 'b, line 1', 0),
    ('', 'z', 'a, line 2', 'b, line 2', 1),
  ]


@pytest.mark.parametrize(
  'source, target, counts',
  [
    ('1\n2\n3\n4\n', '1\n2\n', (4, 2)),
    ('1\n', '1\n2\n3\n', (1, 3)),
    ('', '1\n', (0, 1)),
  ],
)
def test_unequal_files_are_counted_to_their_ends(names, source, target, counts):
  with pytest.raises(UsageError) as error:
    list(read_pairs(*names(source, target)))
  assert str(error.value) == (
    f'--source=a has {counts[0]} lines, --target=b has {counts[1]}: expected '
    'as many'
  )


def test_an_nbest_list_may_hold_anything_as_text(names):
  lines = ['1 ||| v ||| w ||| -2.5', '0 |||  ||| 0.000000', '1 ||| | ||| x']
  pairs = list(read_nbest(*names('p\nq\n', '\n'.join(lines))))
  assert [pair[:4] for pair in pairs] == [
    ('q', 'v ||| w', 'a, line 2', 'b, line 1'),
    ('p', '', 'a, line 1', 'b, line 2'),
    ('q', '|', 'a, line 2', 'b, line 3'),
  ]
  score = Score(-4.0, -2.0, ('</s>',), (-4.0,))
  assert [nbest_line(pair, score) for pair in pairs] == [
    f'{line.rpartition(" ||| ")[0]} ||| -2.000000' for line in lines
  ]


@pytest.mark.parametrize(
  'line', ['', 'x', '0 ||| x', '-1 ||| x ||| 0', '\u00b2 ||| x ||| 0', '0|||x']
)
def test_other_formats_are_refused(names, line):
  with pytest.raises(UsageError) as error:
    list(read_nbest(*names('p\n', f'0 ||| x ||| -1\n{line}\n')))
  assert str(error.value) == (
    f"b, line 2: expected 'number ||| text ||| score', found '{line}'"
  )
