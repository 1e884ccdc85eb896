"""Where a token stands: sinusoids, learned tables, relative distances."""

import numpy as np


def sinusoids(length: int, d_model: int) -> np.ndarray:
  """Returns the position encodings of section 3.5, float32 (length, d_model).

  PE(pos, 2i) = sin(pos / 10000^(2i / d_model)) and PE(pos, 2i+1) the cosine
  of the same: interleaved as in the paper, where tensor2tensor and flax's wmt
  example put all sines first and space the frequencies by d_model/2 - 1.
  """
  positions = np.arange(length, dtype=np.float64)[:, None]
  rates = 10000.0 ** (-np.arange(0, d_model, 2, dtype=np.float64) / d_model)
  table = np.empty((length, d_model), np.float64)
  table[:, 0::2] = np.sin(positions * rates)
  table[:, 1::2] = np.cos(positions * rates)
  return table.astype(np.float32)


def relative_index(queries, keys, max_distance: int):
  """Rows of a relative table for each (query, key) pair.

  Shaw et al. 2018, section 3.2: clip(key - query, -k, k) + k.

  Args:
    queries: int array of query positions.
    keys: int array of key positions, broadcast against `queries`.
    max_distance: k, the distance beyond which all are the same.

  Returns:
    int array of the broadcast shape, values in [0, 2k].
  """
  return (keys - queries).clip(-max_distance, max_distance) + max_distance
