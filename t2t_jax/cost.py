"""Tells what training costs, as the paper's Table 2 does, before or after.

  python -m t2t_jax.cost configs/base.py configs/big.py --lengths=25x25
  python -m t2t_jax.cost configs/multi30k.py --workdir=runs/multi30k

For each config (FILE or FILE:ARGUMENT; --config.key=value holds for all):
parameters by part, operations of an update by part, by formula and as XLA
counts them, those of the whole run beside the paper's, and hours on chips that
need not be there. --lengths=SxT needs no text. Each --workdir adds a run with
its measured BLEU and cost. Ends with a table in the form of Table 2.
"""

import json
from pathlib import Path

from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError

_CONFIGS = flags.DEFINE_multi_string(
  'config', [], 'a config; --config= may be left out'
)
_SETTINGS = cli.define_settings()
_WORKDIRS = flags.DEFINE_multi_string('workdir', [], "a run's directory")
_LENGTHS = flags.DEFINE_string(
  'lengths', '', 'source x target tokens, such as 25x25, in place of the text'
)
_TOPOLOGIES = flags.DEFINE_list(
  'topology', 'a100:1x8,h100:1x8,v5e:4x4,v5p:2x2x2', "chips; '': none"
)
_MFU = flags.DEFINE_float(
  'mfu', 0.4, 'share of their peak (bfloat16) that is assumed', 1e-9, 1.0
)
_SUSTAINED = flags.DEFINE_float(
  'sustained_tflops',
  0.0,
  'of a device of --workdir, to count devices x time x this too',
  0.0,
)
_COMPILER = flags.DEFINE_bool('compiler', True, 'let XLA count too')
_JSON = flags.DEFINE_bool('json', False, 'end with a JSON object of all of it')


def main() -> None:
  if not (_CONFIGS.value or _WORKDIRS.value):
    raise UsageError(
      'expected configs such as configs/base.py, or --workdir=DIR, found none'
    )
  # Not before the flags are known to be right: they start jax.
  from t2t_jax.parallel.topologies import parse
  from t2t_jax.planning.cost import Question, cost_of
  from t2t_jax.reporting import cost_report
  from t2t_jax.reporting.run_results import read_measured

  question = Question(
    _LENGTHS.value,
    _COMPILER.value,
    tuple(parse(name) for name in _TOPOLOGIES.value),
    _MFU.value,
  )
  measured = [read_measured(Path(path)) for path in _WORKDIRS.value]
  settings = [f'--{setting}' for setting in _SETTINGS.value]
  configs = {
    name: cli.config_of([f'--config={name}', *settings])
    for name in _CONFIGS.value
  }
  costs = []
  for name, config in configs.items():
    costs.append(cost_of(name, config, question, cli.say))
    for line in cost_report.lines(costs[-1]):
      print(line)
    print(flush=True)
  for known in measured:
    print(cost_report.measured_line(known))
  print(cost_report.table(costs, measured, _SUSTAINED.value * 1e12))
  if _JSON.value:
    print(json.dumps(cost_report.as_json(costs, measured)))


def run() -> None:
  cli.run(main, cli.files_as('config'))


if __name__ == '__main__':
  run()
