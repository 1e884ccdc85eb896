"""Random little models of one stack, over vocabularies of a few words."""

import dataclasses

import jax
import numpy as np
from flax import linen as nn
from tiny_translator import DECODING, MODEL

from t2t_jax.data.subwords import SegmentedTokenizer
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.model.transformer import Transformer

WORDS = SegmentedTokenizer([(word, 1) for word in 'abc'])
LABELS = SegmentedTokenizer([(label, 1) for label in 'XYZW'])
TEXT_TOKENIZERS = Tokenizers(WORDS, WORDS, joint=True)
LABEL_TOKENIZERS = Tokenizers(WORDS, LABELS, joint=False)
SETTINGS = dataclasses.replace(
  DECODING, batch_tokens=200, length_penalty_alpha=0.0
)


def language_model(**changes) -> Transformer:
  return _model(TEXT_TOKENIZERS, num_encoder_layers=0, **changes)


def encoder(**changes) -> Transformer:
  changes = {'tie_softmax': True, 'softmax_bias': False, **changes}
  return _model(LABEL_TOKENIZERS, num_decoder_layers=0, **changes)


def random_params(model, seed=0, scale=0.6):
  ids = jax.ShapeDtypeStruct((1, 2), np.int32)
  shapes = jax.eval_shape(
    lambda ids: nn.unbox(model.init(jax.random.key(0), ids, ids)['params']),
    ids,
  )
  rng = np.random.default_rng(seed)
  return jax.tree_util.tree_map_with_path(
    lambda path, leaf: np.float32(
      (path[-1].key == 'scale') + scale * rng.normal(size=leaf.shape)
    ),
    shapes,
  )


def _model(tokenizers, **changes):
  return Transformer(
    dataclasses.replace(MODEL, **changes),
    tokenizers.source.vocab_size,
    tokenizers.target.vocab_size,
    tokenizers.source.pad_id,
  )
