"""Pairs of lines in, the model's probabilities of the targets out."""

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from t2t_jax.config import DecodingConfig
from t2t_jax.data.single_stack import cut
from t2t_jax.data.tokenizer import Tokenizer, Tokenizers
from t2t_jax.decoding.scoring.forced_targets import ForcedTargets, force_targets
from t2t_jax.decoding.scoring.pair_grid import PairGrid
from t2t_jax.decoding.scoring.scores import Pair, Score
from t2t_jax.decoding.search.hypotheses import length_penalty
from t2t_jax.decoding.search.weights import decoding_weights
from t2t_jax.decoding.shapes import FEW_ROWS
from t2t_jax.errors import UsageError
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.mesh import batch_sharding, batch_shards, use_mesh


class Scorer:
  """Scores targets with a model's parameters, on a closed grid of shapes.

  A pair is scored whole, however long; only learned positions have an end. A
  language model scores parts, each without those before it, and adds up. An
  empty target has the probability of EOS alone, and with an empty source the
  model sees EOS alone. A result does not depend on the pairs that come with
  it, but for rounding where a request of few pairs runs in smaller batches.
  """

  def __init__(
    self,
    model: Transformer,
    params: Any,
    tokenizers: Tokenizers,
    decoding: DecodingConfig,
    *,
    mesh: Mesh | None = None,
    longest_part: int | None = None,
  ):
    """Makes a scorer; compiles nothing yet.

    Args:
      model: the module that `params` belong to.
      params: its parameters, on the devices where they are to be used.
      tokenizers: those that the model was trained with.
      decoding: of which length_penalty_alpha, batch_tokens and weights_dtype
        are read.
      mesh: the devices to split batches over; None: one device.
      longest_part: of a language model, which is trained on parts of so many
        tokens: longer targets are scored in such parts.
    """
    self._longest_part = longest_part
    self._alpha = decoding.length_penalty_alpha
    self._params = decoding_weights(params, model.config, decoding)
    self._tokenizers = tokenizers
    self._mesh = mesh
    learned = model.config.positions == 'learned'
    self.grid = PairGrid(
      batch_tokens=decoding.batch_tokens,
      devices=batch_shards(mesh) if mesh else 1,
      longest=model.config.max_positions if learned else None,
    )
    self._force = jax.jit(
      functools.partial(
        force_targets,
        model,
        length_penalty_alpha=decoding.length_penalty_alpha,
        bos_id=tokenizers.target.bos_id,
      )
    )

  def score(
    self, sources: Sequence[str], targets: Sequence[str]
  ) -> list[Score]:
    """Returns the score of each target given its source.

    Raises:
      UsageError: not as many targets as sources, or one that is longer than
        the model's learned positions.
    """
    _check_as_many(sources, targets)
    pairs = (
      Pair(source, target, f'source {number}', f'target {number}', number)
      for number, (source, target) in enumerate(
        zip(sources, targets, strict=True)
      )
    )
    return [score for _, score in self.score_stream(pairs)]

  def score_stream(
    self, pairs: Iterable[Pair], *, window: int = 4096
  ) -> Iterator[tuple[Pair, Score]]:
    """Yields each pair with its score, for input of any size.

    Reads `window` pairs at a time, within which pairs of like length are put
    together. Raises as `score`.
    """
    pairs = iter(pairs)
    few = None
    while now := list(itertools.islice(pairs, window)):
      # Only a stream that is short as a whole runs in small batches.
      few = len(now) <= FEW_ROWS if few is None else False
      sources = self._tokenizers.source.encode([pair.source for pair in now])
      targets = self._tokenizers.target.encode([pair.target for pair in now])
      for pair, source, target in zip(now, sources, targets, strict=True):
        self._check_length(pair.source_place, source)
        self._check_length(pair.target_place, target)
      yield from zip(now, self._score(sources, targets, few), strict=True)

  def score_ids(
    self,
    source_ids: Sequence[Sequence[int]],
    target_ids: Sequence[Sequence[int]],
  ) -> list[Score]:
    """Returns the score of each target given its source, as tokens.

    Hypotheses of a search are scored exactly as they were generated, where
    their text might be cut into other tokens.

    Args:
      source_ids, target_ids: as `Tokenizer.encode` and `Hypothesis.token_ids`
        give them, without EOS.

    Raises:
      UsageError: as `score`, or an id that the vocabulary does not have.
    """
    _check_as_many(source_ids, target_ids)
    for side, sequences, tokenizer in (
      ('source', source_ids, self._tokenizers.source),
      ('target', target_ids, self._tokenizers.target),
    ):
      for number, ids in enumerate(sequences):
        self._check_length(f'{side} {number}', ids)
        for token in ids:
          if not 0 <= token < tokenizer.vocab_size:
            raise UsageError(
              f'{side} {number}: expected ids from 0 to '
              f'{tokenizer.vocab_size - 1}, found {token}'
            )
    few = len(source_ids) <= FEW_ROWS
    return self._score(source_ids, target_ids, few)

  def _check_length(self, place: str, ids: Sequence[int]) -> None:
    longest = self.grid.longest
    if self._longest_part is not None or longest is None:
      return
    if len(ids) >= longest:
      raise UsageError(
        f'{place}: expected at most {longest} tokens with EOS, where learned '
        f'positions end (model.max_positions), found {len(ids) + 1}'
      )

  def _score(
    self,
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    few: bool,
  ) -> list[Score]:
    source_eos = self._tokenizers.source.eos_id
    target_eos = self._tokenizers.target.eos_id
    ended_sources = [[*source, source_eos] for source in sources]
    ended_targets = [[*target, target_eos] for target in targets]
    if self._longest_part is None:
      return self._score_rows(ended_sources, ended_targets, few)
    parts_of_targets = [
      cut(target, self._longest_part) for target in ended_targets
    ]
    parts = list(itertools.chain.from_iterable(parts_of_targets))
    scores = iter(self._score_rows([[source_eos]] * len(parts), parts, few))
    return [
      self._join(list(itertools.islice(scores, len(parts))))
      for parts in parts_of_targets
    ]

  def _join(self, parts: list[Score]) -> Score:
    if len(parts) == 1:
      return parts[0]
    log_probs = [x for part in parts for x in part.token_log_probs]
    log_prob = math.fsum(log_probs)
    return Score(
      log_prob=log_prob,
      score=log_prob / float(length_penalty(len(log_probs), self._alpha)),
      tokens=tuple(token for part in parts for token in part.tokens),
      token_log_probs=tuple(log_probs),
    )

  def _score_rows(
    self, sources: list[list[int]], targets: list[list[int]], few: bool
  ) -> list[Score]:
    """Scores rows as they are: sources that end in EOS, and targets."""
    lengths = [
      max(len(source), len(target))
      for source, target in zip(sources, targets, strict=True)
    ]
    done: dict[int, Score] = {}
    for indices, found in self._force_all(sources, targets, lengths, few):
      log_probs_BT, penalties_B = map(np.asarray, found)
      for row, index in enumerate(indices):
        done[index] = self._read(
          targets[index], log_probs_BT[row], penalties_B[row]
        )
    return [done[index] for index in range(len(lengths))]

  def _force_all(
    self,
    sources: list[list[int]],
    targets: list[list[int]],
    lengths: Sequence[int],
    few: bool,
  ) -> Iterator[tuple[list[int], ForcedTargets]]:
    """Yields indices into `lengths` and what the model says of these pairs.

    Each batch is under way before the result of the one before is read.
    """
    before = None
    for rows, length, indices in self.grid.batches(lengths, few):
      source_ids_BS = _padded(
        [sources[i] for i in indices], rows, length, self._tokenizers.source
      )
      target_ids_BT = _padded(
        [targets[i] for i in indices], rows, length, self._tokenizers.target
      )
      lengths_B = np.ones((rows,), np.int32)
      lengths_B[: len(indices)] = [len(targets[i]) for i in indices]
      now = (
        indices,
        self._force_on_device(source_ids_BS, target_ids_BT, lengths_B),
      )
      if before:
        yield before
      before = now
    if before:
      yield before

  def _force_on_device(self, *batch: np.ndarray) -> ForcedTargets:
    if self._mesh is None:
      return self._force(self._params, *batch)
    sharding = batch_sharding(self._mesh)
    with use_mesh(self._mesh):
      return self._force(
        self._params, *(jax.device_put(array, sharding) for array in batch)
      )

  def _read(
    self, target: list[int], log_probs_T: np.ndarray, penalty: np.ndarray
  ) -> Score:
    log_probs = log_probs_T[: len(target)].tolist()
    log_prob = math.fsum(log_probs)
    return Score(
      log_prob=log_prob,
      score=log_prob / float(penalty),
      tokens=tuple(self._tokenizers.target.pieces(target)),
      token_log_probs=tuple(log_probs),
    )


def _padded(
  sequences: list[list[int]],
  rows: int,
  length: int,
  tokenizer: Tokenizer,
) -> np.ndarray:
  """Returns int32 (rows, length): tokens, PAD."""
  ids = np.full((rows, length), tokenizer.pad_id, np.int32)
  # Filling rows are not all PAD: some attention kernels need a token.
  ids[:, 0] = tokenizer.eos_id
  for row, tokens in enumerate(sequences):
    ids[row, : len(tokens)] = tokens
  return ids


def _check_as_many(sources: Sequence[Any], targets: Sequence[Any]) -> None:
  if len(sources) != len(targets):
    raise UsageError(
      'score: expected one target for each source, found '
      f'{len(sources)} sources and {len(targets)} targets'
    )
