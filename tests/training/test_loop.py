"""The loop's own bookkeeping: what is due, made up for, kept and averaged.

In this process, on eight devices; `say` is where the tests step in.
"""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import sacrebleu
from quick_compile import quickly_and_once
from tiny_run import (
  assert_same,
  make_config,
  read_rows,
  read_state,
  write_text,
)

from t2t_jax import Translator
from t2t_jax.checkpoints.params import read_progress
from t2t_jax.checkpoints.store import list_steps
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.errors import UsageError
from t2t_jax.training.loop import train
from t2t_jax.training.stopping import Stopped

QUICK = {
  'training__steps': 10,
  'training__max_shapes': 1,
  'checkpoint__every_steps': 5,
  'evaluation__every_steps': 5,
  'checkpoint__keep_last': 2,
}


@pytest.fixture(scope='module', autouse=True)
def _compile_quickly_and_once(tmp_path_factory):
  with quickly_and_once(tmp_path_factory.mktemp('compiled')):
    yield


class Run:
  """Calls train() on one text; remembers what was said."""

  def __init__(self, directory):
    self.directory = directory
    self.said = []

  def train(self, workdir, stop_at=(), **changes):
    """Trains; tells the run to stop when it says a line like `stop_at`."""

    def say(line):
      self.said.append(line)
      if any(words in line for words in stop_at):
        os.kill(os.getpid(), signal.SIGTERM)

    self.said.clear()
    config = make_config(self.directory, **QUICK | changes)
    return train(config, Workdir(workdir), say)


@pytest.fixture(scope='module')
def text(tmp_path_factory):
  directory = tmp_path_factory.mktemp('text')
  write_text(directory)
  return directory


@pytest.fixture(scope='module')
def run(text):
  return Run(text)


@pytest.fixture(scope='module')
def whole(text, run):
  run.train(text / 'whole')
  return text / 'whole'


def progress_of(workdir, step):
  progress = read_progress(Workdir(workdir), step)
  for name in ('train_seconds', 'metrics_bytes'):
    del progress[name]
  del progress['sums']['seconds']
  return progress


def test_what_a_run_leaves(whole):
  assert list_steps(whole / 'checkpoints') == [5, 10]
  progress = progress_of(whole, 10)
  values = [row['nll'] for row in read_rows(whole, 'dev')]
  assert progress == {
    'step': 10,
    'evaluated_step': 10,
    'best_step': (5, 10)[int(np.argmin(values))],
    'best_value': pytest.approx(min(values), rel=1e-5),
    'best_metric': 'nll',
    'best_decoding': {},
    'evaluations_since_best': 1 - int(np.argmin(values)),
    'scheduled_steps': [5, 10],
    'sums': dict.fromkeys(progress['sums'], 0),
  }


def test_a_row_is_of_all_its_updates_where_a_run_was_stopped_between(
  run, tmp_path
):
  rows = []
  for name, stop_at in (('whole', ()), ('stopped', ('step 5  dev',))):
    changes = {'logging__every_steps': 4}
    if stop_at:
      with pytest.raises(Stopped):
        run.train(tmp_path / name, stop_at, **changes)
    run.train(tmp_path / name, **changes)
    rows.append(read_rows(tmp_path / name, 'train'))
  timed = {'train_seconds', 'target_tokens_per_second', 'flops_per_second'}
  assert [row['step'] for row in rows[0]] == [1, 4, 8]
  for one, other in zip(*rows, strict=True):
    assert one.keys() == other.keys()
    for key in one.keys() - timed:
      assert one[key] == other[key], key


def test_where_cudnn_is_missing_its_run_is_decoded_without(whole, tmp_path):
  shutil.copytree(whole, tmp_path / 'run')
  file = tmp_path / 'run' / 'config.json'
  config = json.loads(file.read_text())
  config['model']['compute_dtype'] = 'bfloat16'
  found = []
  for kernel in ('reference', 'cudnn'):
    config['model']['attention_impl'] = kernel
    file.write_text(json.dumps(config))
    translator = Translator.from_workdir(tmp_path / 'run', beam_size=1)
    found.append(translator.translate(['a b c', 'h'])[0])
  assert found[0] == found[1]


def test_stopped_while_the_text_is_prepared(run, tmp_path):
  workdir = tmp_path / 'run'
  with pytest.raises(Stopped) as stopped:
    run.train(workdir, stop_at=['train: '], data__cache_dir=str(tmp_path / 'c'))
  assert str(stopped.value) == (
    'stopped by SIGTERM while the text was prepared; the same command goes on'
  )
  # At once: what is prepared after the training text was not.
  assert not any(line.startswith('dev: ') for line in run.said)
  Workdir(workdir).lock().release()


def test_stopped_after_the_last_evaluation(run, whole, tmp_path):
  with pytest.raises(Stopped) as stopped:
    run.train(tmp_path, stop_at=['step 10  dev nll'])
  assert str(stopped.value) == (
    'stopped by SIGTERM after the last update, which is saved; the same '
    'command goes on'
  )
  assert_same(read_state(tmp_path, 10), read_state(whole, 10))
  assert run.train(tmp_path).step == 10


