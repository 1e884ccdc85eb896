"""Whose workdir this is: a run's identity, written once and compared then."""

import datetime
import math
import platform
from collections.abc import Callable
from importlib import metadata
from typing import Any

import jax

from t2t_jax import __version__
from t2t_jax.checkpoints.store import list_steps
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config, resume_differences
from t2t_jax.data.token_store import Prepared
from t2t_jax.errors import UsageError


def record_run(
  config: Config,
  workdir: Workdir,
  prepared: Prepared,
  shapes: tuple[tuple[int, int, int], ...],
  microbatches: int,
  params: Any,
  mesh: jax.sharding.Mesh,
  say: Callable[[str], None],
) -> None:
  """Makes `workdir` the run of `config`, or checks that it is.

  `params` are counted: their shapes are enough.

  Raises:
    UsageError: it holds a run that differs where a resumed run may not.
  """
  run = {
    'started': datetime.datetime.now(datetime.UTC).isoformat('T', 'seconds'),
    'data_fingerprint': prepared.fingerprint,
    'data_report': prepared.report,
    'batch_shapes': [list(shape) for shape in shapes],
    'microbatches': microbatches,
    'parameters': sum(math.prod(p.shape) for p in jax.tree.leaves(params)),
    'mesh': dict(mesh.shape),
    'devices': f'{jax.device_count()} x {jax.devices()[0].device_kind}',
    'versions': _versions(),
  }
  if workdir.holds_a_run():
    old = workdir.read_run()
    _check_same(config, workdir, old, run)
    for name in ('devices', 'versions', 'microbatches', 'mesh'):
      if old[name] != run[name]:
        say(f'resuming with other {name}: {old[name]} -> {run[name]}')
    run['started'] = old['started']
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


def _versions() -> dict[str, str]:
  names = ('jax', 'flax', 'optax', 'orbax-checkpoint', 'sentencepiece')
  versions = {name: metadata.version(name) for name in names}
  return versions | {
    't2t_jax': __version__,
    'python': platform.python_version(),
  }
