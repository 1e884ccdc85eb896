"""The command that a finished run is used with."""

import os
import shlex
import sys

from t2t_jax.checkpoints.workdir import Workdir


def command_on(name: str, workdir: Workdir, line: str) -> str:
  """Returns `echo LINE | python -m t2t_jax.NAME --workdir=DIR`."""
  python = sys.executable
  if os.path.relpath(python).startswith('.venv'):
    python = os.path.relpath(python)
  here = os.path.relpath(workdir.path)
  return (
    f'echo {shlex.quote(line)} | {python} -m t2t_jax.{name} '
    f'--workdir={shlex.quote(here)}'
  )
