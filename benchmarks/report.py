"""What a benchmark prints: JSON lines, and a table of them at the end."""

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any


def now() -> str:
  """Returns the time in UTC, to the second."""
  return datetime.datetime.now(datetime.UTC).isoformat('T', 'seconds')


def print_record(record: Mapping[str, Any]) -> None:
  """Prints one measurement as a JSON line."""
  print(json.dumps(record), flush=True)


def print_table(
  records: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> None:
  """Prints a Markdown table of the records.

  Args:
    records: what `print_record` printed.
    columns: heading -> key of the records; a dot leads into a field. A key
      that a record lacks leaves its cell empty.
  """
  rows = [[*columns]] + [
    [_cell(record, key) for key in columns.values()] for record in records
  ]
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  rows.insert(1, ['-' * width for width in widths])
  for row in rows:
    cells = (cell.ljust(w) for cell, w in zip(row, widths, strict=True))
    print(f'| {" | ".join(cells)} |', flush=True)


def _cell(record: Mapping[str, Any], key: str) -> str:
  value: Any = record
  for part in key.split('.'):
    value = value.get(part) if isinstance(value, Mapping) else None
  if value is None:
    return ''
  if isinstance(value, list):
    return ' to '.join(map(_number, value))
  return _number(value)


def _number(value: Any) -> str:
  return f'{value:.4g}' if isinstance(value, float) else str(value)
