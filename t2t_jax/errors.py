"""Errors that are the user's to mend: one readable line, exit status 2."""

import difflib
from collections.abc import Iterable


class UsageError(ValueError):
  """A mistake in a flag, a config, a file or a workdir.

  The message names the file, line or key, what was expected and what was
  found. Commands print it as one line and exit with status 2.
  """


def nearest(name: str, names: Iterable[str]) -> str:
  """` Did you mean 'x'?` for the real name most like `name`, or ''."""
  matches = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
  return f" Did you mean '{matches[0]}'?" if matches else ''


def one_line(error: Exception) -> str:
  """Returns what an error says, on one line."""
  return ' '.join(str(error).split())


def is_out_of_memory(error: RuntimeError) -> bool:
  """Whether a JaxRuntimeError tells of a device; without importing jax."""
  return 'RESOURCE_EXHAUSTED' in str(error)
