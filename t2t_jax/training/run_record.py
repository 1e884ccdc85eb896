"""Whose workdir this is: a run's identity, written once and compared then."""

import math
import platform
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from t2t_jax import __version__
from t2t_jax.checkpoints.manifest import steps_aside
from t2t_jax.checkpoints.store import list_steps
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config, resume_differences
from t2t_jax.data.token_store import Prepared
from t2t_jax.errors import UsageError
from t2t_jax.model.modules import PAPER, Modules
from t2t_jax.training.sessions import last_saved, now


def record_run(
  config: Config,
  workdir: Workdir,
  prepared: Prepared,
  shapes: tuple[tuple[int, int, int], ...],
  microbatches: int,
  params: Any,
  mesh: jax.sharding.Mesh,
  say: Callable[[str], None],
  modules: Modules = PAPER,
) -> None:
  """Makes `workdir` the run of `config`, or checks that it is.

  `params` are counted: their shapes are enough.

  Raises:
    UsageError: it holds a run that differs where a resumed run may not.
  """
  run = {
    'started': now(),
    'data_fingerprint': prepared.fingerprint,
    'data_report': prepared.report,
    'batch_shapes': [list(shape) for shape in shapes],
    'microbatches': microbatches,
    'parameters': sum(math.prod(p.shape) for p in jax.tree.leaves(params)),
    'mesh': dict(mesh.shape),
    'devices': f'{jax.device_count()} x {jax.devices()[0].device_kind}',
    'versions': _versions(),
    'commit': _commit(),
  }
  if modules.own():
    run['modules'] = modules.own()
  if workdir.holds_a_run():
    workdir.check_modules(modules.own())
    old = workdir.read_run()
    _check_same(config, workdir, old, run)
    _check_checkpoints(workdir, old)
    for name in ('devices', 'versions', 'microbatches', 'mesh'):
      if old[name] != run[name]:
        say(f'resuming with other {name}: {old[name]} -> {run[name]}')
    # Runs of older versions have no list of sessions.
    run |= {name: old[name] for name in ('started', 'sessions') if name in old}
  elif steps := list_steps(workdir.checkpoints):
    raise UsageError(
      f'--workdir={workdir.path}: holds checkpoints {steps} but no '
      f'{workdir.config_file.name} that says of which run; choose another '
      'directory'
    )
  workdir.write(config, prepared.tokenizers, run)


def recorded_split(
  config: Config, workdir: Workdir, mesh: jax.sharding.Mesh
) -> int | None:
  """Returns the microbatches that the run in `workdir` was cut into.

  None where there is no run, or what decides the number has changed: a
  resumed run keeps its split, to the bit, though memory is now estimated
  otherwise.
  """
  if not workdir.holds_a_run():
    return None
  old, run = workdir.read_config(), workdir.read_run()
  if run['mesh'] != dict(mesh.shape) or any(
    getattr(old.training, name) != getattr(config.training, name)
    for name in ('microbatch_tokens', 'device_memory_gib')
  ):
    return None
  return int(run['microbatches'])


def _check_same(
  config: Config, workdir: Workdir, old: dict[str, Any], new: dict[str, Any]
) -> None:
  differences = resume_differences(workdir.read_config(), config)
  if old['data_fingerprint'] != new['data_fingerprint'] and not differences:
    differences = [
      'the text: its fingerprint is '
      f'{new["data_fingerprint"][:12]}, was {old["data_fingerprint"][:12]}'
    ]
  if old.get('batch_shapes', new['batch_shapes']) != new['batch_shapes']:
    differences.append(
      'the batch shapes: this version of t2t_jax fits others to the same text'
    )
  if differences:
    raise UsageError(
      f'--workdir={workdir.path}: holds a run that differs in '
      f'{"; ".join(differences)}. Give its own config to go on, or another '
      'workdir'
    )


def _check_checkpoints(workdir: Workdir, run: dict[str, Any]) -> None:
  """Else a run whose checkpoints are lost would begin anew without a word."""
  step, directory = last_saved(run), workdir.checkpoints
  if step and not list_steps(directory) and not steps_aside(directory):
    raise UsageError(
      f'{directory}: expected checkpoints, for run.json tells that update '
      f'{step} was saved, found none; put them back, or delete the workdir to '
      'begin anew'
    )


def _versions() -> dict[str, str]:
  names = ('jax', 'flax', 'optax', 'orbax-checkpoint', 'sentencepiece')
  versions = {name: metadata.version(name) for name in names}
  return versions | {
    't2t_jax': __version__,
    'python': platform.python_version(),
  }


def _commit() -> str:
  """Returns the commit of the code that runs, `-dirty` where it was changed
  since; '' where the package is installed without its repository."""
  checkout = Path(__file__).parents[2]
  if not (checkout / '.git').exists():
    return ''
  command = ['git', 'describe', '--always', '--dirty', '--abbrev=40']
  try:
    result = subprocess.run(
      [*command, '--exclude=*'],
      cwd=checkout,
      capture_output=True,
      text=True,
      check=True,
      timeout=10,
    )
  except (OSError, subprocess.SubprocessError):
    return ''
  return result.stdout.strip()
