"""How much is done of a group of lines, told as lines of the whole."""

from collections.abc import Callable

Report = Callable[[float], None]


def part_of(report: Report | None, before: int, lines: int) -> Report:
  """Returns what is told the share of a group that is done, 0 to 1.

  Args:
    report: is told how many lines are done in all; None: nobody is.
    before: lines done before the group.
    lines: of the group.
  """

  def tell(share: float) -> None:
    if report:
      report(before + share * lines)

  return tell
