"""Workdirs of runs that never were: their records alone."""

import json
import pathlib

from tiny_run import make_config, write_text

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.data.token_store import prepare

# What a page must show as it is, and never run.
HOSTILE = '<img src=x onerror=window.hacked=1>'


def train_row(step, **changes):
  return {
    'kind': 'train',
    'step': step,
    'epoch': step / 10,
    'loss': 5 + 4 / step,
    'nll': 4 + 4 / step,
    'perplexity': 60.0,
    'learning_rate': 0.001 * step,
    'gradient_norm': 1.0,
    'target_tokens_per_second': 100.0,
    'padding_share': 0.25,
    'train_seconds': 2.0 * step,
    **changes,
  }


def dev_row(step, **changes):
  return {
    'kind': 'dev',
    'step': step,
    'nll': 5 - step / 100,
    'perplexity': 9.0,
    'tokens': 40,
    'bleu': step / 2,
    'seconds': 0.5,
    **changes,
  }


def final_row(test_set='dev', **changes):
  return {
    'kind': 'test',
    'step': 20,
    'test_set': test_set,
    'bleu': 12.5,
    'bleu_signature': 'nrefs:1',
    'brevity_penalty': 0.9,
    'chrf': 30.25,
    'sentences': 8,
    **changes,
  }


def finished_rows():
  rows = [train_row(step) for step in range(1, 21)]
  return [*rows, dev_row(10), dev_row(20, nll=4.9, bleu=8.0), final_row()]


def make_run(
  text: pathlib.Path,
  name: str = 'run',
  rows=None,
  record=None,
  **changes,
) -> Workdir:
  """Returns a workdir in the directory `text`, which holds the text too.

  Args:
    rows: of metrics.jsonl; None: of a finished run of 20 steps.
    record: what to change in run.json.
    changes: in the config, `section__field=value`.
  """
  if not (text / 'train.en').exists():
    write_text(text)
  config = make_config(text, **{'training__steps': 20, **changes})
  prepared = prepare(config, lambda line: None)
  workdir = Workdir(text / name)
  run = {
    'started': '2026-11-21T10:00:00+00:00',
    'data_fingerprint': prepared.fingerprint,
    'data_report': prepared.report,
    'microbatches': 1,
    'parameters': 1234,
    'mesh': {'data': 1, 'fsdp': 1, 'tensor': 1},
    'devices': '1 x cpu',
    'versions': {'jax': '0.10.2'},
    'commit': 'abcdef1234567890',
    'sessions': [session(0, 20, 'finished')],
  }
  workdir.write(config, prepared.tokenizers, run | (record or {}))
  write_rows(workdir, finished_rows() if rows is None else rows)
  return workdir


def session(from_step, step=None, why=None):
  """Returns a session; without `why` one that recorded no end."""
  begun = {'started': '2026-11-21T10:00:00+00:00', 'from_step': from_step}
  if why is None:
    return begun
  return begun | {
    'ended': '2026-11-21T11:00:00+00:00',
    'step': step,
    'why': why,
  }


def write_rows(workdir, rows):
  lines = ''.join(json.dumps(row) + '\n' for row in rows)
  workdir.metrics.write_text(lines)
