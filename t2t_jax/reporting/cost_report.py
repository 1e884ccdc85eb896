"""The cost of training in words, and as a table in the form of Table 2."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from t2t_jax.planning.cost import Cost
from t2t_jax.planning.published import P100_FLOPS, published_of
from t2t_jax.reporting.run_results import Measured
from t2t_jax.training.metrics import duration

_COLUMNS = (
  'model',
  'BLEU',
  'parameters',
  'training cost (FLOPs), counted',
  'as the paper counts it',
)


def lines(cost: Cost) -> Iterator[str]:
  """Yields what is known of one config, a line each."""
  total = sum(cost.parameters.values())
  yield f'{cost.name}: {total:,} parameters'
  for part, count in cost.parameters.items():
    yield f'  {part:34} {count:15,}  {count / total:6.1%}'
  update = cost.update
  yield (
    f'an update: {update.total:.4g} FLOPs of products, forward and twice as '
    'many backward'
  )
  forward = sum(update.padded.values())
  for part, flops in update.padded.items():
    if flops:
      yield f'  {part:34} {flops:11.4g} forward  {flops / forward:6.1%}'
  yield f'  of real tokens: {update.real_share:.1%}; the rest is padding'
  if cost.counted is not None:
    (rows, source, target), formula, counted = cost.counted
    yield (
      f'  by XLA, {rows} rows of {source} and {target}: {counted:.4g}, '
      f'{counted / formula:.3f} times the products; it counts every sum, '
      'softmax, norm, dropout and the optimizer as well, and rows of padding '
      'in the tables'
    )
  yield (
    f'the run: {cost.config.training.steps:,} updates, {cost.run_flops:.3g} '
    'FLOPs'
  )
  if paper := published_of(cost.config):
    yield (
      f"  the paper's: {paper.devices} P100 x {paper.hours:g} h x "
      f'{P100_FLOPS / 1e12:g} TFLOPS = {paper.flops:.2g}; the products are '
      f'{cost.run_flops / paper.flops:.0%} of that'
    )
  for found in cost.projections:
    mesh = ' x '.join(map(str, found.sizes))
    fits = '' if found.fits else ' (does not fit into memory)'
    yield (
      f'  {found.topology.name}: at least {duration(3600 * found.least_hours)} '
      f'by the data sheet (bfloat16, mesh {mesh}){fits}, '
      f'{duration(3600 * found.mfu_hours)} at an MFU of {cost.mfu:.0%}'
    )


def measured_line(run: Measured) -> str:
  """Returns what a run has cost so far."""
  line = (
    f'{run.name}: {run.updates:,} updates in {duration(run.train_seconds)} on '
    f'{run.devices} x {run.device_kind}'
  )
  if run.flops is not None and run.train_seconds:
    rate = run.flops / run.train_seconds
    line += f', {run.flops:.3g} FLOPs of real tokens, {rate:.3g} a second'
  return line if run.mfu is None else f'{line}, MFU {run.mfu:.1%}'


def table(
  costs: Sequence[Cost],
  measured: Sequence[Measured],
  sustained_flops: float | None,
) -> str:
  """Returns Table 2: models, their BLEU, their training cost.

  Args:
    costs: of configs; the paper's BLEU stands with its own models.
    measured: runs that are there.
    sustained_flops: of a device that they ran on, for the paper's way to
      count; None: not told.
  """
  rows = [_COLUMNS, ('---',) * len(_COLUMNS)]
  for cost in costs:
    paper = published_of(cost.config)
    rows.append(
      (
        cost.name,
        f'{paper.bleu} (paper)' if paper else 'not run',
        f'{sum(cost.parameters.values()):,}',
        f'{cost.run_flops:.2g}',
        f'{paper.flops:.2g} (paper)' if paper else '',
      )
    )
  for run in measured:
    as_paper = run.devices * run.train_seconds * (sustained_flops or 0)
    rows.append(
      (
        run.name,
        ', '.join(f'{bleu:.2f} {name}' for name, bleu in run.bleu.items())
        or 'not scored',
        '' if run.parameters is None else f'{run.parameters:,}',
        'not recorded' if run.flops is None else f'{run.flops:.2g}',
        f'{as_paper:.2g}' if as_paper else '',
      )
    )
  return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def as_json(
  costs: Sequence[Cost], measured: Sequence[Measured]
) -> dict[str, Any]:
  """Returns {'configs', 'runs'}: the same as plain values."""
  return {
    'configs': [_config_json(cost) for cost in costs],
    'runs': [dataclasses.asdict(run) | {'mfu': run.mfu} for run in measured],
  }


def _config_json(cost: Cost) -> dict[str, Any]:
  paper = published_of(cost.config)
  return {
    'name': cost.name,
    'parameters': cost.parameters,
    'update': {
      'flops': cost.update.total,
      'forward': cost.update.padded,
      'forward_of_real_tokens': cost.update.real,
    },
    'compiler': cost.counted
    and {
      'shape': list(cost.counted[0]),
      'formula': cost.counted[1],
      'counted': cost.counted[2],
    },
    'steps': cost.config.training.steps,
    'run_flops': cost.run_flops,
    'paper_flops': paper and paper.flops,
    'projections': [
      {
        'topology': found.topology.name,
        'mesh': list(found.sizes),
        'fits': found.fits,
        'least_hours': found.least_hours,
        'mfu_hours': found.mfu_hours,
      }
      for found in cost.projections
    ],
  }
