"""Sentence chrF and BLEU of every candidate against every other.

The scores are sacreBLEU's. It extracts the n-grams of both sides anew for each
of the C x C pairs; here they are extracted once a candidate, and all pairs'
matches of one order are a matrix product.

Dimensions: C candidate, H candidate as hypothesis, R candidate as reference,
F feature, N order.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

from t2t_jax.errors import UsageError, nearest

UTILITIES = ('chrf', 'chrf++', 'bleu')

_BETA = CHRF.BETA  # how much more recall counts than precision
_BLEU_ORDERS = 4
_PUNCTUATION = frozenset('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~')
# Features of so many columns are in memory at a time.
_COLUMNS = 8192


def utilities(
  texts: Sequence[str], utility: str, tokenize: str = '13a'
) -> np.ndarray:
  """Returns utilities_HR: 0 to 100, of text H measured against text R.

  Args:
    texts: detokenised, or tokens between spaces for tokenize = 'none'.
    utility: 'chrf' (chrF2: characters to 6-grams), 'chrf++' (chrF2++: words
      to bigrams too) or 'bleu' (to 4-grams, exponential smoothing, effective
      order).
    tokenize: sacreBLEU's name of BLEU's tokenisation; chrF has none.

  Raises:
    UsageError: an unknown utility, or a tokenisation that sacreBLEU does not
      have or cannot load.
  """
  if utility == 'bleu':
    return _bleu_HR([line.split() for line in _tokenized(texts, tokenize)])
  if utility in ('chrf', 'chrf++'):
    return _chrf_HR(texts, word_orders=2 if utility == 'chrf++' else 0)
  raise UsageError(
    f'utility: expected one of {", ".join(UTILITIES)}, found '
    f"'{utility}'.{nearest(utility, UTILITIES)}"
  )


# --- n-grams ------------------------------------------------------------------


def _matches_HR(grams: Sequence[Sequence[Hashable]]) -> np.ndarray:
  """Returns sum over n-grams of min(count in H, count in R).

  The k-th time that a candidate holds an n-gram is a feature of its own, so
  that the smaller of two counts is the number of features that are in both.
  """
  column_of: dict[tuple[Hashable, int], int] = {}
  rows: list[int] = []
  columns: list[int] = []
  for row, grams_of_row in enumerate(grams):
    times: Counter[Hashable] = Counter()
    for gram in grams_of_row:
      times[gram] += 1
      feature = gram, times[gram]
      rows.append(row)
      columns.append(column_of.setdefault(feature, len(column_of)))
  row_F, column_F = np.array(rows, np.int64), np.array(columns, np.int64)
  matches_HR = np.zeros((len(grams), len(grams)))
  for start in range(0, len(column_of), _COLUMNS):
    here = (column_F >= start) & (column_F < start + _COLUMNS)
    # float32 is exact: these are counts below 2^24.
    has_CF = np.zeros((len(grams), _COLUMNS), np.float32)
    has_CF[row_F[here], column_F[here] - start] = 1
    matches_HR += has_CF @ has_CF.T
  return matches_HR


def _words_grams(words: Sequence[str], order: int) -> list[tuple[str, ...]]:
  return [tuple(words[i : i + order]) for i in range(len(words) - order + 1)]


# --- chrF ---------------------------------------------------------------------


def _chrf_HR(texts: Sequence[str], word_orders: int) -> np.ndarray:
  """chrF2 (Popovic 2015), or chrF2++ (Popovic 2017) with words of 2 orders.

  The averages of precision and recall leave out orders that either side is
  too short for.
  """
  characters = [''.join(text.split()) for text in texts]
  words = [_without_punctuation(text) for text in texts]
  grams_NC: list[list[Sequence[Hashable]]] = [
    [[line[i : i + n] for i in range(len(line) - n + 1)] for line in characters]
    for n in range(1, CHRF.CHAR_ORDER + 1)
  ]
  for n in range(1, word_orders + 1):
    grams_NC.append([_words_grams(line, n) for line in words])

  precision_HR = np.zeros((len(texts), len(texts)))
  recall_HR, orders_HR = (
    np.zeros_like(precision_HR),
    np.zeros_like(precision_HR),
  )
  for grams_C in grams_NC:
    total_C = np.array([len(grams) for grams in grams_C], float)
    exists_HR = (total_C[:, None] > 0) & (total_C > 0)
    matches_HR = _matches_HR(grams_C)
    orders_HR += exists_HR
    precision_HR += exists_HR * _ratio(matches_HR, total_C[:, None])
    recall_HR += exists_HR * _ratio(matches_HR, total_C[None, :])
  precision_HR = _ratio(precision_HR, orders_HR)
  recall_HR = _ratio(recall_HR, orders_HR)
  factor = _BETA**2
  return 100 * _ratio(
    (1 + factor) * precision_HR * recall_HR,
    factor * precision_HR + recall_HR,
  )


def _without_punctuation(text: str) -> list[str]:
  """Returns the words, with a mark at one of their ends as a word apart.

  chrF++'s rule: where a word has marks at both ends, the last one alone.
  """
  words = []
  for word in text.split():
    if len(word) > 1 and word[-1] in _PUNCTUATION:
      words += [word[:-1], word[-1]]
    elif len(word) > 1 and word[0] in _PUNCTUATION:
      words += [word[0], word[1:]]
    else:
      words.append(word)
  return words


def _ratio(a, b):
  """a / b, and 0 where b is 0."""
  is_zero = b == 0
  return np.where(is_zero, 0.0, a / np.where(is_zero, 1, b))


# --- BLEU ---------------------------------------------------------------------


def _bleu_HR(tokens: Sequence[Sequence[str]]) -> np.ndarray:
  """Sentence BLEU: exponential smoothing (Chen and Cherry 2014, method 3).

  With effective order: the geometric mean is over the orders that the
  hypothesis is long enough for.
  """
  length_C = np.array([len(words) for words in tokens], float)
  shape = (len(tokens), len(tokens))
  log_sum_HR, any_HR = np.zeros(shape), np.zeros(shape, bool)
  smoothing_HR = np.ones(shape)
  for n in range(1, _BLEU_ORDERS + 1):
    matches_HR = _matches_HR([_words_grams(words, n) for words in tokens])
    total_H1 = np.maximum(length_C - n + 1, 0)[:, None]
    smoothing_HR = np.where(matches_HR > 0, smoothing_HR, 2 * smoothing_HR)
    smoothed_HR = np.where(matches_HR > 0, matches_HR, 1 / smoothing_HR)
    precision_HR = smoothed_HR / np.maximum(total_H1, 1)
    log_sum_HR += np.where(total_H1 > 0, np.log(precision_HR), 0.0)
    any_HR |= matches_HR > 0
  orders_H1 = np.clip(length_C, 1, _BLEU_ORDERS)[:, None]
  longer_HR = length_C[None, :] / np.maximum(length_C, 1)[:, None]
  brevity_HR = np.minimum(1.0, np.exp(1 - longer_HR))
  return 100 * any_HR * brevity_HR * np.exp(log_sum_HR / orders_H1)


def _tokenized(texts: Sequence[str], tokenize: str) -> list[str]:
  choices = tuple(BLEU.TOKENIZERS)
  if tokenize not in choices:
    raise UsageError(
      f'tokenize: expected one of {", ".join(choices)}, found '
      f"'{tokenize}'.{nearest(tokenize, choices)}"
    )
  try:
    tokenizer = BLEU(tokenize=tokenize).tokenizer
  except (ImportError, RuntimeError) as error:
    raise UsageError(
      f"tokenize: sacreBLEU cannot load '{tokenize}': {error}"
    ) from error
  return [tokenizer(text.rstrip()) for text in texts]
