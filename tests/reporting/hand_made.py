"""A sentence whose attention is known without a model."""

import types

import numpy as np

from t2t_jax.data.subwords import SegmentedTokenizer
from t2t_jax.decoding.attention.attention_maps import AttentionMaps
from t2t_jax.reporting.sentence_attention import SentenceAttention

# What a page must show as it is, and never run.
HOSTILE = '</script><img/src=x/onerror=window.hacked=1>'
SOURCE = ['the', 'dog', 'sl@@', 'eeps', HOSTILE]
TARGET = ['der', 'Hund', 'שלום', '🐕$x$']
SOURCE_WORDS = ['the', 'dog', 'sleeps', HOSTILE, '</s>']
TARGET_WORDS = [*TARGET, '</s>']
LAYERS, HEADS = 3, 2


def tokenizers():
  tokenizer = SegmentedTokenizer(
    [(token, 1) for token in [*SOURCE, *TARGET, '@DATA@']]
  )
  return types.SimpleNamespace(source=tokenizer, target=tokenizer)


def random_weights(rows, columns, seed):
  """Shares of random sizes, few of them large."""
  rng = np.random.default_rng(seed)
  weights = rng.random((LAYERS, 1, HEADS, rows, columns)) ** 4 + 1e-3
  return (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)


def sentence(source=SOURCE, target=TARGET):
  """Returns the sentence; both sides end with EOS."""
  both = tokenizers()
  source_ids = both.source.encode([' '.join(source)])[0]
  target_ids = both.target.encode([' '.join(target)])[0]
  rows, columns = len(target) + 1, len(source) + 1
  return SentenceAttention(
    (both.source.decode([source_ids])[0], both.target.decode([target_ids])[0]),
    {
      'source': [*source_ids, both.source.eos_id],
      'read': [both.target.bos_id, *target_ids],
      'written': [*target_ids, both.target.eos_id],
    },
    AttentionMaps(
      random_weights(columns, columns, 1),
      random_weights(rows, rows, 2),
      random_weights(rows, columns, 3),
    ),
    both,
  )


def word_weights(layer, heads):
  """Returns weights_HYX of words of the cross attention: columns 2 and 3 are
  the pieces of one word."""
  weights_HTS = sentence().maps.cross_LBHTS[layer, 0, list(heads)]
  joined_HT = weights_HTS[..., 2] + weights_HTS[..., 3]
  return np.concatenate(
    [weights_HTS[..., :2], joined_HT[..., None], weights_HTS[..., 4:]], axis=-1
  )
