"""Searches for the targets of one batch after the other."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from jax.sharding import Mesh

from t2t_jax.config import DecodingConfig
from t2t_jax.decoding.search.at_once import (
  Program,
  run_at_once,
  searches_at_once,
)
from t2t_jax.decoding.search.batch_search import (
  SearchBatch,
  batch_steps,
  search_batch,
  search_lengths,
)
from t2t_jax.decoding.search.hypotheses import Hypotheses
from t2t_jax.decoding.search.stages import StagedSearch
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.mesh import use_mesh
from t2t_jax.parallel.own_rows import collect, deal, on_own_rows

K = TypeVar('K')


class BatchSearch:
  """Searches, with programs that are compiled once for each shape."""

  def __init__(
    self,
    models: Sequence[Transformer],
    decoding: DecodingConfig,
    *,
    bos_id: int,
    eos_id: int,
    mesh: Mesh | None = None,
    compiler_options: dict[str, bool | str] | None = None,
  ):
    """Makes a search; compiles nothing yet.

    Args:
      models: one, or an ensemble of one vocabulary.
      decoding: method, its settings, and by how much targets may be longer.
      bos_id, eos_id: of the target vocabulary.
      mesh: the devices to deal batches out to; None: one device.
      compiler_options: of `jax.jit`.
    """
    options: Any = {'decoding': decoding, 'bos_id': bos_id, 'eos_id': eos_id}
    self._mesh = mesh
    self._at_once = searches_at_once(mesh)
    self._lengths = functools.partial(
      search_lengths,
      models,
      max_length_offset=decoding.max_decode_length_offset,
    )

    def whole(all_params, batch, *, nbest):
      of_one = functools.partial(search_batch, models, nbest=nbest, **options)
      return on_own_rows(of_one, mesh)(all_params, batch)

    self._whole = Program(
      whole, static_argnames='nbest', compiler_options=compiler_options
    )
    self._staged = StagedSearch(
      lambda params, batch, nbest: batch_steps(
        models, params, batch, nbest=nbest, **options
      ),
      pad_id=models[0].pad_id,
      mesh=mesh,
      compiler_options=compiler_options,
    )

  def search(
    self,
    all_params: Sequence[Any],
    batches: Iterable[tuple[K, SearchBatch, int]],
    *,
    nbest: int,
  ) -> Iterator[tuple[K, Hypotheses]]:
    """Yields the results of each batch, with the key that it came with.

    Each batch is under way before those of the one before are waited for, on a
    CPU as many as `searches_at_once` tells.

    Args:
      all_params, nbest: as of `begin`.
      batches: (key, batch, last_rows).
    """

    def search_one(keyed: tuple[K, SearchBatch, int]) -> tuple[K, Hypotheses]:
      key, batch, last_rows = keyed
      end = self.begin(all_params, batch, nbest=nbest, last_rows=last_rows)
      return key, end()

    if self._at_once > 1:
      yield from run_at_once(search_one, batches, self._at_once)
      return
    before: tuple[K, Callable[[], Hypotheses]] | None = None
    for key, batch, last_rows in batches:
      end = self.begin(all_params, batch, nbest=nbest, last_rows=last_rows)
      if before:
        yield before[0], before[1]()
      before = key, end
    if before:
      yield before[0], before[1]()

  def begin(
    self,
    all_params: Sequence[Any],
    batch: SearchBatch,
    *,
    nbest: int,
    last_rows: int | None = None,
  ) -> Callable[[], Hypotheses]:
    """Starts a search; returns what ends it and gives its results (numpy).

    Args:
      all_params: of each model.
      batch: numpy arrays; the number of devices divides their rows.
      nbest: hypotheses of each row, at most decoding.num_slots.
      last_rows: that the batch shrinks to as sentences end, a multiple of the
        devices too; None, or as many as it has: it does not.
    """
    lengths = self._lengths(batch)
    rows = len(batch.row_ids_B)
    with self._on_mesh():
      batch = deal(batch, self._mesh)
      if last_rows is None or last_rows == rows:
        found = self._whole(all_params, batch, nbest=nbest)
        return lambda: collect(found)
      end = self._staged.begin(
        all_params, batch, nbest=nbest, lengths=lengths, last_rows=last_rows
      )

    def end_on_mesh() -> Hypotheses:
      with self._on_mesh():
        return end()

    return end_on_mesh

  def num_programs(self) -> int:
    """Returns how many were compiled."""
    return self._whole.num_compiled() + self._staged.num_programs()

  def _on_mesh(self) -> contextlib.AbstractContextManager[None]:
    return use_mesh(self._mesh) if self._mesh else contextlib.nullcontext()
