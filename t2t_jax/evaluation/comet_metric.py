"""COMET (Rei et al. 2020), where its package and a model are installed.

It runs in a process of its own, in a Python of the user's choice: unbabel-comet
2.2 wants numpy below 2, JAX numpy from 2, so that the two cannot share an
environment; nor would torch find room on a GPU of which JAX holds the memory.
"""

import contextlib
import json
import subprocess
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t2t_jax.errors import UsageError

_WORKER = Path(__file__).with_name('comet_worker.py')


class CometMetric:
  """The mean of a COMET model's scores of the sentences.

  Args:
    model: a checkpoint file, or a name such as Unbabel/wmt22-comet-da, which
      the package looks up in its cache and else downloads.
    python: the interpreter that has the package; None: this one.
    gpus: 0 for CPU.

  Raises:
    UsageError: no such interpreter, no package, or a model that cannot be
      loaded.
  """

  key, name, decimals = 'comet', 'COMET', 4

  def __init__(
    self, model: str, python: str | None = None, gpus: int = 0
  ) -> None:
    self._model = model
    python = str(Path(python).expanduser()) if python else sys.executable
    # As text: by its path, the modules beside it would hide others' of the
    # same name, such as tokenizers.
    program = _WORKER.read_text(encoding='utf-8')
    try:
      self._process = subprocess.Popen(
        [python, '-c', program, model, str(gpus)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding='utf-8',
      )
    except OSError as error:
      raise UsageError(f'--comet_python={python}: {error.strerror}') from None
    weakref.finalize(self, _end, self._process)
    self._version = self._answer()['version']

  def counts(
    self,
    hypotheses: Sequence[str],
    references: Sequence[str],
    sources: Sequence[str] | None,
  ) -> np.ndarray:
    """Returns float (sentences, 2): the score, and 1 to divide by."""
    if sources is None:
      raise UsageError('--comet: needs the sources too; give --source=FILE')
    samples = [
      {'src': source, 'mt': hypothesis, 'ref': reference}
      for source, hypothesis, reference in zip(
        sources, hypotheses, references, strict=True
      )
    ]
    assert self._process.stdin is not None
    # A process that is gone gives no answer, which is told below.
    with contextlib.suppress(BrokenPipeError):
      self._process.stdin.write(f'{json.dumps(samples)}\n')
      self._process.stdin.flush()
    scores = np.array(self._answer()['scores'], dtype=np.float64)
    return np.stack([scores, np.ones_like(scores)], axis=1)

  def score(self, sums: np.ndarray) -> float:
    return float(sums[0] / sums[1])

  def details(self, sums: np.ndarray) -> dict[str, Any]:
    return {}

  def signature(self) -> str:
    return f'model:{self._model}|version:unbabel-comet-{self._version}'

  def _answer(self) -> dict[str, Any]:
    assert self._process.stdout is not None
    line = self._process.stdout.readline()
    answer = json.loads(line) if line else {'error': 'ended without an answer'}
    if 'missing' in answer:
      raise UsageError(
        f'--comet={self._model}: needs unbabel-comet ({answer["missing"]}); '
        'install it in an environment of its own and name that by '
        '--comet_python=PATH/bin/python'
      )
    if 'error' in answer:
      raise UsageError(f'--comet={self._model}: {answer["error"]}')
    return answer


def _end(process: subprocess.Popen) -> None:
  """Ends the process by the end of its input."""
  process.communicate()
