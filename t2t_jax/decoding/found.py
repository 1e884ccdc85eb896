"""What a search found, as text."""

import itertools

import numpy as np

from t2t_jax.config import DecodingConfig
from t2t_jax.data.tokenizer import Tokenizer
from t2t_jax.decoding.lines.line_text import one_line
from t2t_jax.decoding.minimum_bayes_risk import minimum_bayes_risk, weights_of
from t2t_jax.decoding.search.hypotheses import Hypotheses
from t2t_jax.decoding.translation import Hypothesis, Translation


def choose(
  translation: Translation, decoding: DecodingConfig, nbest: int
) -> Translation:
  """Returns the `nbest` hypotheses that `decoding` puts first.

  Minimum Bayes risk puts its choice before the others, which stay in order.
  """
  hypotheses = translation.hypotheses
  if decoding.mbr != 'none':
    # Samples come as often as they are probable.
    sampled = decoding.method == 'sampling'
    choice = minimum_bayes_risk(
      [hypothesis.text for hypothesis in hypotheses],
      decoding.mbr,
      weights=None if sampled else weights_of([h.log_prob for h in hypotheses]),
    )
    best = hypotheses[choice.index]
    others = [h for i, h in enumerate(hypotheses) if i != choice.index]
    hypotheses = (best, *others)
  return Translation(hypotheses[:nbest])


def read_translations(
  found: Hypotheses, rows: int, target: Tokenizer
) -> list[Translation]:
  """Returns the translations of the first `rows` rows.

  Waits for the device.
  """
  ids_BNT, scores_BN, log_probs_BN = (np.asarray(x)[:rows] for x in found)
  real_BNT = (ids_BNT != target.pad_id) & (ids_BNT != target.eos_id)
  ids = [
    ids_T[real_T].tolist()
    for ids_NT, real_NT in zip(ids_BNT, real_BNT, strict=True)
    for ids_T, real_T in zip(ids_NT, real_NT, strict=True)
  ]
  hypotheses = iter(
    [
      Hypothesis(one_line(text), score, log_prob, tuple(tokens))
      for text, score, log_prob, tokens in zip(
        target.decode(ids),
        scores_BN.ravel().tolist(),
        log_probs_BN.ravel().tolist(),
        ids,
        strict=True,
      )
    ]
  )
  by_row = [
    list(itertools.islice(hypotheses, scores_BN.shape[1])) for _ in range(rows)
  ]
  # A short limit leaves fewer hypotheses than asked for: the rest are empty.
  return [
    Translation((row[0], *(h for h in row[1:] if h.score > -np.inf)))
    for row in by_row
  ]
