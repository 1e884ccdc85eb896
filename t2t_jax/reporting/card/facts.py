"""What was trained on what, how fast, and what happened on the way."""

import math
from collections.abc import Sequence
from typing import Any

from t2t_jax.config import flatten
from t2t_jax.config_files import base_values
from t2t_jax.config_metrics import title_of
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.errors import UsageError
from t2t_jax.reporting.card.parts import (
  Facts,
  Folded,
  Note,
  Part,
  Section,
  Table,
)
from t2t_jax.reporting.card.run import Run
from t2t_jax.reporting.run_results import number
from t2t_jax.training.metrics import duration

_COUNTS = {
  'read': 'pairs read',
  'kept': 'pairs kept',
  'empty': 'left out: empty',
  'duplicates': 'left out: duplicates',
  'identical': 'left out: identical sides',
  'script': 'left out: script',
  'too_long': 'left out: too long',
  'length_ratio': 'left out: length ratio',
}
# Of a dev row: name, title, decimals.
DEV_FIGURES = (
  ('nll', 'nll', 4),
  ('perplexity', 'perplexity', 2),
  ('bleu', 'BLEU', 2),
  ('step', 'at step', 0),
)
_TEST_FIGURES = (
  ('bleu', 'BLEU', 2),
  ('brevity_penalty', 'brevity penalty', 3),
  ('chrf', 'chrF', 2),
  ('sentences', 'sentences', 0),
)
_NO_FIGURE = frozenset(
  ['step', 'tokens', 'seconds', 'hypothesis_length', 'reference_length']
)


def lead(run: Run) -> str:
  """Returns the one line that says what came of the run."""
  parts = [run.state.capitalize()]
  if best := run.best_dev:
    figures = [f'nll {number(best["nll"]):.3f}'] if 'nll' in best else []
    figures += [
      f'{title_of(name)} {number(best[name]):.2f}'
      for name in run.told_by[:2]
      if name in best
    ]
    parts.append(f'best dev {", ".join(figures)} (step {best["step"]:,})')
  parts += [
    f'{row["test_set"]} {title_of(name)} {number(row[name]):.2f}'
    for row in run.of_kind('test')
    for name in run.told_by
    if row['test_set'] != 'dev' and name in row
  ]
  return '; '.join(parts)


def what_was_trained(run: Run) -> Section:
  model, data = run.config.model, run.config.data
  stacks = f'{model.num_encoder_layers} + {model.num_decoder_layers} layers'
  parameters = run.results.figures.get('parameters')
  return Section(
    'What was trained',
    [
      Facts(
        [
          (
            'Task',
            f'translation {run.direction}'
            if run.translates
            else run.config.task.replace('_', ' '),
          ),
          (
            'Model',
            f'{stacks}, d_model {model.d_model}, d_ff {model.d_ff}, '
            f'{model.num_heads} heads, {model.norm_position} norm',
          ),
          ("Modules that are not the paper's", own_modules(run)),
          ('Parameters', _count(parameters)),
          ('Data', _source(data)),
          ('Data fingerprint', run.record.get('data_fingerprint', '')),
          ('Vocabulary', _vocabulary(run)),
          ('State', run.state),
          ('Workdir', str(run.workdir.path)),
        ]
      ),
      *_counts(run),
    ],
  )


def own_modules(run: Run) -> str:
  """Returns the modules of the layers that are not the paper's, in words."""
  return _pairs(run.record.get('modules', {}))


def _source(data: Any) -> str:
  if data.kind == 'generated':
    return (
      f'generated, {data.generated_train_pairs:,} pairs, '
      f'seed {data.generated_seed}'
    )
  if data.kind == 'tfds':
    return f'TFDS {data.tfds_name}'
  files = ', '.join([*data.train_source, *data.train_target])
  return f'{files} in {data.directory}' if data.directory else files


def _vocabulary(run: Run) -> str:
  vocabulary = run.config.vocabulary
  try:
    tokenizers: Tokenizers = run.workdir.read_tokenizers()
  except (OSError, UsageError):
    return vocabulary.kind
  sizes = [tokenizers.source.vocab_size, tokenizers.target.vocab_size]
  if vocabulary.joint:
    return f'{vocabulary.kind}, joint, {sizes[1]:,} tokens'
  return (
    f'{vocabulary.kind}, {sizes[0]:,} source and {sizes[1]:,} target tokens'
  )


def _counts(run: Run) -> list[Part]:
  columns = _columns(run.record.get('data_report', {}))
  names = list(dict.fromkeys(name for c in columns.values() for name in c))
  rows = [
    [
      _COUNTS.get(name, name.replace('_', ' ')),
      *(_count(counts.get(name)) for counts in columns.values()),
    ]
    for name in names
    if any(counts.get(name) for counts in columns.values())
  ]
  return [Table(['After cleaning', *columns], rows)] if rows else []


