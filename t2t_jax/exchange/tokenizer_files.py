"""The SentencePiece models of a vocabulary, as files for other programs."""

from pathlib import Path

from t2t_jax.data.tokenizer import Tokenizers


def write_models(
  tokenizers: Tokenizers,
  directory: Path,
  suffix: str,
  *,
  by_piece: bool = False,
) -> None:
  """Writes source and target SUFFIX; nothing for a side without a model.

  Args:
    tokenizers: of both sides.
    directory: where to.
    suffix: of the files' names.
    by_piece: for a program that takes pieces; for one that takes the model's
      own ids those of an imported vocabulary, which has others, are left out.
  """
  for side in ('source', 'target'):
    files = getattr(tokenizers, side).files()
    model = files.get('.model') or (by_piece and files.get('.spm'))
    if model:
      (directory / f'{side}{suffix}').write_bytes(model)
