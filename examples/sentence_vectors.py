"""Makes a vector of each sentence: the mean of what the encoder says of it.

  python examples/sentence_vectors.py runs/quickstart 'The dog sleeps.' \\
    'A cat sleeps.' 'The house is big.'

Prints the cosine of each sentence with the first. Shows how to call the model
itself: token ids in, `encode` for the encoder's states.
"""

import sys

import jax
import numpy as np

from t2t_jax import Workdir, restore


def vectors(workdir: str, sentences: list[str]) -> np.ndarray:
  """Returns vectors_BD of length 1."""
  model = restore(Workdir(workdir))
  tokenizer = model.tokenizers.source
  ids = [[*line, tokenizer.eos_id] for line in tokenizer.encode(sentences)]
  longest = max(map(len, ids))
  source_ids_BS = np.array(
    [line + [tokenizer.pad_id] * (longest - len(line)) for line in ids]
  )

  @jax.jit
  def encode(params, source_ids_BS):
    return model.model.apply({'params': params}, source_ids_BS, method='encode')

  encoded_BSD = np.asarray(encode(model.params, source_ids_BS))
  mask_BS1 = (source_ids_BS != tokenizer.pad_id)[..., None]
  sum_BD = (encoded_BSD * mask_BS1).sum(axis=1)
  return sum_BD / np.linalg.norm(sum_BD, axis=1, keepdims=True)


def main(workdir: str, *sentences: str) -> None:
  vectors_BD = vectors(workdir, list(sentences))
  cosines_B = vectors_BD @ vectors_BD[0]
  for sentence, cosine in zip(sentences, cosines_B, strict=True):
    print(f'{cosine:6.3f}  {sentence}')


if __name__ == '__main__':
  main(*sys.argv[1:])
