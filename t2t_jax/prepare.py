"""Makes vocabulary and token files of a config's text, and nothing else.

python -m t2t_jax.prepare --config=configs/base.py
"""

import json

from t2t_jax import cli

_CONFIG = cli.define_config()


def main() -> None:
  from t2t_jax.data.token_store import prepare

  prepared = prepare(cli.read_config(_CONFIG), cli.say)
  print(json.dumps(prepared.report, indent=2))
  print(prepared.directory)


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
