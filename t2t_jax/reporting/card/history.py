"""Every start, end and fault of a run."""

import math

from t2t_jax.reporting.card.parts import Note, Part, Section, Table
from t2t_jax.reporting.card.run import Run
from t2t_jax.reporting.run_results import number


def history(run: Run) -> Section:
  sessions = run.record.get('sessions', [])
  parts: list[Part] = []
  if sessions:
    parts.append(
      Table(
        ['Began', 'How', 'Ended', 'After step', 'Why'],
        [_session(run, place) for place in range(len(sessions))],
        5,
      )
    )
  else:
    parts.append(Note(_unlisted(run)))
  parts += [Note(fault, is_fault=True) for fault in faults(run)]
  return Section('Sessions and faults', parts)


def faults(run: Run) -> list[str]:
  """Returns in words what went wrong, beside what the sessions tell."""
  found = [
    f'Checkpoint set aside as damaged: {path.name}'
    for path in sorted(run.workdir.path.glob('damaged.*'))
  ]
  for row in run.rows:
    for name in ('loss', 'nll', 'gradient_norm'):
      if name in row and math.isnan(number(row[name])):
        found.append(
          f'Step {row["step"]:,}: {row["kind"]} {name.replace("_", " ")} is '
          f'{row[name]}'
        )
  return found[:20] + [f'and {len(found) - 20} more'] * (len(found) > 20)


def _unlisted(run: Run) -> str:
  if origin := run.record.get('imported_from'):
    return f'Imported from {origin}.'
  began = _time(run.record.get('started', ''))
  return f'Began {began}. The version that recorded it lists no sessions.'


def _session(run: Run, place: int) -> list[str]:
  sessions = run.record['sessions']
  session = sessions[place]
  step = session['from_step']
  how = f'resumed after step {step:,}' if step else 'fresh'
  if 'ended' in session:
    end = [_time(session['ended']), f'{session["step"]:,}', session['why']]
  elif place + 1 < len(sessions):
    end = ['-', '-', 'killed: it recorded no end']
  else:
    sign = run.last_sign()
    last = f'; its newest row is from {_time(sign)}' if sign else ''
    end = ['-', '-', f'at work, or killed: no end recorded{last}']
  return [_time(session['started']), how, *end]


def _time(text: str) -> str:
  """2026-11-21T12:00:00+00:00 -> 2026-11-21 12:00:00 UTC."""
  return text.replace('T', ' ').replace('+00:00', ' UTC')
