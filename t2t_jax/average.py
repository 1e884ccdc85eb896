"""Averages the parameters of a run's last checkpoints (section 6.1).

  python -m t2t_jax.average --workdir=runs/base --last=5

Decoding with --checkpoint=averaged then takes this average.
"""

from absl import flags

from t2t_jax import cli

_WORKDIR = cli.define_workdir()
_LAST = flags.DEFINE_integer(
  'last', None, 'how many checkpoints; default: config.checkpoint.average_last'
)


def main() -> None:
  workdir = cli.workdir(_WORKDIR)
  config = workdir.read_config()
  cli.use_compile_cache(config.logging.compile_cache_dir)
  from t2t_jax.checkpoints.params import write_average
  from t2t_jax.decoding.restored import abstract_params_of

  last = config.checkpoint.average_last if _LAST.value is None else _LAST.value
  steps = write_average(
    workdir, config, last, abstract_params_of(workdir, config)
  )
  print(
    f'{workdir.averaged}: average of {len(steps)} checkpoints, steps '
    f'{", ".join(map(str, steps))}'
  )


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
