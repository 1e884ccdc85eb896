"""Whether one system is better than another, or only luckier.

Both tests resample a test set that was counted once (`Metric.counts`). With
the same seed they draw what sacreBLEU's own tests draw (--paired-bs and
--paired-ar) and find their p-values, but for two things. A resampled
difference equal to the one found counts as chance: sacreBLEU counts larger
ones only, so that two systems that differ in one sentence alone would differ
with the highest confidence there is. And every seed is one, also 0.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Score = Callable[[np.ndarray], float]
SEED = 12345  # sacreBLEU's
# Sums in another order differ by rounding alone.
_ROUNDING = 1e-9
# Rows of the randomisation's choices that are floats at one time.
_BLOCK = 500


def paired_bootstrap(
  counts: Sequence[np.ndarray],
  score: Score,
  trials: int = 1000,
  seed: int = SEED,
) -> list[dict[str, Any]]:
  """Compares systems with the first by paired bootstrap (Koehn 2004).

  Args:
    counts: for each system float (sentences, counts), of the same metric.
    score: of counts (counts,) added up.
    trials: how often the test set is drawn anew.
    seed: of the draws.

  Returns:
    For each system {'score', 'mean', 'interval', 'p'}: the score, its mean
    and half its 95 % interval over the draws, and how likely its difference to
    the first is by chance, one-sided (None for the first itself).
  """
  random = np.random.default_rng(seed)
  sentences = len(counts[0])
  drawn = np.empty((len(counts), trials))
  for trial in range(trials):
    rows = random.choice(sentences, size=sentences)
    for system, system_counts in enumerate(counts):
      drawn[system, trial] = score(system_counts[rows].sum(0))
  found = [score(system_counts.sum(0)) for system_counts in counts]
  results = []
  for number, scores in enumerate(drawn):
    # The draws' differences, moved to where there is none (Riezler and
    # Maxwell 2005).
    differences = np.abs(scores - drawn[0])
    differences -= differences.mean()
    results.append(
      {
        'score': found[number],
        'mean': float(scores.mean()),
        'interval': _half_interval(scores),
        'p': _p_value(differences, found, number),
      }
    )
  return results


def approximate_randomization(
  counts: Sequence[np.ndarray],
  score: Score,
  trials: int = 10_000,
  seed: int = SEED,
) -> list[dict[str, Any]]:
  """Compares systems with the first by approximate randomisation (Noreen 1989;
  Riezler and Maxwell 2005).

  In each trial the two systems' translations of a sentence change places, or
  not, by the toss of a coin.

  Args:
    counts: for each system float (sentences, counts), of the same metric.
    score: of counts (counts,) added up.
    trials: how often all coins are tossed.
    seed: of the coins.

  Returns:
    For each system {'score', 'p'}: how likely a difference to the first as
    large as its own is by chance, two-sided (None for the first itself).
  """
  random = np.random.default_rng(seed)
  keep = random.integers(2, size=(trials, len(counts[0])), dtype=bool)
  found = [score(system_counts.sum(0)) for system_counts in counts]
  results = []
  for number, system_counts in enumerate(counts):
    differences = np.zeros(trials)
    if number:
      differences = _swapped(counts[0], system_counts, score, keep)
    p = _p_value(differences, found, number)
    results.append({'score': found[number], 'p': p})
  return results


def _swapped(
  first: np.ndarray, second: np.ndarray, score: Score, keep: np.ndarray
) -> np.ndarray:
  """Returns float (trials,): absolute differences with sentences swapped."""
  both, change = first.sum(0) + second.sum(0), first - second
  differences = []
  for start in range(0, len(keep), _BLOCK):
    block = keep[start : start + _BLOCK].astype(np.float64)
    for sums in second.sum(0) + block @ change:
      differences.append(abs(score(sums) - score(both - sums)))
  return np.array(differences)


def _p_value(
  differences: np.ndarray, found: list[float], number: int
) -> float | None:
  if not number:
    return None
  real = abs(found[0] - found[number])
  # The found difference is itself one of those possible, hence the ones.
  chance = np.sum(differences >= real - _ROUNDING)
  return float((chance + 1) / (len(differences) + 1))


def _half_interval(scores: np.ndarray) -> float:
  ordered, cut = np.sort(scores), len(scores) // 40
  return float(ordered[len(scores) - cut - 1] - ordered[cut]) / 2
