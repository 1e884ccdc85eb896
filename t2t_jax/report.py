"""Writes a run card: one page that tells what a run was and what came of it.

  python -m t2t_jax.report --workdir=runs/base
  python -m t2t_jax.report --workdir=runs/a --workdir=runs/b --output=ab.html

What was trained on what, config, curves that can be zoomed and read off,
results by length, dev translations, attention, speed, every session and fault.
Several --workdir: their differences, curves over each other, and a paired
bootstrap. The page is one file that loads nothing; the same is written as
Markdown beside it. The run may still be at work.

Dev sentences, at most 500, are translated as the run's config says and kept in
the workdir for the next report; --nosamples leaves them out.
"""

from absl import flags

from t2t_jax import cli
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.errors import UsageError

_WORKDIRS = flags.DEFINE_multi_string(
  'workdir', [], "a run's directory; may be given again"
)
_OUTPUT = flags.DEFINE_string(
  'output', None, 'FILE.html; default: report.html in the workdir'
)
_SAMPLES = flags.DEFINE_bool('samples', True, 'translates dev sentences')


def main() -> None:
  if not all(_WORKDIRS.value) or not _WORKDIRS.value:
    raise UsageError('--workdir: expected a directory, found none')
  workdirs = [Workdir(path) for path in _WORKDIRS.value]
  config = workdirs[0].read_config()
  cli.use_compile_cache(config.logging.compile_cache_dir)
  from t2t_jax.reporting.card.write import write_report

  write_report(workdirs, _OUTPUT.value, _SAMPLES.value, cli.say)


def run() -> None:
  cli.run(main)


if __name__ == '__main__':
  run()
