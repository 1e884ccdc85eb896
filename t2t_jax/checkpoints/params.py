"""Parameters to translate with: of one checkpoint or averaged over many."""

import json
import shutil
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from t2t_jax.checkpoints.alone import (
  first_line,
  here_alone,
  params_checkpointer,
  restore_params,
)
from t2t_jax.checkpoints.store import list_steps
from t2t_jax.checkpoints.workdir import Workdir, write_json
from t2t_jax.config import Config
from t2t_jax.errors import UsageError, nearest


def params_name(config: Config) -> str:
  """The part of the training state that translates."""
  return 'ema_params' if config.training.ema_decay > 0 else 'params'


def load_params(
  workdir: Workdir, config: Config, checkpoint: str, abstract_params: Any
) -> tuple[Any, str]:
  """Returns the parameters and, in words, where they come from.

  Args:
    checkpoint: latest, best, a step, or averaged: what `write_average` left
      if it is of the newest checkpoint, else the mean of the last
      `config.checkpoint.average_last`.

  Raises:
    UsageError: no such checkpoint, or a damaged one.
  """
  steps = list_steps(workdir.checkpoints)
  if not steps:
    raise UsageError(f'{workdir.checkpoints}: no checkpoint yet')
  if checkpoint == 'averaged':
    stored = _stored_average(workdir)
    if stored and stored[-1] == last_scheduled(workdir, 1)[-1]:
      params = restore_params(workdir.averaged, abstract_params)
    else:
      stored = last_scheduled(workdir, config.checkpoint.average_last)
      params = average_params(workdir, config, stored, abstract_params)
    return params, f'average of checkpoints {", ".join(map(str, stored))}'
  step = _choose(workdir, checkpoint, steps)
  directory = workdir.checkpoints / str(step)
  params = restore_params(directory, abstract_params, params_name(config))
  return params, f'checkpoint {step}'


def _choose(workdir: Workdir, checkpoint: str, steps: list[int]) -> int:
  if checkpoint == 'latest':
    return steps[-1]
  if checkpoint == 'best':
    best = read_progress(workdir, steps[-1])['best_step']
    if best is None:
      raise UsageError(
        f'--checkpoint=best: no evaluation chose one of {steps} yet; try latest'
      )
    if best not in steps:
      raise UsageError(
        f'--checkpoint=best: the best evaluation was of step {best}, whose '
        f'checkpoint was not kept (checkpoint.keep_best); found {steps}'
      )
    return best
  names = ['averaged', 'best', 'latest', *map(str, steps)]
  if checkpoint not in names:
    raise UsageError(
      f'--checkpoint={checkpoint}: expected one of {", ".join(names)}.'
      f'{nearest(checkpoint, names)}'
    )
  return int(checkpoint)


def read_progress(workdir: Workdir, step: int) -> dict[str, Any]:
  """Returns what a checkpoint holds beside arrays (training/progress.py).

  Raises:
    UsageError: that part is damaged.
  """
  directory = workdir.checkpoints / str(step) / 'progress'
  try:
    alone = here_alone()
    with ocp.Checkpointer(
      ocp.JsonCheckpointHandler(multiprocessing_options=alone),
      multiprocessing_options=alone,
    ) as checkpointer:
      return checkpointer.restore(directory)
  except Exception as error:  # orbax raises of many kinds
    raise UsageError(
      f'{directory}: cannot be read: {first_line(error)}; choose another '
      'with --checkpoint=STEP'
    ) from error


def last_scheduled(workdir: Workdir, count: int) -> list[int]:
  """Returns the newest `count` checkpoints that the cadence wrote.

  Those written because a run was told to stop are left out: an average must
  not depend on when that was.
  """
  steps = list_steps(workdir.checkpoints)
  if not steps:
    raise UsageError(f'{workdir.checkpoints}: no checkpoint yet')
  scheduled = read_progress(workdir, steps[-1])['scheduled_steps']
  chosen = [step for step in scheduled if step in steps][-count:]
  return chosen or steps[-1:]


def average_params(
  workdir: Workdir, config: Config, steps: list[int], abstract_params: Any
) -> Any:
  """Returns the mean of the parameters of checkpoints `steps` (6.1).

  Summed in the order of `steps`, with two of them in memory at a time.
  """
  total = None
  for step in steps:
    params = restore_params(
      workdir.checkpoints / str(step), abstract_params, params_name(config)
    )
    if total is None:
      # A sum of bfloat16 would lose what the later ones add.
      total = jax.tree.map(lambda x: x.astype(jnp.float32), params)
    else:
      total = jax.tree.map(jnp.add, total, params)
  return jax.tree.map(
    lambda x, like: (x / len(steps)).astype(like.dtype), total, abstract_params
  )


def write_average(
  workdir: Workdir, config: Config, last: int, abstract_params: Any
) -> list[int]:
  """Writes the mean of the `last` newest checkpoints to averaged/.

  Returns:
    The steps averaged: fewer than `last` where fewer are kept.

  Raises:
    UsageError: `last` is below 1, or there is no checkpoint.
  """
  if last < 1:
    raise UsageError(f'--last={last}: expected at least 1')
  steps = last_scheduled(workdir, last)
  params = average_params(workdir, config, steps, abstract_params)
  shutil.rmtree(workdir.averaged, ignore_errors=True)
  # numpy's: of jax's, orbax takes only those that lie on all processes.
  params = jax.tree.map(np.asarray, params)
  with params_checkpointer() as checkpointer:
    checkpointer.save(workdir.averaged / 'state', {'params': params})
  # The list makes it valid, so it comes last.
  write_json(workdir.averaged / 'steps.json', {'steps': steps})
  return steps


def _stored_average(workdir: Workdir) -> list[int] | None:
  try:
    return json.loads((workdir.averaged / 'steps.json').read_text())['steps']
  except (OSError, ValueError, KeyError, TypeError):  # none, or damaged
    return None
