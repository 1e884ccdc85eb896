"""The command `score`, on the workdir of a tiny run."""

import json
import math

import pytest
from run_command import run_command

LINES = ['The dog sleeps.', 'A small child sees the big house.', 'He runs.']


def _bytes(lines):
  return ''.join(f'{line}\n' for line in lines).encode()


def _run(trained, *flags, stdin=b''):
  finished = run_command('score', trained.flag, *flags, stdin=stdin)
  assert finished.status == 0, finished.stderr
  return finished


@pytest.fixture(scope='module')
def nbest(trained):
  """Lines `number ||| text ||| score` of LINES."""
  finished = run_command(
    'translate', trained.flag, '--nbest=2', stdin=_bytes(LINES)
  )
  assert finished.status == 0, finished.stderr
  return finished.lines


@pytest.fixture
def files(tmp_path, nbest):
  """LINES, their translations, an n-best list; as flags."""
  texts = {
    'source': LINES,
    'target': [line.split(' ||| ')[1] for line in nbest[::2]],
    'nbest': nbest,
  }
  for name, lines in texts.items():
    (tmp_path / name).write_bytes(_bytes(lines))
  return f'--source={tmp_path / "source"}', f'--target={tmp_path / "target"}'


def test_an_nbest_list_keeps_its_format(trained, nbest, files, tmp_path):
  flags = files[0], f'--target={tmp_path / "nbest"}', '--nbest'
  finished = _run(trained, *flags)
  old = [line.split(' ||| ') for line in nbest]
  new = [line.split(' ||| ') for line in finished.lines]
  assert [row[:2] for row in new] == [row[:2] for row in old]
  plain = _run(trained, *flags, '--length_penalty_alpha=0')
  assert float(plain.lines[0].split(' ||| ')[2]) < float(new[0][2])

  # Each text with its source, as pairs.
  (tmp_path / 'texts').write_bytes(_bytes(row[1] for row in old))
  pairs = _run(
    trained,
    '--source=-',
    f'--target={tmp_path / "texts"}',
    stdin=_bytes(LINES[int(row[0])] for row in old),
  )
  for new_row, line in zip(new, pairs.lines, strict=True):
    score = float(line.split('\t')[0])
    assert float(new_row[2]) == pytest.approx(score, abs=1e-5)


def test_formats_say_the_same(trained, files, tmp_path):
  text = _run(trained, *files)
  tokens = _run(trained, *files, '--format=tokens')
  objects = _run(
    trained, *files, '--format=json', f'--output={tmp_path / "out"}'
  )
  assert objects.stdout == ''
  written = (tmp_path / 'out').read_text().splitlines()
  for line, longer, text_of_object in zip(
    text.lines, tokens.lines, written, strict=True
  ):
    one = json.loads(text_of_object)
    assert line == f'{one["score"]:.6f}\t{one["log_prob"]:.6f}\t{one["length"]}'
    pieces = ' '.join(one['tokens'])
    log_probs = ' '.join(f'{x:.6f}' for x in one['token_log_probs'])
    assert longer == f'{line}\t{pieces}\t{log_probs}'
    assert one['length'] == len(one['tokens']) == len(one['token_log_probs'])
    assert one['tokens'][-1] == '</s>'
    assert one['log_prob'] == pytest.approx(sum(one['token_log_probs']), 1e-5)
    assert one['score'] == pytest.approx(
      one['log_prob'] / ((5 + one['length']) / 6) ** 0.6, 1e-5
    )
    assert one['perplexity'] == pytest.approx(
      math.exp(-one['log_prob'] / one['length']), 1e-4
    )


def test_totals(trained, files, tmp_path):
  finished = _run(trained, *files, '--json')
  rows = [line.split('\t') for line in finished.lines[:-1]]
  assert len(rows) == len(LINES)
  log_prob = sum(float(row[1]) for row in rows)
  tokens = sum(int(row[2]) for row in rows)
  totals = finished.last_json
  assert totals.pop('log_prob') == pytest.approx(log_prob, abs=1e-4)
  perplexity = math.exp(-log_prob / tokens)
  assert totals.pop('perplexity') == pytest.approx(perplexity, 1e-5)
  assert totals == {
    'parameters': 'average of checkpoints 2, 4',
    'sentences': 3,
    'tokens': tokens,
  }
  assert finished.stderr == (
    'scoring with average of checkpoints 2, 4\n'
    f'3 sentences, {tokens} tokens with EOS, log-probability {log_prob:.4f}, '
    f'perplexity a token {perplexity:.4f}\n'
  )


def test_a_line_for_each_pair(trained, tmp_path):
  odd = [
    '',
    '  \t ',
    'dog ' * 300,
    'x' * 500,
    'Zo\u00eb \U0001f415\u2028\x85 \x00',
  ]
  odd += ['\xff broken', 'the end\r']
  (tmp_path / 'odd').write_bytes(_bytes(odd).replace('\xff'.encode(), b'\xff'))
  plain = '\n'.join(LINES[0] for _ in odd).encode()  # the last has no end
  for flags, columns in (
    ([f'--source={tmp_path / "odd"}', '--target=-'], 3),
    (['--source=-', f'--target={tmp_path / "odd"}', '--format=tokens'], 5),
    (['--source=-', f'--target={tmp_path / "odd"}', '--format=json'], 1),
  ):
    finished = _run(trained, *flags, stdin=plain)
    assert len(finished.lines) == len(odd) == len(finished.stdout.splitlines())
    assert {len(line.split('\t')) for line in finished.lines} == {columns}
    assert 'line 6: not UTF-8' in finished.stderr
