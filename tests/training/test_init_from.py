"""A run that begins with another's parameters and vocabulary."""

import shutil

import numpy as np
import pytest
from quick_compile import quickly_and_once
from tiny_run import make_config, read_rows, read_state, write_text

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.data.given_vocabulary import split_init_from
from t2t_jax.errors import UsageError
from t2t_jax.training.loop import train

QUICK = {
  'training__steps': 4,
  'training__max_shapes': 1,
  'checkpoint__every_steps': 2,
  'evaluation__every_steps': 4,
}


@pytest.fixture(scope='module', autouse=True)
def _compile_quickly_and_once(tmp_path_factory):
  with quickly_and_once(tmp_path_factory.mktemp('compiled')):
    yield


@pytest.fixture(scope='module')
def first(tmp_path_factory):
  """The directory of a text and of a run on it."""
  directory = tmp_path_factory.mktemp('first')
  write_text(directory)
  train(make_config(directory, **QUICK), Workdir(directory / 'run'), _quiet)
  return directory


def _quiet(line):
  del line


def _other_text(directory):
  """Words that the first run has seen, and one that it has not."""
  for split in ('train', 'dev'):
    (directory / f'{split}.en').write_text('a b c d\nh g unseen\n' * 20)
    (directory / f'{split}.de').write_text('d c b a\nunseen g h\n' * 20)


def _tune(first, directory, init_from=None, **changes):
  said = []
  config = make_config(
    directory,
    **QUICK,
    training__init_from=init_from or f'{first / "run"}@2',
    **changes,
  )
  train(config, Workdir(directory / 'tuned'), said.append)
  return said


def test_the_first_update_is_from_the_other_runs_parameters(first, tmp_path):
  """Without a learning rate they stay what they were, to the bit; and with
  the moving average that is decoded with."""
  _other_text(tmp_path)
  said = _tune(
    first,
    tmp_path,
    optimizer__peak_learning_rate=1e-30,
    training__ema_decay=0.9,
    model__dropout_rate=0.3,  # how it is trained may change
    mesh__data=-1,
  )
  assert f'beginning with checkpoint 2 of {first / "run"}' in said
  assert f'vocabulary: that of {first / "run"}@2' in said
  was = read_state(first / 'run', 2)
  now = read_state(tmp_path / 'tuned', 4)
  for name, array in was.items():
    if name.startswith("['params']"):
      np.testing.assert_array_equal(now[name], array)
      average = now[name.replace('params', 'ema_params')]
      np.testing.assert_allclose(average, array, rtol=1e-6)
  tokenizers = [
    Workdir(path).read_tokenizers().digest()
    for path in (first / 'run', tmp_path / 'tuned')
  ]
  assert tokenizers[0] == tokenizers[1]
  # The unseen word is unknown, not a new entry.
  report = Workdir(tmp_path / 'tuned').read_run()['data_report']
  assert report['train']['unknown_tokens'] == 40


def test_it_goes_on_where_the_first_one_was(first, tmp_path):
  """On the same text its first loss is far below that of a fresh run."""
  write_text(tmp_path)
  long = make_config(first, training__steps=60, training__max_shapes=1)
  train(long, Workdir(tmp_path / 'long'), _quiet)
  _tune(first, tmp_path, init_from=str(tmp_path / 'long'))
  [fresh, *_] = read_rows(tmp_path / 'long', 'train')
  [tuned, *_] = read_rows(tmp_path / 'tuned', 'train')
  assert tuned['nll'] < 0.8 * fresh['nll']


def test_a_tuned_run_resumes_without_the_first(first, tmp_path):
  _other_text(tmp_path)
  gone = tmp_path / 'gone'
  shutil.copytree(first / 'run', gone)
  _tune(first, tmp_path, init_from=str(gone))
  shutil.rmtree(gone)
  config = make_config(
    tmp_path, **(QUICK | {'training__steps': 6}), training__init_from=str(gone)
  )
  said = []
  train(config, Workdir(tmp_path / 'tuned'), said.append)
  assert 'resuming after step 4' in said
  assert not [line for line in said if line.startswith('beginning with')]


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    (
      {'model__d_ff': 24, 'model__norm_position': 'pre'},
      'is of another model: model.d_ff: 16 there, 24 here; '
      "model.norm_position: 'post' there, 'pre' here",
    ),
    (
      {'init_from': 'nowhere'},
      '^config.training.init_from: --workdir=.*nowhere: no such directory',
    ),
    (
      {'vocabulary__kind': 'bpe', 'vocabulary__source_model': 'x.model'},
      'config.vocabulary.source_model: expected none, for training.init_from',
    ),
  ],
)
def test_what_does_not_fit_is_refused(first, tmp_path, changes, message):
  _other_text(tmp_path)
  with pytest.raises(UsageError, match=message):
    _tune(first, tmp_path, **changes)
  assert not (tmp_path / 'tuned' / 'config.json').exists()


def test_a_checkpoint_that_is_not_there_is_named(first, tmp_path):
  _other_text(tmp_path)
  with pytest.raises(
    UsageError,
    match=r'^config\.training\.init_from: --checkpoint=77: expected one of',
  ):
    _tune(first, tmp_path, init_from=f'{first / "run"}@77')


def test_a_directory_without_a_vocabulary_is_named(tmp_path):
  from t2t_jax.data.given_vocabulary import given_tokenizers

  config = make_config(tmp_path, training__init_from=str(tmp_path))
  with pytest.raises(
    UsageError, match=r'^config.training.init_from: expected the workdir of a'
  ):
    given_tokenizers(config)


def test_names_with_and_without_a_checkpoint():
  assert split_init_from('runs/a') == ('runs/a', '')
  assert split_init_from('runs/a@best') == ('runs/a', 'best')