def _columns(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
  """Returns {title: counts} of each split and, behind it, of its corpora."""
  columns: dict[str, dict[str, Any]] = {}
  for name, found in report.items():
    split = name.removesuffix('_corpora')
    if split != name:
      columns |= {f'{split}, {part}': counts for part, counts in found.items()}
    elif isinstance(found, dict):
      columns[name] = found
  return columns


def results(run: Run) -> Section:
  parts: list[Part] = []
  if best := run.best_dev:
    last = run.of_kind('dev')[-1]
    rows = [
      [title, _figure(best.get(name), digits), _figure(last.get(name), digits)]
      for name, title, digits in _figures_of([best], DEV_FIGURES)
    ]
    parts.append(Table(['Dev set', 'best', 'last'], rows))
  if tests := run.of_kind('test'):
    figures = _figures_of(tests, _TEST_FIGURES)
    rows = [
      [
        row['test_set'],
        *(_figure(row.get(name), digits) for name, _, digits in figures),
      ]
      for row in tests
    ]
    titles = ['Test set', *(title for _, title, _ in figures)]
    parts.append(Table(titles, rows))
    how = 'By the finished model, decoded as its config says.'
    signature = tests[0].get('bleu_signature')
    parts.append(Note(f'{how} BLEU: {signature}' if signature else how))
  return Section('Results', parts or [Note('No evaluation yet.')])


def _figures_of(
  rows: Sequence[dict[str, Any]], known: Sequence[tuple[str, str, int]]
) -> list[tuple[str, str, int]]:
  """Returns those of `known` that rows have, and what else is a figure."""
  others = dict.fromkeys(
    name
    for row in rows
    for name, value in row.items()
    if type(value) in (int, float) and name not in _NO_FIGURE
  )
  return [
    figure for figure in known if any(figure[0] in row for row in rows)
  ] + [
    (name, name.replace('_', ' '), 4)
    for name in others
    if name not in [figure[0] for figure in known]
  ]


def speed(run: Run) -> Section:
  figures = run.results.figures
  tokens, flops, mfu = run.target_tokens(), run.flops(), run.mfu()
  pace = run.median('target_tokens_per_second')
  padding = run.median('padding_share')
  seconds = figures.get('train_seconds')
  written = run.median('mfu')
  return Section(
    'Speed',
    [
      Facts(
        [
          ('Training time', duration(seconds) if seconds else ''),
          ('Target tokens read', f'{tokens:,.0f}' if tokens else ''),
          ('Target tokens a second', f'{pace:,.0f} (median)' if pace else ''),
          ('Padding', f'{padding:.1%} (median)' if padding is not None else ''),
          ('Training FLOPs', f'{flops:.2e}' if flops else ''),
          ('MFU', f'{mfu:.1%}' if mfu else f'{written:.1%}' if written else ''),
          ('Devices', run.record.get('devices', '')),
          ('Mesh', _pairs(run.record.get('mesh', {}))),
          ('Micro-batches', _count(run.record.get('microbatches'))),
        ]
      ),
      Note(
        'Training time: without evaluations and saves. FLOPs: the products and '
        'sums of the paper’s equations, forward and backward, padding not '
        'counted.'
      ),
    ],
  )


def settings(run: Run) -> Section:
  here = flatten(run.config)
  base: dict[str, Any] = {}
  for section, fields in base_values().items():
    if isinstance(fields, dict):
      base |= {f'{section}.{name}': value for name, value in fields.items()}
    else:
      base[section] = fields
  differing = [
    [key, shown(base.get(key)), shown(value)]
    for key, value in here.items()
    if shown(base.get(key)) != shown(value)
  ]
  whole = [[key, shown(value)] for key, value in here.items()]
  return Section(
    'Config',
    [
      Table(['Differs from configs/base.py', 'base', 'this run'], differing, 3)
      if differing
      else Note('It is configs/base.py.'),
      Folded('All settings', [Table(['Setting', 'Value'], whole, 2)]),
    ],
  )


def software(run: Run) -> Section:
  commit = run.record.get('commit')
  return Section(
    'Software',
    [
      Facts(
        [
          ('Commit', commit or 'unknown'),
          *((name, value) for name, value in run.record['versions'].items()),
        ]
        if 'versions' in run.record
        else [('Commit', commit or 'unknown')]
      )
    ],
  )


def shown(value: Any) -> str:
  """Returns a setting as a reader sees it."""
  if isinstance(value, tuple | list):
    return ', '.join(map(str, value)) or '-'
  return '-' if value in ('', None) else str(value)


def _count(value: Any) -> str:
  return '' if value is None else f'{value:,.0f}'


def _figure(value: Any, digits: int) -> str:
  found = number(value)
  if math.isnan(found):
    return '-' if value is None else str(value)
  return f'{found:,.{digits}f}'


def _pairs(values: dict[str, Any]) -> str:
  return ', '.join(f'{name} {value}' for name, value in values.items())
