"""Runs of a few seconds: sixty short pairs of text, a model of width 16."""

import fcntl
import json
import os
import pathlib
import random
import runpy
import subprocess
import sys

import jax
import numpy as np
import orbax.checkpoint as ocp

from t2t_jax.config import Config, from_mapping

ROOT = pathlib.Path(__file__).parents[1]
_BASE = runpy.run_path(str(ROOT / 'configs' / 'base.py'))['get_config']()

_SETTINGS = {
  'model.d_model': 16,
  'model.d_ff': 16,
  'model.d_k': 8,
  'model.d_v': 8,
  'model.num_heads': 2,
  'model.num_encoder_layers': 1,
  'model.num_decoder_layers': 1,
  'model.max_positions': 64,
  'model.vocab_row_multiple': 8,
  'data.train_source': ('train.en',),
  'data.train_target': ('train.de',),
  'data.dev_source': ('dev.en',),
  'data.dev_target': ('dev.de',),
  'data.test_source': (),
  'data.test_target': (),
  'data.max_tokens': 16,
  'vocabulary.kind': 'segmented',
  'vocabulary.size': 32,
  'training.steps': 60,
  'training.global_batch_tokens': 128,
  'training.microbatch_tokens': 128,
  'training.max_shapes': 2,
  'training.loss_chunk': 64,
  'optimizer.warmup_steps': 20,
  'optimizer.peak_learning_rate': 0.01,
  'checkpoint.every_steps': 5,
  'checkpoint.keep_last': 3,
  'checkpoint.average_last': 2,
  'evaluation.every_steps': 20,
  'evaluation.bleu': False,
  'evaluation.best_metric': 'nll',
  'evaluation.bleu_tokenize': 'none',
  'decoding.beam_size': 2,
  'decoding.max_decode_length_offset': 4,
  'decoding.batch_tokens': 128,
  'logging.every_steps': 1,
  'logging.tensorboard': False,
}


def settings(directory: pathlib.Path, changes: dict) -> dict:
  """Returns {'section.field': value} of a tiny run on text in `directory`."""
  own = {
    'data.directory': str(directory),
    'data.cache_dir': str(directory / 'cache'),
    'logging.compile_cache_dir': str(directory / 'compiled'),
  }
  return {**_SETTINGS, **own, **changes}


def make_config(directory: pathlib.Path, **changes) -> Config:
  """Returns the config; `section__field=value` changes a field."""
  changes = {key.replace('__', '.'): value for key, value in changes.items()}
  mapping = _BASE.to_dict()
  for key, value in settings(directory, changes).items():
    section, _, name = key.rpartition('.')
    (mapping[section] if section else mapping)[name] = value
  return from_mapping(mapping)


def write_text(directory: pathlib.Path, pairs: int = 60, longest: int = 7):
  """Writes train and dev pairs: letters, and the same letters backwards."""
  rng = random.Random(1)
  for split, count in (('train', pairs), ('dev', 8)):
    lines = [
      [rng.choice('abcdefgh') for _ in range(rng.randint(2, longest))]
      for _ in range(count)
    ]
    for language, step in (('en', 1), ('de', -1)):
      text = ''.join(' '.join(line[::step]) + '\n' for line in lines)
      (directory / f'{split}.{language}').write_text(text)


def arguments(
  directory: pathlib.Path, workdir: pathlib.Path, changes=None
) -> list[str]:
  """Returns the flags of `python -m t2t_jax.main`."""
  return [
    f'--config={ROOT / "configs" / "base.py"}',
    f'--workdir={workdir}',
    *(
      f'--config.{key}={value}'
      for key, value in settings(directory, changes or {}).items()
    ),
  ]


def start(
  directory: pathlib.Path,
  workdir: pathlib.Path,
  changes=None,
  environ=None,
  command=(sys.executable, '-m', 't2t_jax.main'),
):
  """Starts `command`, which takes the flags of main; returns the process.

  It can be at most some thirty lines ahead of who reads its standard error.
  """
  process = subprocess.Popen(
    [*command, *arguments(directory, workdir, changes)],
    cwd=ROOT,
    env={**os.environ, 'JAX_PLATFORMS': 'cpu', **(environ or {})},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    bufsize=0,
  )
  if hasattr(fcntl, 'F_SETPIPE_SZ'):
    fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)
  return process


def read_until(process, text: str) -> None:
  """Reads standard error up to the line that `text` stands in."""
  seen = b''
  while text.encode() not in (line := process.stderr.readline()):
    seen += line
    assert line, f'ended without {text!r}: {seen.decode()}'


def finish(process) -> tuple[int, str]:
  """Waits for the end; returns exit status and the rest of standard error."""
  _, errors = process.communicate(timeout=900)
  return process.returncode, errors.decode()


def run(directory, workdir, changes=None) -> tuple[int, str]:
  """Runs to the end; returns the exit status and standard error."""
  return finish(start(directory, workdir, changes))


def read_state(workdir: pathlib.Path, step: int) -> dict[str, np.ndarray]:
  """Returns every array of a checkpoint's training state, by its path."""
  directory = workdir / 'checkpoints' / str(step) / 'state'
  with ocp.PyTreeCheckpointer() as checkpointer:
    tree = checkpointer.metadata(directory).item_metadata.tree
    as_numpy = jax.tree.map(
      lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree
    )
    state = checkpointer.restore(directory, restore_args=as_numpy)
    leaves = jax.tree_util.tree_leaves_with_path(state)
  return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}


def read_rows(workdir: pathlib.Path, kind: str) -> list[dict]:
  """Returns the rows of one kind of metrics.jsonl."""
  lines = (workdir / 'metrics.jsonl').read_text().splitlines()
  return [row for row in map(json.loads, lines) if row['kind'] == kind]


def assert_same(one: dict, other: dict) -> None:
  """Checks that two states are equal in every bit."""
  assert one.keys() == other.keys()
  different = [
    name for name in one if one[name].tobytes() != other[name].tobytes()
  ]
  assert not different
