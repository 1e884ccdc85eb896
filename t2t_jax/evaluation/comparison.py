"""Systems compared with the first of them, in each metric by each test."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from t2t_jax.evaluation import significance
from t2t_jax.evaluation.reports import Report

# {as --significance names it: (name, function, trials as sacreBLEU makes)}
TESTS: dict[str, tuple[str, Callable[..., Any], int]] = {
  'bootstrap': ('paired bootstrap', significance.paired_bootstrap, 1000),
  'randomization': (
    'paired approximate randomization',
    significance.approximate_randomization,
    10_000,
  ),
}


def compare(
  reports: Sequence[Report],
  tests: Sequence[str],
  trials: int | None = None,
  seed: int = significance.SEED,
) -> Iterator[dict[str, Any]]:
  """Yields for each test and metric how the systems do, for JSON.

  Args:
    reports: on the systems, all of one test set and the same metrics.
    tests: of TESTS.
    trials: None: as many as sacreBLEU makes.
    seed: of the tests' random choices.
  """
  for test in tests:
    name, function, usual = TESTS[test]
    for number, metric in enumerate(reports[0].metrics):
      counts = [report.counts[number] for report in reports]
      yield {
        'test': name,
        'metric': metric.key,
        'metric_name': metric.name,
        'decimals': metric.decimals,
        'trials': trials or usual,
        'seed': seed,
        'systems': function(counts, metric.score, trials or usual, seed),
      }


def comparison_lines(
  systems: Sequence[str], comparison: dict[str, Any]
) -> Iterator[str]:
  """Yields a readable line for each system, of one of `compare`'s results."""
  how = (
    f'{comparison["test"]}, {comparison["trials"]} trials, '
    f'seed {comparison["seed"]}'
  )
  decimals = comparison['decimals']
  for system, row in zip(systems, comparison['systems'], strict=True):
    told = f'{comparison["metric_name"]} = {row["score"]:.{decimals}f}'
    if 'interval' in row:
      told += f' +- {row["interval"]:.{decimals}f}'
    if row['p'] is not None:
      told += f', p = {row["p"]:.4f} against {systems[0]}'
    yield f'{system}: {told} ({how})'


def compare_systems(
  names: Sequence[str],
  reports: Sequence[Report],
  chosen: str,
  trials: int | None,
  seed: int,
  say: Callable[[str], None],
) -> list[dict[str, Any]]:
  """Compares systems, tells it in lines, and returns it for JSON.

  Args:
    names, reports: of the systems; all are compared with the first.
    chosen: one of TESTS, both, or none.
    trials, seed: as `compare` takes them.
    say: gets a line as soon as it is known.
  """
  results = []
  tests = [test for test in TESTS if chosen in (test, 'both')]
  for result in compare(reports, tests, trials, seed):
    results.append(result)
    for line in comparison_lines(names, result):
      say(line)
  return results
