"""It learns commands in the manner of SCAN, to the last held-out one."""

import itertools
import random

import pytest
from tiny_run import read_rows, run

VERBS = ('walk', 'run', 'jump', 'look')
TIMES = {'': 1, 'twice': 2, 'thrice': 3}
_CHANGES = {
  'model.d_model': 32,
  'model.d_ff': 64,
  'model.dropout_rate': 0.0,
  'data.max_length_ratio': 9.0,
  'data.test_source': ('dev.en',),
  'data.test_target': ('dev.de',),
  'vocabulary.joint': False,
  'vocabulary.target_size': 32,
  'model.tie_source_target': False,
  'training.label_smoothing': 0.0,
  'training.steps': 800,
  'training.global_batch_tokens': 512,
  'training.microbatch_tokens': 512,
  'optimizer.schedule': 'cosine',
  'optimizer.peak_learning_rate': 0.005,
  'optimizer.warmup_steps': 100,
  'checkpoint.every_steps': 800,
  'checkpoint.average_last': 1,
  'evaluation.every_steps': 400,
  'evaluation.bleu': True,
  'evaluation.metric': 'exact_match',
  'evaluation.best_metric': 'exact_match',
  'decoding.beam_size': 1,
  'decoding.max_decode_length_offset': 8,
  'logging.every_steps': 50,
}


def commands():
  """Yields every (command, actions) of one or two verbs."""
  simple = [
    (f'{verb} {times}'.strip(), [f'I_{verb.upper()}'] * count)
    for verb in VERBS
    for times, count in TIMES.items()
  ]
  yield from simple
  for (one, first), (other, second) in itertools.product(simple, simple):
    yield f'{one} and {other}', first + second
    yield f'{one} after {other}', second + first


@pytest.mark.slow
def test_learns_held_out_commands_to_the_last(tmp_path):
  pairs = [(command, ' '.join(actions)) for command, actions in commands()]
  random.Random(1).shuffle(pairs)
  for split, kept in (('train', pairs[60:]), ('dev', pairs[:60])):
    for side, language in enumerate(('en', 'de')):
      text = ''.join(f'{pair[side]}\n' for pair in kept)
      (tmp_path / f'{split}.{language}').write_text(text)
  status, errors = run(tmp_path, tmp_path / 'run', _CHANGES)
  assert status == 0, errors
  *_, last = read_rows(tmp_path / 'run', 'dev')
  assert last['exact_match'] == 100
  assert 'exact match 100.00' in errors and 'best so far' in errors
  [_, test] = read_rows(tmp_path / 'run', 'test')
  assert test['exact_match'] == 100 and test['exact_match_sequences'] == 60
