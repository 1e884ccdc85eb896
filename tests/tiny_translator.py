"""A translator with a random little model, and lines for it."""

import dataclasses
import functools

import jax
import numpy as np
from flax import linen as nn
from paper_model import PAPER
from quick_compile import COMPILER_OPTIONS

from t2t_jax.config import DecodingConfig, VocabularyConfig
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.search.batches import BatchSearch
from t2t_jax.decoding.translator import Translator
from t2t_jax.model.transformer import Transformer

MODEL = dataclasses.replace(
  PAPER,
  d_model=16,
  d_ff=24,
  d_k=8,
  d_v=8,
  max_positions=24,
  max_relative_distance=4,
  tie_source_target=False,
  tie_softmax=False,
  softmax_bias=True,
)

# Sources are padded to 16 tokens, whose cache grows from 24 to 39, or to 24.
DECODING = DecodingConfig(
  method='beam',
  beam_size=3,
  length_penalty_alpha=0.6,
  max_decode_length_offset=24,
  stopping='exact',
  min_length=0,
  no_repeat_ngram=0,
  num_samples=1,
  temperature=1.0,
  top_k=0,
  top_p=1.0,
  seed=1,
  mbr='none',
  batch_tokens=600,
  weights_dtype='compute_dtype',
  checkpoint='latest',
)

WORDS = ['red', 'green', 'blue', 'small', 'big', 'cats', 'dogs', 'see', 'the']


def random_lines(count, seed=0, most_words=20):
  rng = np.random.default_rng(seed)
  return [
    ' '.join(rng.choice(WORDS, size=rng.integers(1, most_words + 1)))
    for _ in range(count)
  ]


def vocabulary_config(**changes) -> VocabularyConfig:
  """A vocabulary of its own for each side, of a few hundred pieces."""
  values = {
    'kind': 'bpe',
    'target_kind': 'same',
    'joint': False,
    'size': 330,
    'target_size': 320,
    'byte_fallback': True,
    'character_coverage': 1.0,
    'normalization': 'identity',
    'training_sentences': 1000,
    'samplings': 1,
    'sampling_rate': 0.1,
    'source_model': '',
    'target_model': '',
  }
  return VocabularyConfig(**{**values, **changes})


@functools.cache
def tokenizers() -> Tokenizers:
  """A vocabulary of its own for each side."""
  lines = random_lines(400, seed=1)
  return Tokenizers.train(
    vocabulary_config(), [(line, line[::-1] + ' zyx') for line in lines]
  )


def model_with(**changes) -> Transformer:
  return Transformer(
    dataclasses.replace(MODEL, **changes),
    tokenizers().source.vocab_size,
    tokenizers().target.vocab_size,
    tokenizers().source.pad_id,
  )


def random_leaves(model, seed=0):
  """Parameters at random, layer norms' scales about one."""
  ids = jax.ShapeDtypeStruct((1, 2), np.int32)
  shapes = jax.eval_shape(
    lambda ids: nn.unbox(model.init(jax.random.key(0), ids, ids)['params']),
    ids,
  )
  rng = np.random.default_rng(seed)
  return jax.tree_util.tree_map_with_path(
    lambda path, leaf: np.float32(
      (path[-1].key == 'scale') + 0.6 * rng.normal(size=leaf.shape)
    ),
    shapes,
  )


def random_params(model, seed=0):
  """Outputs that differ, of which some end by themselves and some do not."""
  params = random_leaves(model, seed)
  params['softmax_bias'][:] = 0
  params['softmax_bias'][tokenizers().target.eos_id] = 4
  return params


def translator_with(model=None, params=None, mesh=None, others=(), **changes):
  model = model or model_with()
  translator = Translator(
    model,
    random_params(model) if params is None else params,
    tokenizers(),
    dataclasses.replace(DECODING, **changes),
    others=others,
    mesh=mesh,
  )
  translator._search = BatchSearch(
    (model, *(other for other, _ in others)),
    translator._decoding,
    bos_id=tokenizers().target.bos_id,
    eos_id=tokenizers().target.eos_id,
    mesh=mesh,
    compiler_options=COMPILER_OPTIONS,
  )
  return translator
