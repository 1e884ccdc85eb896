"""The end of a run: its average, its scores, some of its translations."""

import os
from collections.abc import Callable

from t2t_jax.checkpoints.params import write_average
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.data.corpora import read_split, test_set_names
from t2t_jax.decoding.restored import abstract_params_of, restore_translator
from t2t_jax.evaluation.test_sets import evaluate_lines
from t2t_jax.training.finish_single_stack import finish_single_stack
from t2t_jax.training.loop import Result
from t2t_jax.training.metrics import MetricsWriter
from t2t_jax.training.next_command import command_on

_SAMPLES = 5


def finish(
  workdir: Workdir, result: Result, say: Callable[[str], None] = print
) -> None:
  """Averages, scores dev and test sets as the config decodes, and prints.

  What is said by the way goes to `say`, the results to standard output.
  """
  config = workdir.read_config()
  if result.early:
    say(f'ended after step {result.step}: {result.early}')
  write_average(
    workdir,
    config,
    config.checkpoint.average_last,
    abstract_params_of(workdir, config),
  )
  if config.task != 'translation':
    finish_single_stack(workdir, result.step)
    return
  translator, origin = restore_translator(workdir)
  decoding = config.decoding
  print(
    f'{origin}; beam {decoding.beam_size}, length penalty '
    f'{decoding.length_penalty_alpha}'
  )
  metrics = MetricsWriter(
    workdir, workdir.metrics.stat().st_size, config.logging.tensorboard
  )
  sources: tuple[str, ...] = ()
  for name in ('dev', *test_set_names(config.data)):
    sources, references = zip(*read_split(config.data, name), strict=True)
    hypotheses, scores = evaluate_lines(
      translator, sources, references, config.evaluation
    )
    title = {'heldout': 'held-out'}.get(name, name)
    print(f'{title} {scores.line()}', flush=True)
    metrics.write('test', result.step, {'test_set': name, **scores.to_dict()})
  metrics.close()
  _print_samples(sources, references, hypotheses)
  _print_command(workdir, sources[0])


def _print_samples(sources, references, hypotheses) -> None:
  step = max(1, len(sources) // _SAMPLES)
  for i in range(0, len(sources), step)[:_SAMPLES]:
    print(f'\nsource      {sources[i]}')
    print(f'reference   {references[i]}')
    print(f'translation {hypotheses[i]}')


def _print_command(workdir: Workdir, sentence: str) -> None:
  here = os.path.relpath(workdir.path)
  print(f'\nThe run is in {here}. Translate a sentence of your own with')
  print(f'  {command_on("translate", workdir, sentence)}')
