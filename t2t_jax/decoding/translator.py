"""Lines in, translated lines out: one for each, in order."""

import copy
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Unpack

import jax
import numpy as np
from jax.sharding import Mesh

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import DecodingConfig
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.batch_search import search_batch
from t2t_jax.decoding.hypotheses import Hypotheses
from t2t_jax.decoding.line_text import one_line, split_lines
from t2t_jax.decoding.options import DecodingOptions
from t2t_jax.decoding.shapes import FEW_ROWS, ShapeGrid
from t2t_jax.decoding.translation import Hypothesis, Translation, join
from t2t_jax.errors import UsageError
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.mesh import (
  batch_sharding,
  batch_shards,
  replicated,
  use_mesh,
)


class Translator:
  """Translates with a model's parameters, on a closed grid of shapes.

  A line without tokens becomes an empty line. A line of more tokens than the
  grid holds is translated in parts, which are joined by spaces. A line's
  result does not depend on the lines that come with it, but for rounding
  where a request or a group of few lines runs in smaller batches.
  """

  def __init__(
    self,
    model: Transformer,
    params: Any,
    tokenizers: Tokenizers,
    decoding: DecodingConfig,
    *,
    mesh: Mesh | None = None,
    max_source_tokens: int | None = None,
  ):
    """Makes a translator; compiles nothing yet.

    Args:
      model: the module that `params` belong to.
      params: its parameters, on the devices where they are to be used.
      tokenizers: those that the model was trained with.
      decoding: beam, penalty, lengths, tokens of a batch.
      mesh: the devices to split batches over; None: one device.
      max_source_tokens: longest source, with EOS, that is translated in one
        part, such as the longest that was trained on; default, and at most,
        model.max_positions.
    """
    self._params = params
    self._tokenizers = tokenizers
    self._decoding = decoding
    self._mesh = mesh
    positions = model.config.max_positions
    self.grid = ShapeGrid(
      longest=min(positions, max_source_tokens or positions),
      batch_tokens=decoding.batch_tokens,
      beam_size=decoding.beam_size,
      row_multiple=batch_shards(mesh) if mesh else 1,
    )
    self._search = jax.jit(
      functools.partial(
        search_batch,
        model,
        decoding=decoding,
        bos_id=tokenizers.target.bos_id,
        eos_id=tokenizers.target.eos_id,
      ),
      static_argnames='nbest',
      out_shardings=replicated(mesh) if mesh else None,
    )

  @classmethod
  def from_workdir(
    cls,
    workdir: str | os.PathLike[str],
    **decoding: Unpack[DecodingOptions],
  ) -> 'Translator':
    """Returns a translator with the parameters that a run has left.

    It works on all devices of this machine, whatever mesh it was trained on.

    Args:
      workdir: of a run, finished or not.
      decoding: fields of the config's `decoding` to set anew, such as
        checkpoint='best' or beam_size=4; None: as the run's config has it.

    Raises:
      UsageError: no run there, no such checkpoint, a damaged one, or a field
        that does not exist or cannot have this value.
    """
    # Imported here, for it imports this module.
    from t2t_jax.decoding.restored import restore_translator

    return restore_translator(Workdir(workdir), **decoding)[0]

  def with_params(self, params: Any) -> 'Translator':
    """Returns this translator with other parameters; recompiles nothing."""
    other = copy.copy(self)
    other._params = params
    return other

  def translate(
    self, lines: Iterable[str], *, nbest: int = 1
  ) -> list[Translation]:
    """Returns a translation of each line, with at most `nbest` hypotheses.

    Raises:
      UsageError: nbest is not from 1 to beam_size, or `lines` is one string.
    """
    if isinstance(lines, str):
      raise UsageError(
        f'translate: expected a list of lines, found one string {lines!r}'
      )
    lines = list(lines)
    return self._translate(lines, nbest, few=len(lines) <= FEW_ROWS)

  def translate_stream(
    self, lines: Iterable[str], *, nbest: int = 1, window: int = 4096
  ) -> Iterator[Translation]:
    """Yields what `translate` returns, for input of any size.

    Reads `window` lines at a time, within which lines of like length are put
    together.
    """
    lines = iter(lines)
    few = None
    while now := list(itertools.islice(lines, window)):
      # Only a stream that is short as a whole runs in small batches.
      few = len(now) <= FEW_ROWS if few is None else False
      yield from self._translate(now, nbest, few)

  def translate_groups(
    self,
    groups: Iterable[list[str]],
    *,
    nbest: int = 1,
    few: bool | None = None,
    report: Callable[[float], None] | None = None,
  ) -> Iterator[tuple[list[str], list[Translation]]]:
    """Yields each group of lines with its translations, as soon as it can.

    Args:
      groups: lines to put into batches together, such as line_groups.py makes.
      nbest: most hypotheses of a line.
      few: whether all run in the small batches of a request of few lines;
        None: those groups that have few lines.
      report: is told after each batch how many lines are done; those of a
        group that is not done by the share of its tokens.

    Raises:
      UsageError: as `translate`.
    """
    done = 0
    for lines in groups:
      is_few = len(lines) <= FEW_ROWS if few is None else few
      tell = functools.partial(_tell, report, done, len(lines))
      yield lines, self._translate(lines, nbest, is_few, tell)
      done += len(lines)

  def target_pieces(self, token_ids: Sequence[int]) -> list[str]:
    """Returns the target vocabulary's entry for each token."""
    return self._tokenizers.target.pieces(token_ids)

  def _translate(
    self,
    lines: list[str],
    nbest: int,
    few: bool,
    tell: Callable[[float], None] | None = None,
  ) -> list[Translation]:
    if not 1 <= nbest <= self._decoding.beam_size:
      raise UsageError(
        'nbest: expected 1 to decoding.beam_size = '
        f'{self._decoding.beam_size}, found {nbest}'
      )
    parts_of_lines = split_lines(
      lines, self._tokenizers.source.encode, self.grid.longest - 1
    )
    parts = list(itertools.chain.from_iterable(parts_of_lines))
    done: dict[int, Translation] = {}
    # Tokens, for the longest parts come first.
    tokens, all_tokens = 0, sum(map(len, parts))
    for indices, found in self._search_all(parts, nbest, few):
      done.update(zip(indices, self._read(found, len(indices)), strict=True))
      if tell:
        tokens += sum(len(parts[index]) for index in indices)
        tell(tokens / all_tokens)
    if tell and not parts:
      tell(1.0)
    in_order = (done[index] for index in range(len(parts)))
    return [
      join(list(itertools.islice(in_order, len(parts))))
      for parts in parts_of_lines
    ]

  def _search_all(
    self, parts: list[list[int]], nbest: int, few: bool
  ) -> Iterator[tuple[list[int], Hypotheses]]:
    """Yields indices into `parts` and what the search found for them.

    Each batch is under way before the result of the one before is read.
    """
    lengths = [len(part) + 1 for part in parts]
    before = None
    for rows, source_length, indices in self.grid.batches(lengths, few):
      batch = self._batch([parts[i] for i in indices], rows, source_length)
      now = indices, self._search_on_device(*batch, nbest)
      if before:
        yield before
      before = now
    if before:
      yield before

  def _batch(
    self, parts: list[list[int]], rows: int, source_length: int
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns source_ids_BS and max_lengths_B, which is 0 in filling rows."""
    source = self._tokenizers.source
    source_ids_BS = np.full((rows, source_length), source.pad_id, np.int32)
    # Filling rows are not all PAD: some attention kernels need a token.
    source_ids_BS[:, 0] = source.eos_id
    max_lengths_B = np.zeros((rows,), np.int32)
    for row, tokens in enumerate(parts):
      source_ids_BS[row, : len(tokens) + 1] = [*tokens, source.eos_id]
      max_lengths_B[row] = len(tokens) + self._decoding.max_decode_length_offset
    return source_ids_BS, max_lengths_B

  def _search_on_device(
    self, source_ids_BS: np.ndarray, max_lengths_B: np.ndarray, nbest: int
  ) -> Hypotheses:
    if self._mesh is None:
      return self._search(
        self._params, source_ids_BS, max_lengths_B, nbest=nbest
      )
    sharding = batch_sharding(self._mesh)
    with use_mesh(self._mesh):
      return self._search(
        self._params,
        jax.device_put(source_ids_BS, sharding),
        jax.device_put(max_lengths_B, sharding),
        nbest=nbest,
      )

  def _read(self, found: Hypotheses, rows: int) -> list[Translation]:
    """Returns the translations of the first `rows` rows."""
    target = self._tokenizers.target
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
      list(itertools.islice(hypotheses, scores_BN.shape[1]))
      for _ in range(rows)
    ]
    # A short limit leaves fewer hypotheses than asked for: the rest are empty.
    return [
      Translation((row[0], *(h for h in row[1:] if h.score > -np.inf)))
      for row in by_row
    ]


def _tell(
  report: Callable[[float], None] | None, before: int, lines: int, share: float
) -> None:
  if report:
    report(before + share * lines)
