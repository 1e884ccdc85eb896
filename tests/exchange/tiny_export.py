"""Random little models of every variant, as a run would restore them."""

import dataclasses
import functools
import pathlib
import runpy

from tiny_translator import (
  DECODING,
  model_with,
  random_leaves,
  random_lines,
  vocabulary_config,
)

from t2t_jax.config import from_mapping
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.restored import Restored

_BASE_FILE = pathlib.Path(__file__).parents[2] / 'configs' / 'base.py'
_BASE = from_mapping(runpy.run_path(str(_BASE_FILE))['get_config']())

LINES = random_lines(6, seed=3, most_words=6)


@functools.cache
def joint_tokenizers() -> Tokenizers:
  config = vocabulary_config(kind='unigram', joint=True, size=290)
  lines = random_lines(400, seed=1)
  return Tokenizers.train(config, [(line, line[::-1]) for line in lines])


def restored(tokenizers: Tokenizers, seed: int = 0, **changes) -> Restored:
  """Returns a model whose config differs from the tiny one by `changes`."""
  model = dataclasses.replace(
    model_with(**changes),
    source_vocab_size=tokenizers.source.vocab_size,
    target_vocab_size=tokenizers.target.vocab_size,
    pad_id=tokenizers.target.pad_id,
  )
  config = dataclasses.replace(
    _BASE,
    model=model.config,
    decoding=dataclasses.replace(
      DECODING, beam_size=2, max_decode_length_offset=4
    ),
    data=dataclasses.replace(_BASE.data, max_tokens=24),
  )
  params = random_leaves(model, seed)
  return Restored(config, tokenizers, model, params, None, 'checkpoint 1')
