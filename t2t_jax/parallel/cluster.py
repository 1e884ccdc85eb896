"""Which processes a run has, as the environment tells.

In this order:
  T2T_COORDINATOR=none           this process alone, whatever else is set
  T2T_COORDINATOR=auto           as jax's own detection finds (Slurm, Open MPI,
                                 Cloud TPU, Kubernetes with its package)
  T2T_COORDINATOR=HOST:PORT      of process 0, T2T_NUM_PROCESSES and
                                 T2T_PROCESS_ID (in an indexed Kubernetes job
                                 JOB_COMPLETION_INDEX does)
  a Slurm step of several tasks, a TPU pod: jax's own detection
  otherwise                      this process alone
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from t2t_jax.errors import UsageError

_NAMES = ('T2T_COORDINATOR', 'T2T_NUM_PROCESSES', 'T2T_PROCESS_ID')


def find(environ: Mapping[str, str]) -> dict[str, Any] | None:
  """Returns arguments of jax.distributed.initialize; None: one process.

  Raises:
    UsageError: a variable is missing or is not what it should be.
  """
  coordinator = environ.get('T2T_COORDINATOR', '')
  if coordinator == 'none':
    return None
  if coordinator == 'auto':
    return _slurm(environ) or {}
  if any(environ.get(name) for name in _NAMES):
    return _explicit(environ)
  # An interactive shell is a step of one task; SLURM_NTASKS is the job's there.
  tasks = environ.get('SLURM_STEP_NUM_TASKS') or environ.get('SLURM_NTASKS')
  if int(tasks or 1) > 1 and 'SLURM_STEP_NODELIST' in environ:
    return _slurm(environ)
  return {} if _is_tpu_pod(environ) else None


def heartbeat_seconds(environ: Mapping[str, str]) -> int:
  """Returns after how much silence a process counts as dead.

  30, or T2T_HEARTBEAT_SECONDS: jax's own 100 would let the others wait for
  longer than a minute.
  """
  return _seconds('T2T_HEARTBEAT_SECONDS', environ, 30)


def join_seconds(environ: Mapping[str, str]) -> int:
  """Returns how long the processes of a run wait for each other at its start.

  300, as jax, or T2T_JOIN_SECONDS: one that dies before it has joined is not
  known to the others, which give up after this time.
  """
  return _seconds('T2T_JOIN_SECONDS', environ, 300)


def _seconds(name: str, environ: Mapping[str, str], default: int) -> int:
  return _number(name, {name: environ.get(name) or str(default)}, 1, None)


def _explicit(environ: Mapping[str, str]) -> dict[str, Any] | None:
  values = {name: environ.get(name, '') for name in _NAMES}
  values['T2T_PROCESS_ID'] = values['T2T_PROCESS_ID'] or environ.get(
    'JOB_COMPLETION_INDEX', ''
  )
  missing = [name for name, value in values.items() if not value]
  if missing:
    raise UsageError(
      f'{", ".join(missing)}: not set; several processes need '
      f'{", ".join(_NAMES[:-1])} and {_NAMES[-1]}'
    )
  coordinator = values['T2T_COORDINATOR']
  host, _, port = coordinator.rpartition(':')
  if not (host and port.isdigit()):
    raise UsageError(
      'T2T_COORDINATOR: expected HOST:PORT of process 0, auto or none, found '
      f"'{coordinator}'"
    )
  processes = _number('T2T_NUM_PROCESSES', values, 1, None)
  process = _number('T2T_PROCESS_ID', values, 0, processes - 1)
  if processes == 1:
    return None
  return {
    'coordinator_address': coordinator,
    'num_processes': processes,
    'process_id': process,
    # Else jax would still ask a Kubernetes around it for its devices.
    'cluster_detection_method': 'deactivate',
  }


def _number(
  name: str, values: Mapping[str, str], least: int, most: int | None
) -> int:
  text = values[name]
  number = int(text) if text.isdigit() else -1
  if number < least or (most is not None and number > most):
    wanted = f'from {least}' if most is None else f'{least} to {most}'
    raise UsageError(f"{name}: expected a number {wanted}, found '{text}'")
  return number


def _slurm(environ: Mapping[str, str]) -> dict[str, Any]:
  # Under Slurm jax gives each process the one GPU of its number on the
  # machine. The only process of a machine takes all of them, and one that Slurm
  # shows its own alone (--gpus-per-task, --gpu-bind) those.
  if 'JAX_LOCAL_DEVICE_IDS' in environ:
    return {}
  tasks, nodes = (
    environ.get('SLURM_NTASKS'),
    environ.get('SLURM_STEP_NUM_NODES'),
  )
  gpus = environ.get('SLURM_GPUS_ON_NODE', '')
  if not gpus.isdigit():
    return {}
  visible = environ.get('CUDA_VISIBLE_DEVICES', '').split(',')
  if visible != [''] and len(visible) < int(gpus):
    return {'local_device_ids': list(range(len(visible)))}
  return {'local_device_ids': list(range(int(gpus)))} if tasks == nodes else {}


def _is_tpu_pod(environ: Mapping[str, str]) -> bool:
  workers = environ.get('TPU_PROCESS_ADDRESSES') or environ.get(
    'TPU_WORKER_HOSTNAMES', ''
  )
  if workers or 'MEGASCALE_NUM_SLICES' in environ:
    slices = environ.get('MEGASCALE_NUM_SLICES', '1')
    return ',' in workers or slices != '1'
  # A Cloud TPU machine outside Kubernetes: only its metadata server knows, and
  # jax asks it.
  return (
    'TPU_SKIP_MDS_QUERY' not in environ
    and find_spec('libtpu') is not None
    and any(Path(device).exists() for device in ('/dev/accel0', '/dev/vfio/0'))
  )
