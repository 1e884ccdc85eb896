"""Which commands of the documents are only read, and why.

Of all others each is run: those of QUICK documents, but for SLOW commands, by
`make test`, the rest by `make test-slow`.
"""

import re

# A pattern of the command's beginning, and the reason.
ONLY_READ = (
  (r'make ', 'sets up an environment, downloads, or takes minutes'),
  (r'(python -m )?pip ', 'needs the network'),
  (r'sbatch |srun ', 'needs Slurm'),
  (r'kubectl |docker ', 'needs a cluster, or an engine of containers'),
  (r'launch/\w+\.sh ', 'starts processes, here or on other machines'),
  (r'[A-Z_0-9]+=\S+ ', 'starts one of several processes'),
  (r'tail -f ', 'has no end'),
  (r't2t-translate --workdir=\S+$', 'asks on a terminal'),
  (r'.*--topology=', 'needs the compiler of another machine'),
  (
    r'.*(main|prepare|doctor) .*configs/(base|big)\w*\.py(?!.*train_source)',
    'needs WMT 2014; test_wmt_recipes.py has it in tiny archives',
  ),
  (r'.*--resume', 'completes what was broken off'),
  (r'.*visualize .*--heads=1,3', 'shows heads that a tiny run does not have'),
  (r'.*configs/(parsing|scan|g2p|inflection)', 'needs data of its own form'),
)

# What takes seconds although it is turned down, mostly a program to compile.
SLOW = (
  r'.*--format=stablehlo',
  # What follows it in the tutorial.
  r'cd |python translate\.py',
  r'.*t2t_jax\.doctor',
  r'.*init_from=',
  r'.*--nbest',
  r'.*--length_penalty_alpha=1',
)


def why_only_read(command: str) -> str:
  """Returns the reason why a command is not run, '' of one that is."""
  for pattern, reason in ONLY_READ:
    if re.match(pattern, command):
      return reason
  return ''


def is_slow(command: str) -> bool:
  return any(re.match(pattern, command) for pattern in SLOW)
