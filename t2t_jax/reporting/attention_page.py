"""One HTML page, complete in itself, on which attention can be looked at.

The page lies in page/ as HTML, CSS and JavaScript, and is put together here
with the weights as JSON. It loads nothing.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from t2t_jax.reporting import page_files
from t2t_jax.reporting.sentence_attention import (
  KINDS,
  SentenceAttention,
  View,
)

_SCRIPTS = ('controls.js', 'words.js', 'maps.js', 'start.js')


def attention_page(
  sentences: Sequence[SentenceAttention], origin: str, view: View
) -> str:
  """Returns the page of at least one sentence.

  Args:
    sentences: of one model.
    origin: a line that tells whose attention this is.
    view: what the page shows first.
  """
  return page_files.fill(
    'attention.html',
    {
      'STYLE': page_files.style('attention.css'),
      'SCRIPT': '\n'.join(map(page_files.read, _SCRIPTS)),
      'DATA': page_files.script_json(_page_data(sentences, origin, view)),
    },
  )


def _page_data(
  sentences: Sequence[SentenceAttention], origin: str, view: View
) -> dict[str, Any]:
  layers, heads = sentences[0].weights(view.kind).shape[:2]
  return {
    'origin': origin,
    'heads': heads,
    'start': {
      'sentence': 0,
      'kind': view.kind,
      'layer': view.head_set.layer_of(layers),
      'heads': view.head_set.heads_of(heads),
      'unit': 'words' if view.by_word else 'pieces',
    },
    'sentences': [_sentence_data(sentence) for sentence in sentences],
  }


def _sentence_data(sentence: SentenceAttention) -> dict[str, Any]:
  return {
    'texts': sentence.texts,
    **{
      name: {
        unit: [
          [text, list(places)]
          for text, places in sentence.units(name, unit == 'words')
        ]
        for unit in ('words', 'pieces')
      }
      for name in sentence.ids
    },
    **{kind: _weights_data(sentence.weights(kind)) for kind in KINDS},
  }


def _weights_data(weights_LHTS: np.ndarray) -> dict[str, Any]:
  """Weights as one byte each: a base model's sentence of 30 tokens has 130,000
  of them."""
  in_bytes = np.rint(weights_LHTS * 255).astype(np.uint8)
  return {
    'shape': weights_LHTS.shape,
    'weights': base64.b64encode(in_bytes.tobytes()).decode(),
  }
