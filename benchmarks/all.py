"""All benchmarks of this machine, one after the other, the most telling first.

  python -m benchmarks.all --output=runs/bench.jsonl
  python -m benchmarks.all --output=runs/bench.jsonl --seconds=500 --text=DIR
  python -m benchmarks.all --list

Each part is a process of its own. Its rows go to --output as they are made,
behind them one that says the part is done; what it says besides goes to the
file's .log. Parts that are done are not begun again, so stop it and start it
as you like. Those that failed come again behind all others, once, and those
whose time was up twice: three times what --list says, of two idle cores or a
large GPU; --slower gives the parts more.

With --seconds no part is begun that may not end in time, but for those that go
on where they were stopped; if some are left the status is 75: start it again.
Ends with a table of each benchmark, and with status 2 if parts have failed for
good.
"""

import contextlib
import dataclasses
import io
import json
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from benchmarks.columns import COLUMNS
from benchmarks.parts import Here, Part, parts_for
from benchmarks.report import now, print_table
from t2t_jax import cli
from t2t_jax.errors import UsageError, nearest
from t2t_jax.training.stopping import Stopped, stop_at_once

_ON = flags.DEFINE_enum('on', 'cpu', ['cpu', 'gpu'], 'the set of parts')
_OUTPUT = flags.DEFINE_string('output', 'runs/bench.jsonl', 'rows')
_PARTS = flags.DEFINE_list('parts', [], 'names; default: all')
_SECONDS = flags.DEFINE_integer(
  'seconds', 0, 'that this call may take; 0: as long as it takes', 0
)
_SLOWER = flags.DEFINE_float(
  'slower', 1.0, 'times slower than the machine that parts are meant for', 0.01
)
_TEXT = flags.DEFINE_string('text', '', "directory of Multi30k's text")
_FLAX_WMT = flags.DEFINE_string('flax_wmt', '', "flax's examples/wmt")
_WORK = flags.DEFINE_string('work', 'runs/bench', 'directory to work in')
_MICRO = flags.DEFINE_bool('micro', False, 'tiny parts, to try it out')
_LIST = flags.DEFINE_bool('list', False, 'print the parts and their commands')

# How often a part may end so.
_TRIES = {'failed': 2, 'ended': 3}
_OVER = 3  # times the seconds that it should take a part may take
_LEAST = 90  # seconds in which a part that goes on gets on
_SAVING = 20  # seconds that a part has for it when it is ended
_ROOT = Path(__file__).parents[1]


def main() -> None:
  start, output = time.monotonic(), Path(_OUTPUT.value)
  output.parent.mkdir(parents=True, exist_ok=True)
  parts = _parts(output.parent)
  if _LIST.value:
    for part in parts:
      print(f'{part.name} ({part.seconds} s): {" ".join(part.command)}')
    return
  # A part has a session of its own, so it must be ended with this process.
  with stop_at_once('in a part; the same command goes on'):
    while left := _left(parts, read_rows(output)):
      fitting = [part for part in left if _fits(part, start)]
      if not fitting:
        break
      _run(fitting[0], output, _limit(fitting[0], start))
  rows = read_rows(output)
  _print_tables(rows, output.with_suffix('.md'))
  if left := _left(parts, rows):
    names = ', '.join(part.name for part in left)
    raise Stopped(f'left are {names}; the same command goes on')
  if undone := [part.name for part in parts if not _is_done(part, rows)]:
    log = output.with_suffix('.log')
    raise UsageError(f'not measured: {", ".join(undone)}; {log} tells why')


def _parts(output: Path) -> list[Part]:
  here = Here(
    text=_TEXT.value,
    flax_wmt=_FLAX_WMT.value,
    work=str(Path(_WORK.value).absolute()),
    output=str(output.absolute()),
    micro=_MICRO.value,
  )
  parts = [
    dataclasses.replace(part, seconds=round(part.seconds * _SLOWER.value))
    for part in parts_for(_ON.value, here)
  ]
  names = [part.name for part in parts]
  for name in _PARTS.value:
    if name not in names:
      raise UsageError(
        f"--parts: expected some of {', '.join(names)}, found '{name}'."
        f'{nearest(name, names)}'
      )
  return [part for part in parts if part.name in (_PARTS.value or names)]


def read_rows(output: Path) -> list[dict[str, Any]]:
  """Returns the rows of the file, from which it cuts a broken last line."""
  if not output.exists():
    return []
  text = output.read_text(encoding='utf-8')
  whole = text[: text.rfind('\n') + 1]
  if whole != text:
    output.write_text(whole, encoding='utf-8')
  return [json.loads(line) for line in whole.splitlines()]


