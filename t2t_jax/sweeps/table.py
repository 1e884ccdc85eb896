"""The table of a sweep: what differs and what came out, over seeds."""

import csv
import io
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t2t_jax.checkpoints.workdir import write_json
from t2t_jax.config import Config, flatten
from t2t_jax.config_metrics import figure_title
from t2t_jax.reporting.run_results import mean_and_sd, read_results
from t2t_jax.sweeps.rows import SEED, Row, short_names
from t2t_jax.training.metrics import duration

# Figure of a run: title of its column, how it is written. The order is that
# of the paper's Table 3; BLEU stands where _BLEU does.
_BLEU = ''
_COLUMNS = {
  'updates': ('updates', lambda x: f'{x:,.0f}'),
  'dev_nll': ('dev nll', lambda x: f'{x:.4f}'),
  'dev_perplexity': ('dev perplexity', lambda x: f'{x:.2f}'),
  _BLEU: ('BLEU', lambda x: f'{x:.2f}'),
  'parameters': ('parameters', lambda x: f'{x:,.0f}'),
  'train_seconds': ('train time', duration),
}
_NOTE = (
  'Differs: from the first row. dev nll (natural) and perplexity: a token of '
  "the row's vocabulary, the lowest of a run. BLEU: {bleu}, of the finished "
  'model, as any other metric; what differs from that is said. Train time '
  'without evaluations. Mean ± standard deviation over finished runs.'
)


def make_table(rows: Sequence[Row]) -> list[dict[str, Any]]:
  """Returns a JSON object a row, which holds its runs (one a seed).

  `mean` and `sd` are over the finished runs; of a row's only run they are the
  figures so far.
  """
  names = list(dict.fromkeys(row.name for row in rows))
  values = _differing(rows)
  table = []
  for name in names:
    same = [row for row in rows if row.name == name]
    runs = [_run(row) for row in same]
    counted = [run for run in runs if run['state'] == 'done']
    if not counted and len(runs) == 1:
      counted = runs
    figures = dict.fromkeys(key for run in counted for key in run['figures'])
    spread = {
      key: mean_and_sd(
        [run['figures'][key] for run in counted if key in run['figures']]
      )
      for key in figures
    }
    table.append(
      {
        'row': name,
        'settings': values[same[0].title],
        'bleu': _describe_bleu(same[0].config),
        'state': _state(runs),
        'finished_runs': sum(run['state'] == 'done' for run in runs),
        'mean': {key: mean for key, (mean, _) in spread.items()},
        'sd': {key: sd for key, (_, sd) in spread.items() if sd is not None},
        'runs': runs,
      }
    )
  return table


def to_markdown(table: Sequence[dict[str, Any]]) -> str:
  """Returns the table with columns of even width, and what they mean."""
  lines = [[c.replace('|', r'\|') for c in line] for line in _lines(table)]
  widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
  lines.insert(1, ['-' * width for width in widths])
  parts = [
    f'| {" | ".join(map(str.ljust, line, widths))} |\n' for line in lines
  ]
  if table:
    parts.append(f'\n{_NOTE.format(bleu=table[0]["bleu"])}\n')
  for run in itertools.chain.from_iterable(row['runs'] for row in table):
    if run['failure']:
      parts.append(f'\n{run["title"]} failed: {run["failure"]}\n')
  return ''.join(parts)


def _lines(table: Sequence[dict[str, Any]]) -> list[list[str]]:
  """Returns the cells, titles first."""
  keys = _figure_keys(table)
  titles = [_COLUMNS[k][0] if k in _COLUMNS else figure_title(k) for k in keys]
  lines = [['row', 'differs', 'runs', *titles, 'state']]
  first: dict[str, str] = {}
  for row in table:
    differs = [
      f'{key}={value}'
      for key, value in row['settings'].items()
      if first.get(key) != value
    ]
    first = first or row['settings']
    runs = f'{row["finished_runs"]}/{len(row["runs"])}'
    cells = [_cell(key, row) for key in keys]
    lines.append([row['row'], ' '.join(differs), runs, *cells, row['state']])
  return lines