@pytest.mark.parametrize('step', [5, 10])
def test_stopped_in_an_evaluation(run, whole, tmp_path, step):
  # The line of this update is said right before the evaluation begins.
  with pytest.raises(Stopped) as stopped:
    run.train(tmp_path, stop_at=[f'step {step}/10'])
  assert str(stopped.value) == (
    f'stopped by SIGTERM after step {step}, which is saved; the same command '
    'goes on'
  )
  assert not any(f'step {step}  dev nll' in line for line in run.said)
  # Told again to stop before the evaluation is made up for.
  with pytest.raises(Stopped):
    run.train(tmp_path, stop_at=[f'resuming after step {step}'])
  assert run.train(tmp_path).step == 10
  evaluated = next(i for i, x in enumerate(run.said) if 'dev nll' in x)
  assert run.said[evaluated].startswith(f'step {step}  dev nll ')
  assert not any(f'step {step + 1}/' in x for x in run.said[:evaluated])
  assert_same(read_state(tmp_path, 10), read_state(whole, 10))
  # Also what is averaged and which is best do not show the interruption.
  assert progress_of(tmp_path, 10) == progress_of(whole, 10)
  for kind in ('train', 'dev'):
    rows = read_rows(tmp_path, kind)
    expected = [row['step'] for row in read_rows(whole, kind)]
    assert [row['step'] for row in rows] == expected


def test_the_last_step_is_scheduled_also_where_it_is_the_best(run, tmp_path):
  run.train(
    tmp_path,
    training__steps=3,
    checkpoint__every_steps=100,
    evaluation__every_steps=3,
  )
  progress = progress_of(tmp_path, 3)
  assert progress['best_step'] == 3
  assert progress['scheduled_steps'] == [3]


def test_the_best_is_only_saved_where_it_is_kept(run, tmp_path):
  run.train(
    tmp_path,
    training__steps=6,
    checkpoint__every_steps=6,
    checkpoint__keep_best=False,
    evaluation__every_steps=2,
  )
  assert list_steps(tmp_path / 'checkpoints') == [6]
  rows = read_rows(tmp_path, 'dev')
  assert [row['step'] for row in rows] == [2, 4, 6]


def test_another_metric_of_the_decoded_dev_set_chooses_the_best(run, tmp_path):
  changes = {
    'evaluation__every_steps': 1,
    'evaluation__bleu': True,
    'evaluation__metric': 'error_rate',
    'evaluation__best_metric': 'error_rate',
  }
  run.train(tmp_path, training__steps=2, **changes)
  rows = read_rows(tmp_path, 'dev')
  values = [row['error_rate'] for row in rows]
  assert all(
    'references:nearest' in row['error_rate_signature'] for row in rows
  )
  progress = progress_of(tmp_path, 2)
  assert progress['best_metric'] == 'error_rate'
  assert progress['best_step'] == 1 + int(np.argmin(values))
  assert progress['best_value'] == pytest.approx(min(values), rel=1e-5)
  assert any(f'error rate {values[0]:.2f}' in line for line in run.said)
  # What is decoded by other rules does not compare with those.
  run.train(
    tmp_path,
    training__steps=3,
    checkpoint__every_steps=1,
    decoding__min_length=9,
    **changes,
  )
  progress = progress_of(tmp_path, 3)
  assert (progress['best_step'], progress['best_decoding']['min_length']) == (
    3,
    9,
  )


@pytest.mark.slow
def test_smaller_microbatches_go_on(run, tmp_path):
  changes = {'model__dropout_rate': 0.0, 'training__microbatch_tokens': 16}
  run.train(tmp_path / 'one', **changes)
  run.train(tmp_path / 'two', training__steps=5, **changes)
  changes['training__microbatch_tokens'] = 8
  run.train(tmp_path / 'two', **changes)
  assert 'resuming with other microbatches: 1 -> 2' in run.said
  one, two = (read_state(tmp_path / name, 10) for name in ('one', 'two'))
  for name in one:
    if 'params' in name:
      np.testing.assert_allclose(two[name], one[name], atol=1e-5)


def test_a_metric_that_is_missing_is_known_before_anything_is_made(
  run, tmp_path, monkeypatch
):
  def missing(name):
    raise RuntimeError('install sacrebleu[ja]')

  monkeypatch.setattr(sacrebleu.metrics.bleu, '_get_tokenizer', missing)
  with pytest.raises(UsageError, match=r'install sacrebleu\[ja\]'):
    run.train(tmp_path / 'run', evaluation__bleu_tokenize='ja-mecab')
  assert run.said == []


def test_two_runs_do_not_share_a_workdir(run, tmp_path):
  lock = Workdir(tmp_path).lock()
  with pytest.raises(ValueError, match='another run works here'):
    run.train(tmp_path)
  lock.release()
