"""The end of a run of one stack: its figures, and what it makes."""

import os
from collections.abc import Sequence

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config_task import TASKS
from t2t_jax.data.task_lines import Line, read_lines
from t2t_jax.decoding.restored import Restored, restore
from t2t_jax.evaluation.single_stack import make_judge, read_test_sets
from t2t_jax.training.metrics import MetricsWriter
from t2t_jax.training.next_command import command_on

_SAMPLES = 5


def finish_single_stack(workdir: Workdir, step: int) -> None:
  """Judges dev and test sets, and prints; the average is written already."""
  restored = restore(workdir, tasks=TASKS)
  config = restored.config
  print(restored.origin)
  metrics = MetricsWriter(
    workdir, workdir.metrics.stat().st_size, config.logging.tensorboard
  )
  judge = make_judge(restored)
  dev = list(read_lines(config, 'dev'))
  sets = {'dev': dev, **read_test_sets(config)}
  for name, lines in sets.items():
    scores = judge(lines)
    title = {'heldout': 'held-out'}.get(name, name)
    print(f'{title}: {scores.line()}', flush=True)
    metrics.write('test', step, {'test_set': name, **scores.to_dict()})
  metrics.close()
  here = os.path.relpath(workdir.path)
  words = next(words for words, _ in dev if words.strip())
  if config.task == 'language_model':
    _print_samples(workdir)
    command = command_on('generate', workdir, words.split()[0])
    print(f'\nThe run is in {here}. Go on from words of your own with')
  else:
    _print_labels(restored, dev)
    command = command_on('tag', workdir, words)
    print(f'\nThe run is in {here}. Label a sentence of your own with')
  print(f'  {command}')


def _print_samples(workdir: Workdir) -> None:
  restored = restore(
    workdir,
    tasks=('language_model',),
    method='sampling',
    num_samples=_SAMPLES,
    mbr='none',
  )
  [drawn] = restored.translator().translate([''], nbest=_SAMPLES)
  print()
  for hypothesis in drawn.hypotheses:
    print(f'sample      {hypothesis.text}')


def _print_labels(restored: Restored, lines: Sequence[Line]) -> None:
  few = lines[:: max(1, len(lines) // _SAMPLES)][:_SAMPLES]
  labels = restored.tagger().tag([words for words, _ in few])
  for (words, wanted), found in zip(few, labels, strict=True):
    print(f'\nwords       {words}')
    print(f'labels      {wanted}')
    print(f'found       {found}')
