"""Makes a workdir of a model that another program trained.

  python -m t2t_jax.import_weights --from=opus-mt-en-de --workdir=runs/opus

--from is a MarianMT folder, as Hugging Face's transformers writes it: OPUS-MT
and its like. The workdir then translates, scores and exports like any other,
and training.init_from takes its parameters and vocabulary for a new run.
"""

from pathlib import Path

from absl import flags

from t2t_jax import cli
from t2t_jax.errors import UsageError

_FROM = flags.DEFINE_string('from', None, 'a MarianMT folder')
_WORKDIR = cli.define_workdir()


def main() -> None:
  if not _FROM.value:
    raise UsageError('--from: expected a MarianMT folder, found none')
  folder = Path(_FROM.value).expanduser()
  if not folder.is_dir():
    raise UsageError(f'--from={_FROM.value}: no such directory')
  workdir = cli.workdir(_WORKDIR)
  from t2t_jax.exchange.marian_import import import_marian

  import_marian(folder, workdir)
  print(
    f'{workdir.path}: ready; translate with\n  python -m t2t_jax.translate '
    f'--workdir={workdir.path}'
  )


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
