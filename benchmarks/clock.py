"""--clock: what a benchmark's jobs are timed by."""

import time
from collections.abc import Callable

from absl import flags

# --help tells of the flag among those of the command.
flags.disclaim_key_flags()
_CLOCKS = {'wall': time.perf_counter, 'cpu': time.process_time}


def define_clock() -> Callable[[], Callable[[], float]]:
  """Defines the flag; returns what tells its clock once flags are read."""
  flag = flags.DEFINE_enum(
    'clock', 'wall', [*_CLOCKS], 'cpu: CPU time, where others share a core'
  )
  return lambda: _CLOCKS[flag.value]
