"""Commands run in this process: importing jax anew costs seconds each."""

import dataclasses
import io
import json
import runpy
import sys
from typing import Any
from unittest import mock

from absl import app, flags

# Flags of absl's own are defined once; all others by each command anew.
app.define_help_flags()


@dataclasses.dataclass(frozen=True)
class Finished:
  """What a command left: its exit status and what it wrote."""

  status: int
  stdout: str
  stderr: str

  @property
  def lines(self) -> list[str]:
    return self.stdout.split('\n')[:-1]

  @property
  def last_json(self) -> dict[str, Any]:
    return json.loads(self.lines[-1])


def run_command(
  name: str, *arguments: str, stdin: bytes = b'', package: str = 't2t_jax'
) -> Finished:
  """Runs `python -m PACKAGE.NAME ARGUMENTS`."""
  before = set(flags.FLAGS)
  streams = {
    'stdin': io.TextIOWrapper(io.BytesIO(stdin), encoding='utf-8'),
    'stdout': io.TextIOWrapper(io.BytesIO(), encoding='utf-8'),
    'stderr': io.TextIOWrapper(io.BytesIO(), encoding='utf-8'),
  }
  status = 0
  try:
    with mock.patch.multiple(sys, argv=[name, *arguments], **streams):
      runpy.run_module(f'{package}.{name}', run_name='__main__')
  except SystemExit as end:
    status = end.code or 0
  finally:
    for flag in set(flags.FLAGS) - before:
      delattr(flags.FLAGS, flag)
    flags.FLAGS.unparse_flags()
  return Finished(status, *map(_text, (streams['stdout'], streams['stderr'])))


def _text(stream: io.TextIOWrapper) -> str:
  stream.flush()
  return stream.buffer.getvalue().decode('utf-8')
