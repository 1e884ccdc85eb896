"""What one process reads and writes of checkpoints by itself."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
import tensorstore

from t2t_jax.checkpoints.manifest import verify
from t2t_jax.errors import UsageError
from t2t_jax.parallel import hosts


def here_alone() -> ocp.options.MultiprocessingOptions:
  """For what this process reads and writes while others do something else."""
  me = hosts.index()
  return ocp.options.MultiprocessingOptions(me, active_processes={me})


def params_checkpointer() -> ocp.Checkpointer:
  """Returns what reads and writes arrays in this process alone."""
  alone = here_alone()
  return ocp.Checkpointer(
    ocp.PyTreeCheckpointHandler(multiprocessing_options=alone),
    multiprocessing_options=alone,
  )


def restore_params(
  checkpoint: Path, abstract_params: Any, name: str = 'params'
) -> Any:
  """Returns the parameters alone of one checkpoint directory.

  Args:
    checkpoint: such as checkpoints/1000.
    abstract_params: shapes, dtypes and shardings to restore to.
    name: the part of the state to read: params or ema_params.

  Raises:
    UsageError: the checkpoint is damaged.
  """
  try:
    verify(checkpoint)
    item = {name: abstract_params}
    with params_checkpointer() as checkpointer:
      restored = checkpointer.restore(
        checkpoint / 'state',
        args=ocp.args.PyTreeRestore(
          item=item,
          restore_args=ocp.checkpoint_utils.construct_restore_args(item),
          partial_restore=True,
        ),
      )
    return restored[name]
  except Exception as error:
    raise UsageError(
      f'{checkpoint}: cannot be restored: {first_line(error)}; choose '
      'another with --checkpoint=STEP'
    ) from error


def read_all(directory: Path) -> None:
  """Reads all arrays of an item to nowhere.

  Raises:
    ValueError: a file is missing or damaged; other errors as orbax raises them.
  """
  # Of damaged files orbax tells in other threads' tracebacks, without a reason.
  _read_values(directory)
  with params_checkpointer() as checkpointer:
    metadata = checkpointer.metadata(directory).item_metadata
    if metadata is None:
      raise ValueError(f'{directory.name}: its list of arrays cannot be read')
    as_numpy = jax.tree.map(
      lambda _: ocp.RestoreArgs(restore_type=np.ndarray), metadata.tree
    )
    checkpointer.restore(
      directory, args=ocp.args.PyTreeRestore(restore_args=as_numpy)
    )


def _read_values(directory: Path) -> None:
  """Reads what orbax's database of an item holds, still encoded."""
  files = {'driver': 'file', 'path': f'{directory.absolute()}/'}
  values = tensorstore.KvStore.open({'driver': 'ocdbt', 'base': files}).result()
  for key in values.list().result():
    values.read(key).result()


def first_line(error: Exception) -> str:
  """Returns the first line of its message, cut where it is very long."""
  lines = str(error).strip().splitlines()
  return lines[0][:200] if lines else type(error).__name__