def to_csv(table: Sequence[dict[str, Any]]) -> str:
  """Returns a line a row: settings, then each figure and its deviation."""
  keys = _figure_keys(table)
  settings = list(table[0]['settings']) if table else []
  columns = ['row', *settings, 'state', 'finished_runs']
  columns += itertools.chain.from_iterable((key, f'{key}_sd') for key in keys)
  text = io.StringIO()
  writer = csv.DictWriter(text, columns, lineterminator='\n')
  writer.writeheader()
  for row in table:
    deviations = {f'{key}_sd': sd for key, sd in row['sd'].items()}
    fixed = {key: row[key] for key in ('row', 'state', 'finished_runs')}
    writer.writerow({**fixed, **row['settings'], **row['mean'], **deviations})
  return text.getvalue()


def write_table(directory: Path, table: Sequence[dict[str, Any]]) -> str:
  """Writes table.md, table.csv and table.json; returns the first."""
  markdown = to_markdown(table)
  (directory / 'table.md').write_text(markdown, encoding='utf-8')
  (directory / 'table.csv').write_text(to_csv(table), encoding='utf-8')
  write_json(directory / 'table.json', _finite(table))
  return markdown


# --- parts --------------------------------------------------------------------


def _describe_bleu(config: Config) -> str:
  """Returns how a run's BLEU comes about, in words."""
  decoding, tokenize = config.decoding, config.evaluation.bleu_tokenize
  search = f'beam {decoding.beam_size}, penalty {decoding.length_penalty_alpha}'
  if decoding.method != 'beam':
    search = decoding.method
  checkpoint = decoding.checkpoint
  if checkpoint == 'averaged':
    last = config.checkpoint.average_last
    checkpoint = 'last checkpoint' if last == 1 else f'average of {last}'
  return f'sacreBLEU, tokenize {tokenize} ({search}, {checkpoint})'


def _run(row: Row) -> dict[str, Any]:
  results = read_results(row.workdir, row.config)
  failure = ''
  if row.failure_file.exists():
    failure = row.failure_file.read_text(encoding='utf-8').strip()
  if results and results.is_finished:
    state, failure = 'done', ''
  elif failure:
    state = 'failed'
  elif results:
    state = f'step {results.step}/{row.config.training.steps}'
  else:
    state = 'not started'
  return {
    'title': row.title,
    'seed': row.seed,
    'workdir': str(row.workdir),
    'state': state,
    'failure': failure,
    'figures': results.figures if results else {},
  }


def _state(runs: Sequence[dict[str, Any]]) -> str:
  states = [run['state'] for run in runs]
  if len(set(states)) == 1:
    return states[0]
  open_runs = [run for run in runs if run['state'] != 'done']
  return '; '.join(f'seed {run["seed"]}: {run["state"]}' for run in open_runs)


def _differing(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
  """Returns {title: {short key: value}} of the keys that are not all one."""
  flat = {row.title: flatten(row.config) for row in rows}
  if any(row.seed is not None for row in rows):
    for values in flat.values():
      del values[SEED]
  first = next(iter(flat.values()), {})
  keys = [
    key for key in first if any(v[key] != first[key] for v in flat.values())
  ]
  short = short_names(keys)
  return {
    title: {short[key]: _setting(values[key]) for key in keys}
    for title, values in flat.items()
  }


def _setting(value: Any) -> str:
  return ','.join(value) if isinstance(value, tuple) else str(value)


def _figure_keys(table: Sequence[dict[str, Any]]) -> list[str]:
  found = dict.fromkeys(key for row in table for key in row['mean'])
  place = list(_COLUMNS).index(_BLEU)
  keys = [key for key in _COLUMNS if key != _BLEU]
  keys[place:place] = [key for key in found if key not in _COLUMNS]
  return keys


def _cell(key: str, row: dict[str, Any]) -> str:
  if key not in row['mean']:
    return ''
  write = _COLUMNS.get(key, _COLUMNS[_BLEU])[1]
  cell = write(row['mean'][key])
  if row['sd'].get(key):
    cell += f' ± {write(row["sd"][key])}'
  return cell


def _finite(value: Any) -> Any:
  """JSON knows no NaN and no Infinity: they become strings."""
  if isinstance(value, dict):
    return {key: _finite(item) for key, item in value.items()}
  if isinstance(value, list | tuple):
    return [_finite(item) for item in value]
  is_odd = isinstance(value, float) and not math.isfinite(value)
  return str(value) if is_odd else value
