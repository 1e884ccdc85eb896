"""COMET (Rei et al. 2020), where its package and a model are installed."""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t2t_jax.errors import UsageError


class CometMetric:
  """The mean of a COMET model's scores of the sentences.

  Args:
    model: a checkpoint file, or a name such as Unbabel/wmt22-comet-da, which
      the package looks up in its cache and else downloads.
    gpus: 0 for CPU.

  Raises:
    UsageError: without the package, or a model that it cannot load.
  """

  key, decimals = 'comet', 4

  def __init__(self, model: str, gpus: int = 0) -> None:
    try:
      import comet
    except ImportError as error:
      raise UsageError(
        f'--comet={model}: needs the package comet ({error}); pip install '
        'unbabel-comet'
      ) from None
    path = Path(model).expanduser()
    try:
      checkpoint = str(path) if path.is_file() else comet.download_model(model)
      self._model = comet.load_from_checkpoint(checkpoint)
    # The package raises anything: KeyError, Exception, those of its network.
    except Exception as error:
      raise UsageError(f'--comet={model}: cannot be loaded: {error}') from error
    self.name = 'COMET'
    self._model_name, self._gpus = model, gpus

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
    # No progress bar: it might go to standard output, which is for results.
    result = self._model.predict(
      samples, batch_size=16, gpus=self._gpus, progress_bar=False
    )
    scores = np.array(result.scores, dtype=np.float64)
    return np.stack([scores, np.ones_like(scores)], axis=1)

  def score(self, sums: np.ndarray) -> float:
    return float(sums[0] / sums[1])

  def details(self, sums: np.ndarray) -> dict[str, Any]:
    return {}

  def signature(self) -> str:
    version = importlib.metadata.version('unbabel-comet')
    return f'model:{self._model_name}|version:{version}'
