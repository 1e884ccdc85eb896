"""CTranslate2's beam search at forced lengths."""

import tempfile
from collections.abc import Callable, Iterator

import ctranslate2

from benchmarks.peers.ctranslate2_model import make_spec, to_ids, to_tokens
from benchmarks.peers.decoders import Output, Settings, on_gpu
from benchmarks.sentences import Sentences, equal_length_groups
from benchmarks.sizes import EOS_ID
from t2t_jax.data.workers import usable_cpus


class CTranslate2Decoder:
  """A translator with our weights.

  One call has one length for all its outputs, so there is a call for each
  group of sentences of equal length. That is CTranslate2's best case: no
  padding, and no row that has ended waits for others. The calls are queued
  at one time, so it does not wait for Python between them.
  """

  def __init__(self, settings: Settings, quantization: str = ''):
    """Args: quantization is '' (float32; float16 on a GPU) or 'int8'."""
    self._beam_size = settings.beam_size
    self._batch = {
      'max_batch_size': settings.batch_tokens // settings.beam_size,
      'batch_type': 'tokens',
    }
    kind = 'float16' if on_gpu() else 'float32'
    if quantization:
      kind = f'{quantization}_{kind}'
    self.dtype = kind
    spec = make_spec(settings.model, settings.params)
    spec.validate()
    spec.optimize(quantization=None)
    with tempfile.TemporaryDirectory() as directory:
      spec.save(directory)
      self._translator = ctranslate2.Translator(
        directory,
        device='cuda' if on_gpu() else 'cpu',
        compute_type=kind,
        inter_threads=1,
        intra_threads=usable_cpus(),
      )

  def job(self, sentences: Sentences) -> Callable[[], list[list[str]]]:
    groups = [
      (indices, [to_tokens(sentences[i]) for i in indices])
      for indices in equal_length_groups(sentences)
    ]

    def run() -> list[list[str]]:
      queued = [
        (indices, self._translate(group, len(group[0]), 1))
        for indices, group in groups
      ]
      outputs: list[list[str]] = [[]] * len(sentences)
      for indices, results in queued:
        for index, result in zip(indices, results, strict=True):
          outputs[index] = result.result().hypotheses[0]
      return outputs

    return run

  def outputs(self, sentences: Sentences) -> list[Output]:
    """The best hypothesis with EOS as its last token.

    CTranslate2 stops at the longest length without EOS; ours must end with
    it. So its beam is taken one token earlier, and EOS is scored.
    """
    outputs: dict[int, Output] = {}
    for indices in equal_length_groups(sentences):
      group = [to_tokens(sentences[i]) for i in indices]
      beams = [
        result.result().hypotheses
        for result in self._translate(group, len(group[0]) - 1, self._beam_size)
      ]
      for index, best in zip(indices, self._best(group, beams), strict=True):
        outputs[index] = best
    return [outputs[index] for index in range(len(sentences))]

  def _translate(self, group: list[list[str]], length: int, nbest: int):
    return self._translator.translate_batch(
      group,
      beam_size=self._beam_size,
      num_hypotheses=nbest,
      min_decoding_length=length,
      max_decoding_length=length,
      asynchronous=True,
      **self._batch,
    )

  def _best(
    self, group: list[list[str]], beams: list[list[list[str]]]
  ) -> Iterator[Output]:
    """Yields the most probable hypothesis of each sentence, with EOS."""
    scored = iter(
      self._translator.score_batch(
        [s for s, beam in zip(group, beams, strict=True) for _ in beam],
        [hypothesis for beam in beams for hypothesis in beam],
        **self._batch,
      )
    )
    for beam in beams:
      yield max(
        (
          Output((*to_ids(hypothesis), EOS_ID), sum(next(scored).log_probs))
          for hypothesis in beam
        ),
        key=lambda output: output.log_prob,
      )
