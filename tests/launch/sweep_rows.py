"""Rows of sweeps made by hand."""

import json
import pathlib

from t2t_jax.config import Config, from_mapping, to_dict
from t2t_jax.config_files import load
from t2t_jax.sweeps.rows import Row


def make_config(**changes) -> Config:
  """Returns quickstart's config; `section__field=value` changes a field."""
  mapping = load('configs/quickstart.py').to_dict()
  for key, value in changes.items():
    section, field = key.split('__')
    mapping[section][field] = value
  return from_mapping(mapping)


def make_row(directory: pathlib.Path, name: str, seed=None, **changes) -> Row:
  """Returns a row of `make_config`, with a seed of --seeds where given."""
  title = name if seed is None else f'{name},seed={seed}'
  if seed is not None:
    changes['training__seed'] = seed
  workdir = directory / title
  arguments = ('--config=configs/quickstart.py', f'--workdir={workdir}')
  return Row(name, seed, arguments, workdir, make_config(**changes))


def write_run(row: Row, *rows: dict, parameters=1000, config=None) -> None:
  """Makes the row's workdir that of a run with `rows` in metrics.jsonl."""
  row.workdir.mkdir(parents=True)
  config = json.dumps(to_dict(config or row.config))
  (row.workdir / 'config.json').write_text(config)
  (row.workdir / 'run.json').write_text(json.dumps({'parameters': parameters}))
  text = ''.join(json.dumps(each) + '\n' for each in rows)
  (row.workdir / 'metrics.jsonl').write_text(text)


def train(step: int, seconds: float) -> dict:
  return {'kind': 'train', 'step': step, 'train_seconds': seconds}


def dev(step: int, nll, perplexity) -> dict:
  return {'kind': 'dev', 'step': step, 'nll': nll, 'perplexity': perplexity}


def scores(step: int, **bleu) -> list[dict]:
  """The last rows of a finished run: BLEU by test set."""
  return [
    {'kind': 'test', 'step': step, 'test_set': name, 'bleu': score}
    for name, score in bleu.items()
  ]
