"""--clock: what a benchmark is timed by."""

import time

from absl import flags

# --help tells of the flag among the command's own.
flags.disclaim_key_flags()

CLOCKS = {'wall': time.perf_counter, 'cpu': time.process_time}


def define_clock() -> flags.FlagHolder[str]:
  """Defines the flag, whose value is one of CLOCKS."""
  return flags.DEFINE_enum(
    'clock', 'wall', [*CLOCKS], 'cpu: CPU time, where others share a core'
  )