def _is_done(part: Part, rows: Sequence[dict[str, Any]]) -> bool:
  return any(row['part'] == part.name and 'done' in row for row in rows)


def _left(parts: Sequence[Part], rows: Sequence[dict[str, Any]]) -> list[Part]:
  """Returns the parts that are not done, those that never failed first."""
  tries = {
    part.name: [
      sum(row['part'] == part.name and how in row for row in rows)
      for how in _TRIES
    ]
    for part in parts
  }
  left = [
    part
    for part in parts
    if not _is_done(part, rows)
    and all(map(operator.lt, tries[part.name], _TRIES.values()))
  ]
  return sorted(left, key=lambda part: sum(tries[part.name]))


def _seconds_left(start: float) -> float:
  return _SECONDS.value - (time.monotonic() - start)


def _fits(part: Part, start: float) -> bool:
  needed = min(part.seconds, _LEAST) if part.goes_on else part.seconds
  return not _SECONDS.value or needed <= _seconds_left(start)


def _limit(part: Part, start: float) -> float:
  limit = _OVER * part.seconds
  return min(limit, _seconds_left(start)) if _SECONDS.value else limit


def _run(part: Part, output: Path, limit: float) -> None:
  """Runs a part and writes its rows down as they come."""
  cli.say(f'{now()}  {part.name}: {" ".join(part.command)}')
  module, *arguments = part.command
  command = [sys.executable, '-m', f'benchmarks.{module}', *arguments]
  start = time.monotonic()
  with (
    output.open('a', encoding='utf-8') as rows,
    output.with_suffix('.log').open('a', encoding='utf-8') as log,
    subprocess.Popen(
      command,
      cwd=_ROOT,
      stdout=subprocess.PIPE,
      stderr=log,
      text=True,
      start_new_session=True,
    ) as process,
  ):

    def write(row: dict[str, Any]) -> None:
      rows.write(json.dumps({'part': part.name} | row) + '\n')
      rows.flush()

    timer = threading.Timer(limit, _end, [process])
    timer.start()
    try:
      for line in process.stdout or ():
        if line.startswith('{'):
          write(json.loads(line))
        else:
          log.write(line)
          log.flush()
      status = process.wait()
    finally:
      timer.cancel()
      if process.poll() is None:
        _end(process)
    seconds = round(time.monotonic() - start, 1)
    if not status:
      write({'done': seconds})
    else:
      why = f'status {status} after {seconds} s, of {limit:.0f}'
      write({_how(part, seconds, limit): why})
      cli.say(f'{part.name}: {why}; {log.name} tells more')


def _how(part: Part, seconds: float, limit: float) -> str:
  """Returns how a part came to its end that is not done; 'stopped', which may
  be as often as it will, with the call and not by its own limit."""
  if seconds < limit:
    return 'failed'
  is_cut = part.goes_on and limit < _OVER * part.seconds
  return 'stopped' if is_cut else 'ended'


def _end(process: subprocess.Popen) -> None:
  """Ends a part and what it has begun, which may first save its state."""
  with contextlib.suppress(ProcessLookupError):
    os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
      process.wait(_SAVING)
    os.killpg(process.pid, signal.SIGKILL)


def _print_tables(rows: Sequence[dict[str, Any]], file: Path) -> None:
  """Prints a table of each benchmark, and writes them to `file`."""
  text = io.StringIO()
  with contextlib.redirect_stdout(text):
    for name, some in _by_benchmark(rows):
      print(f'\n{name}\n')
      print_table(some, COLUMNS[name])
    for row in rows:
      for how in _TRIES:
        if how in row:
          print(f'\n{row["part"]}: {row[how]}')
  file.write_text(text.getvalue(), encoding='utf-8')
  print(text.getvalue(), end='')


def _by_benchmark(
  rows: Sequence[dict[str, Any]],
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
  """Yields the rows of each benchmark; of a part that was begun again those
  of its last time."""
  begun: dict[str, list[dict[str, Any]]] = {}
  ended: set[str] = set()
  for row in rows:
    part = row['part']
    if part in ended:
      ended.remove(part)
      begun[part] = []
    if 'benchmark' in row:
      begun.setdefault(part, []).append(row)
    else:
      ended.add(part)
  for name in COLUMNS:
    some = [
      r for part in begun.values() for r in part if r['benchmark'] == name
    ]
    if some:
      yield name, some


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
