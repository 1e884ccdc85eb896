"""The SentencePiece models of a vocabulary, as files for other programs."""

from pathlib import Path

from t2t_jax.data.tokenizer import Tokenizers


def write_models(tokenizers: Tokenizers, directory: Path, suffix: str) -> None:
  """Writes source and target SUFFIX; nothing for a side without a model."""
  for side in ('source', 'target'):
    files = getattr(tokenizers, side).files()
    if '.model' in files:
      (directory / f'{side}{suffix}').write_bytes(files['.model'])
