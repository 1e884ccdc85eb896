"""Peers that slow each other down in one process."""

from collections.abc import Sequence

from t2t_jax.errors import UsageError

_ALONE = ('ctranslate2', 'torch')


def check_company(peers: Sequence[str], platform: str) -> None:
  """Raises UsageError where several peers have threads of OpenMP on a CPU.

  Each pool of them slows the others: beside another, CTranslate2 took up to 1.7
  times as long (BUILD_NOTES.md). XLA's threads do not do that.
  """
  found = [peer for peer in peers if peer.startswith(_ALONE)]
  if platform == 'cpu' and len(found) > 1:
    raise UsageError(
      '--peers: on a CPU expected at most one of CTranslate2 and torch, for '
      f'they slow each other down, found {", ".join(found)}'
    )
