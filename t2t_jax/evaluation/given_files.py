"""Files of lines that stand on a command line, which belong together."""

from collections.abc import Callable

from t2t_jax.decoding.lines.line_files import read_lines
from t2t_jax.errors import UsageError

_Say = Callable[[str], None]


def read_all(flag: str, name: str, say: _Say) -> list[str]:
  """Returns the lines of the file that `--flag=name` gives.

  Raises:
    UsageError: it cannot be read, or holds none.
  """
  lines = list(read_lines(name, say, flag))
  if not lines:
    raise UsageError(f'--{flag}={name}: expected lines, found none')
  return lines


def read_as_many(
  flag: str, name: str, reference: str, count: int, say: _Say
) -> list[str]:
  """Returns as `read_all` does; raises UsageError for another number of lines
  than the `count` of `reference`."""
  lines = read_all(flag, name, say)
  if len(lines) != count:
    raise UsageError(
      f'--{flag}={name} has {len(lines)} lines, --reference={reference} has '
      f'{count}: expected as many'
    )
  return lines
