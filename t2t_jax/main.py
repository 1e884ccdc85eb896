"""Trains a Transformer from a config; resumes where its workdir stands.

  python -m t2t_jax.main --config=configs/base.py --workdir=runs/base

Ends with BLEU on the dev and test sets and some translations. Stopped by
SIGTERM it saves, exits with status 75, and the same command goes on. Several
processes, each given the same command, are one run (parallel/cluster.py says
how they are told of each other).
"""

from t2t_jax import cli
from t2t_jax.parallel import hosts

_CONFIG = cli.define_config()
_WORKDIR = cli.define_workdir()


def main() -> None:
  config = cli.read_config(_CONFIG)
  cli.use_compile_cache(config.logging.compile_cache_dir)
  hosts.join()
  # Not before the cache is set and all have joined: they start jax.
  from t2t_jax.training.finish import finish
  from t2t_jax.training.loop import train
  from t2t_jax.training.stopping import stop_at_once

  workdir = cli.workdir(_WORKDIR)
  result = train(config, workdir, cli.say_once)
  with stop_at_once(
    'after the last update; the same command scores the saved model'
  ):
    if hosts.is_first():
      finish(workdir, result, cli.say)
    hosts.exchange('finished', None)


def run() -> None:
  with hosts.ending_together():
    cli.run(main)


if __name__ == '__main__':
  run()
