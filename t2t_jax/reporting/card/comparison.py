"""Several runs beside each other, and which differences are chance."""

from collections.abc import Iterator, Mapping, Sequence

from t2t_jax.config import flatten
from t2t_jax.config_metrics import title_of
from t2t_jax.evaluation.comparison import compare
from t2t_jax.reporting.card.curves import charts
from t2t_jax.reporting.card.facts import DEV_FIGURES, own_modules, shown
from t2t_jax.reporting.card.history import history
from t2t_jax.reporting.card.parts import (
  Card,
  Charts,
  Folded,
  Note,
  Part,
  Sample,
  Section,
  Table,
)
from t2t_jax.reporting.card.run import Run
from t2t_jax.reporting.card.samples import choose, sentence_chrf
from t2t_jax.reporting.card.translated import Translated
from t2t_jax.reporting.run_results import number
from t2t_jax.training.metrics import duration

_FREE = ('data.cache_dir', 'logging.compile_cache_dir')


def comparison_card(
  runs: Sequence[Run], translated: Mapping[str, Translated], notes: list[str]
) -> Card:
  """Returns the card of several runs; `translated` by name of the run."""
  sections = [
    _table(runs),
    Section('Curves', [Charts(charts({run.name: run.rows for run in runs}))]),
    *_significance(runs, translated),
    Section(
      'Sessions and faults',
      [
        *(Note(note, is_fault=True) for note in notes),
        *(Folded(run.name, history(run).parts, is_open=True) for run in runs),
      ],
    ),
  ]
  return Card(
    ' / '.join(run.name for run in runs),
    f'{len(runs)} runs: '
    + '; '.join(f'{run.name} {run.state}' for run in runs),
    sections,
  )


def _table(runs: Sequence[Run]) -> Section:
  rows = [
    [title, *cells]
    for title, cells in [*_settings(runs), *_figures(runs)]
    if any(cells)
  ]
  return Section(
    'Settings that differ, and results',
    [
      Table(['', *(run.name for run in runs)], rows),
      Note(
        'Final: of the finished model, decoded as its config says. Training '
        'time: without evaluations.'
      ),
    ],
  )


def _settings(runs: Sequence[Run]) -> Iterator[tuple[str, list[str]]]:
  flat = [flatten(run.config) for run in runs]
  for key in flat[0]:
    cells = [shown(values[key]) for values in flat]
    if len(set(cells)) > 1 and key not in _FREE:
      yield key, cells


def _figures(runs: Sequence[Run]) -> Iterator[tuple[str, list[str]]]:
  yield 'state', [run.state for run in runs]
  yield 'own modules', [own_modules(run) for run in runs]
  told_by = dict.fromkeys(name for run in runs for name in run.told_by)
  known = [name for name, _, _ in DEV_FIGURES]
  others = [(name, title_of(name), 2) for name in told_by if name not in known]
  for name, title, digits in (*DEV_FIGURES, *others):
    yield f'best dev: {title}', [_best(run, name, digits) for run in runs]
  tests = {
    run.name: {row['test_set']: row for row in run.of_kind('test')}
    for run in runs
  }
  for test_set in dict.fromkeys(
    name for rows in tests.values() for name in rows
  ):
    for name in told_by:
      yield (
        f'final {title_of(name)}: {test_set}',
        [
          f'{number(tests[run.name][test_set][name]):.2f}'
          if name in tests[run.name].get(test_set, {})
          else ''
          for run in runs
        ],
      )
  for name, title, write in (
    ('parameters', 'parameters', lambda x: f'{x:,.0f}'),
    ('train_seconds', 'training time', duration),
  ):
    yield (
      title,
      [
        write(run.results.figures[name]) if name in run.results.figures else ''
        for run in runs
      ],
    )
  pace = [run.median('target_tokens_per_second') for run in runs]
  yield 'target tokens/s', [f'{value:,.0f}' if value else '' for value in pace]
  yield 'training FLOPs', [f'{x:.2e}' if (x := r.flops()) else '' for r in runs]
  yield 'devices', [run.record.get('devices', '') for run in runs]
  yield 'commit', [run.record.get('commit', '')[:12] for run in runs]
  yield (
    'data fingerprint',
    [run.record.get('data_fingerprint', '')[:12] for run in runs],
  )


def _best(run: Run, name: str, digits: int) -> str:
  best = run.best_dev or {}
  return f'{number(best[name]):,.{digits}f}' if name in best else ''


# --- significance -------------------------------------------------------------


def _significance(
  runs: Sequence[Run], translated: Mapping[str, Translated]
) -> Iterator[Section]:
  """Compares the runs that translated the same sentences as the first."""
  found = [
    (run, translated[run.name]) for run in runs if run.name in translated
  ]
  if not found:
    return
  first, text = found[0][0], found[0][1].text
  same = [(r, t) for r, t in found if t.text.sha256() == text.sha256()]
  left_out = [run.name for run in runs if run not in [r for r, _ in same]]
  parts: list[Part] = []
  if left_out:
    parts.append(
      Note(
        f'Not compared, for want of the same dev sentences translated: '
        f'{", ".join(left_out)}.'
      )
    )
  if len(same) > 1:
    parts = [*_bootstrap(same, first), *parts]
  yield Section('Paired bootstrap on dev sentences', parts)
  if len(same) > 1:
    yield _side_by_side(same, first)


def _bootstrap(
  same: Sequence[tuple[Run, Translated]], first: Run
) -> Iterator[Part]:
  # One tokenisation for all, or the scores would not compare.
  tokenize = first.config.evaluation.bleu_tokenize
  reports = [t.report(tokenize) for _, t in same]
  rows = []
  for result in compare(reports, ['bootstrap']):
    for (run, _), system in zip(same, result['systems'], strict=True):
      p = '-' if system['p'] is None else f'{system["p"]:.4f}'
      rows.append(
        [
          result['metric_name'],
          run.name,
          f'{system["score"]:.2f} ± {system["interval"]:.2f}',
          p,
        ]
      )
  yield Table(['Metric', 'Run', 'score, 95 % interval', 'p'], rows, 2)
  yield Note(
    f'{len(same[0][1].hypotheses)} sentences, {result["trials"]:,} draws with '
    f'seed {result["seed"]}. p: how likely a difference to {first.name} as '
    'large as this is by chance. '
    + ' '.join(f'{run.name}: {t.origin}.' for run, t in same)
  )


def _side_by_side(
  same: Sequence[tuple[Run, Translated]], first: Run
) -> Section:
  """Sentences in which the runs differ most, by chrF."""
  tokenize = first.config.evaluation.bleu_tokenize
  chrf = [sentence_chrf(t.report(tokenize)) for _, t in same]
  spread = [max(scores) - min(scores) for scores in zip(*chrf, strict=True)]
  places = choose(spread)[0]
  text = same[0][1].text
  assert text.sources is not None
  samples = [
    Sample(
      f'Sentence {place + 1}',
      [
        ('source', text.sources[place]),
        ('reference', text.references[place]),
        *(
          (f'{run.name}, chrF {scores[place]:.1f}', t.hypotheses[place])
          for (run, t), scores in zip(same, chrf, strict=True)
        ),
      ],
    )
    for place in places
  ]
  return Section('Where they differ most', samples)
