"""The beginning of a run, which all of its processes make together."""

import contextlib
import time
from collections.abc import Callable, Iterator

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config, differences, from_mapping, to_dict
from t2t_jax.data.task_lines import check_test_sets
from t2t_jax.data.token_store import Prepared, prepare
from t2t_jax.errors import UsageError
from t2t_jax.parallel import hosts
from t2t_jax.training.stopping import stop_at_once

# Network file systems show a new file to other machines after a while.
_SEEN_SECONDS = 30


@contextlib.contextmanager
def hold(workdir: Workdir, config: Config) -> Iterator[None]:
  """Holds `workdir` for this run: the first process locks it for all.

  Raises:
    UsageError: another run holds it, or it cannot be written; or this process
      was given another config than the first, or sees another directory.
  """
  lock = workdir.lock() if hosts.is_first() else None
  try:
    mine = {'config': to_dict(config), 'holder': workdir.holder()}
    first = hosts.exchange('start', mine)[0]
    if not hosts.is_first():
      _check_same_config(from_mapping(first['config']), config)
      _check_same_directory(workdir, first['holder'])
    yield
  finally:
    if lock is not None:
      lock.release()


def prepare_for_all(config: Config, say: Callable[[str], None]) -> Prepared:
  """Returns the prepared text, which the first process makes or finds.

  Then the others find it, or make the same where data.cache_dir is not shared.

  Raises:
    UsageError: as `prepare`; a test set cannot be read; or the text is not the
      first process's.
    Stopped: told to stop. It ends at once, for to prepare a large text takes
      longer than a launcher waits; what is done of it is kept.
  """
  with stop_at_once(
    'while the text was prepared; the same command goes on'
  ) as check:
    prepared = _prepare_for_all(config, say)
    check()
  return prepared


def _prepare_for_all(config: Config, say: Callable[[str], None]) -> Prepared:
  prepared = prepare(config, say) if hosts.is_first() else None
  if hosts.is_first():
    check_test_sets(config)
  fingerprint = hosts.exchange('prepared', prepared and prepared.fingerprint)[0]
  prepared = prepared or prepare(config, say)
  _check_positions(config, prepared)
  if prepared.fingerprint != fingerprint:
    raise UsageError(
      f'config.data: the text here has the fingerprint '
      f'{prepared.fingerprint[:12]}, that of process 0 {fingerprint[:12]}; all '
      'processes must read the same'
    )
  return prepared


def _check_positions(config: Config, prepared: Prepared) -> None:
  """Raises UsageError where a dev pair, which is never left out for its length,
  has no learned position for each of its tokens."""
  if config.model.positions != 'learned':
    return
  for side in ('source', 'target'):
    lengths = getattr(prepared.dev, f'{side}_lengths')
    most = config.model.max_positions
    if lengths.max(initial=0) > most:
      raise UsageError(
        f'config.data.dev_{side}: expected at most model.max_positions = '
        f'{most} tokens, as learned positions end there; found '
        f'{lengths.max()} in pair {lengths.argmax() + 1} of those that count'
      )


def _check_same_config(first: Config, mine: Config) -> None:
  if different := differences(first, mine):
    raise UsageError(
      'expected the config of process 0, found another: '
      f'{"; ".join(different)}. Give all processes the same command'
    )


def _check_same_directory(workdir: Workdir, holder: str) -> None:
  until = time.monotonic() + _SEEN_SECONDS
  while workdir.holder() != holder:
    if time.monotonic() > until:
      raise UsageError(
        f'--workdir={workdir.path}: is not the directory that process 0 '
        f"writes to: expected '{holder}' in its file lock, found "
        f"'{workdir.holder()}'; it must lie on a file system that all share"
      )
    time.sleep(0.5)
