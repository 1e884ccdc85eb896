"""The card of one run or of several, into its files."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.decoding.lines.line_files import open_output
from t2t_jax.errors import UsageError
from t2t_jax.reporting.card import facts, samples
from t2t_jax.reporting.card.comparison import comparison_card
from t2t_jax.reporting.card.curves import charts
from t2t_jax.reporting.card.history import history
from t2t_jax.reporting.card.html import page
from t2t_jax.reporting.card.markdown import markdown
from t2t_jax.reporting.card.parts import Card, Charts, Note, Section
from t2t_jax.reporting.card.run import Run, read_run
from t2t_jax.reporting.card.translated import Translated, translate_dev

Say = Callable[[str], None]


def write_report(
  workdirs: Sequence[Workdir],
  output: str | None,
  with_samples: bool,
  say: Say,
) -> None:
  """Writes FILE.html and FILE.md: a run's card, or a comparison of several.

  Args:
    workdirs: of runs in any state.
    output: FILE.html; None: report.html in the workdir, comparison.html in
      the first of several.
    with_samples: translates dev sentences, unless it was done before.
    say: is told of progress, in lines.

  Raises:
    UsageError: a workdir without a run, one given twice, no dev tokenisation,
      or an output that cannot be written.
  """
  file = _output(workdirs, output)
  runs = [
    read_run(workdir, name)
    for workdir, name in zip(workdirs, _names(workdirs), strict=True)
  ]
  card = (_card if len(runs) == 1 else _comparison)(runs, with_samples, say)
  for path, text in (
    (file, page(card)),
    (file.with_suffix('.md'), markdown(card)),
  ):
    with open_output(str(path)) as opened:
      opened.write(text)
    say(f'wrote {path}')


def _output(workdirs: Sequence[Workdir], output: str | None) -> Path:
  for place, workdir in enumerate(workdirs):
    if workdir.path in [other.path for other in workdirs[:place]]:
      raise UsageError(f'--workdir={workdir.path}: given twice')
  if output is None:
    name = 'report.html' if len(workdirs) == 1 else 'comparison.html'
    return workdirs[0].path / name
  if Path(output).suffix != '.html':
    raise UsageError(f"--output: expected FILE.html, found '{output}'")
  return Path(output).expanduser()


def _names(workdirs: Sequence[Workdir]) -> list[str]:
  """Returns the directories' names, whole paths of those that share one."""
  counts = Counter(workdir.path.name for workdir in workdirs)
  return [
    workdir.path.name if counts[workdir.path.name] == 1 else str(workdir.path)
    for workdir in workdirs
  ]


def _card(runs: Sequence[Run], with_samples: bool, say: Say) -> Card:
  [run] = runs
  found, notes = _translated(runs, with_samples, say)
  shown = [
    section
    for translated in found.values()
    for section in samples.sections(translated, run.config)
  ]
  if notes:
    shown.append(Section('Samples', [Note(note) for note in notes]))
  drawn = charts({run.name: run.rows})
  return Card(
    run.name,
    facts.lead(run),
    [
      facts.what_was_trained(run),
      facts.results(run),
      Section('Curves', [Charts(drawn) if drawn else Note('No figures yet.')]),
      *shown,
      facts.speed(run),
      history(run),
      facts.settings(run),
      facts.software(run),
    ],
  )


def _comparison(runs: Sequence[Run], with_samples: bool, say: Say) -> Card:
  found, notes = _translated(runs, with_samples, say)
  return comparison_card(runs, found, notes)


def _translated(
  runs: Sequence[Run], with_samples: bool, say: Say
) -> tuple[dict[str, Translated], list[str]]:
  """Returns translations by name of the run, and why there are none."""
  found, notes = {}, []
  for run in runs if with_samples else []:
    try:
      found[run.name] = translate_dev(run, say)
    except UsageError as error:
      notes.append(f'{run.name}: no translations of dev sentences: {error}')
      say(notes[-1])
  return found, notes
