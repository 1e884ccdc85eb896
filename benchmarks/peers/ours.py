"""t2t_jax's own beam search, in the batches that its translator makes."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.peers.decoders import Output, Settings
from benchmarks.sentences import Sentences
from benchmarks.sizes import BOS_ID, EOS_ID, PAD_ID, base_config
from t2t_jax.decoding.search.at_once import searches_at_once
from t2t_jax.decoding.search.batch_search import SearchBatch
from t2t_jax.decoding.search.batches import BatchSearch
from t2t_jax.decoding.search.hypotheses import Hypotheses
from t2t_jax.decoding.search.weights import decoding_weights
from t2t_jax.decoding.shapes import ShapeGrid


class OurDecoder:
  """`BatchSearch` on `ShapeGrid`'s batches, as `Translator` runs it.

  Sentences are padded to the grid's lengths, batches are filled with empty
  rows, and the cache has the length that it has for any output: what users
  pay for.
  """

  def __init__(
    self,
    settings: Settings,
    weights_dtype: str = '',
    compiler_options: dict[str, bool | str] | None = None,
  ):
    decoding = dataclasses.replace(
      base_config().decoding,
      beam_size=settings.beam_size,
      batch_tokens=settings.batch_tokens,
      max_decode_length_offset=settings.max_decode_length_offset,
      # No EOS before the longest length of a sentence, where it must come.
      min_length=settings.longest,
      weights_dtype=weights_dtype or 'compute_dtype',
    )
    model = settings.model.config
    self.dtype = weights_dtype or model.compute_dtype
    self._params = decoding_weights(settings.params, model, decoding)
    self._grid = ShapeGrid(
      longest=settings.longest,
      batch_tokens=settings.batch_tokens,
      beam_size=settings.beam_size,
      devices=1,
      at_once=searches_at_once(None),
    )
    self._search = BatchSearch(
      [settings.model],
      decoding,
      bos_id=BOS_ID,
      eos_id=EOS_ID,
      compiler_options=compiler_options,
    )

  def job(self, sentences: Sentences) -> Callable[[], list[np.ndarray]]:
    batches = self._batches(sentences)

    def run() -> list[np.ndarray]:
      outputs = [np.zeros(0, np.int32)] * len(sentences)
      for indices, found in self._decode(batches):
        for index, ids_T in zip(indices, found.ids_BNT[:, 0], strict=False):
          outputs[index] = ids_T[ids_T != PAD_ID]
      return outputs

    return run

  def outputs(self, sentences: Sentences) -> list[Output]:
    outputs = {}
    for indices, found in self._decode(self._batches(sentences)):
      for row, index in enumerate(indices):
        ids_T = found.ids_BNT[row, 0]
        outputs[index] = Output(
          tuple(ids_T[ids_T != PAD_ID].tolist()),
          float(found.log_probs_BN[row, 0]),
        )
    return [outputs[index] for index in range(len(sentences))]

  def _batches(
    self, sentences: Sentences
  ) -> list[tuple[list[int], SearchBatch, int]]:
    return [
      (
        indices,
        _batch([sentences[i] for i in indices], rows, length),
        self._grid.last_rows(rows),
      )
      for rows, length, indices in self._grid.batches(
        [len(s) for s in sentences], few=False
      )
    ]

  def _decode(
    self, batches: list[tuple[list[int], SearchBatch, int]]
  ) -> Iterator[tuple[list[int], Hypotheses]]:
    for indices, found in self._search.search([self._params], batches, nbest=1):
      yield indices, Hypotheses(*map(np.asarray, found))


def _batch(sentences: Sentences, rows: int, length: int) -> SearchBatch:
  source_ids_BS = np.full((rows, length), PAD_ID, np.int32)
  source_ids_BS[:, 0] = EOS_ID
  max_lengths_B, row_ids_B = np.zeros((2, rows), np.int32)
  for row, sentence in enumerate(sentences):
    source_ids_BS[row, : len(sentence)] = sentence
    max_lengths_B[row] = len(sentence)
  return SearchBatch(source_ids_BS, max_lengths_B, row_ids_B)
