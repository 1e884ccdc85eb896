"""The dev set during a run: nll, perplexity, and BLEU by real decoding."""

import dataclasses
import time
from typing import Any

import jax
from jax.sharding import Mesh

from t2t_jax.config import Config
from t2t_jax.data.batching import evaluation_batches
from t2t_jax.data.corpora import read_split
from t2t_jax.data.token_store import Prepared
from t2t_jax.decoding.translator import Translator
from t2t_jax.evaluation.bleu import corpus_scores
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.arrays import place_batch, split_rows
from t2t_jax.parallel.mesh import batch_shards
from t2t_jax.training.metrics import perplexity
from t2t_jax.training.stopping import Stopped, StopSignal
from t2t_jax.training.train_step import make_eval_step

# Each is compiled once; the dev set is small, so a few fit it well.
_SHAPES = 6


class DevEvaluation:
  """Looks at a run's parameters with the dev set."""

  def __init__(
    self, config: Config, model: Transformer, prepared: Prepared, mesh: Mesh
  ):
    self._config, self._mesh, self._prepared = config, mesh, prepared
    self._pad_id = prepared.tokenizers.target.pad_id
    self._eval_step = make_eval_step(
      config, model, prepared.tokenizers.target.bos_id, mesh
    )
    self._pairs: list[tuple[str, str]] | None = None
    decoding = dataclasses.replace(
      config.decoding,
      method='beam',
      mbr='none',
      beam_size=config.evaluation.bleu_beam_size,
    )
    self._translator = Translator(
      model,
      None,
      prepared.tokenizers,
      decoding,
      mesh=mesh,
      max_source_tokens=config.data.max_tokens,
    )

  def __call__(self, params: Any, stop: StopSignal) -> dict[str, Any]:
    """Returns {'nll', 'perplexity', 'tokens', 'bleu'...} of `params`.

    nll is a target token's, unsmoothed, without dropout.

    Raises:
      Stopped: the run was told to stop meanwhile.
    """
    start = time.perf_counter()
    result = self._likelihood(params, stop)
    if self._config.evaluation.bleu:
      result |= self._bleu(params, stop)
    return result | {'seconds': time.perf_counter() - start}

  def _likelihood(self, params: Any, stop: StopSignal) -> dict[str, Any]:
    nll = tokens = 0.0
    batches = evaluation_batches(
      self._prepared.dev,
      self._config.training.microbatch_tokens,
      _SHAPES,
      self._pad_id,
    )
    for batch in batches:
      _raise_if(stop)
      sums = self._eval_step(params, *(self._place(ids) for ids in batch))
      nll += float(sums.nll)
      tokens += float(sums.tokens)
    mean = nll / tokens
    return {
      'nll': mean,
      'perplexity': perplexity(mean),
      'tokens': int(tokens),
    }

  def _place(self, ids) -> jax.Array:
    rows = split_rows(ids, 1, batch_shards(self._mesh), self._pad_id)[0]
    return place_batch(rows, self._mesh)

  def _bleu(self, params: Any, stop: StopSignal) -> dict[str, Any]:
    evaluation = self._config.evaluation
    if self._pairs is None:
      pairs = list(read_split(self._config.data, 'dev'))
      self._pairs = pairs[: evaluation.bleu_sentences or None]
    sources, references = zip(*self._pairs, strict=True)
    translator = self._translator.with_params(params)
    hypotheses = []
    for translation in translator.translate_stream(sources, window=1024):
      _raise_if(stop)
      hypotheses.append(translation.text)
    scores = corpus_scores(hypotheses, references, evaluation.bleu_tokenize)
    return {'bleu': scores.bleu, 'bleu_signature': scores.bleu_signature}


def _raise_if(stop: StopSignal) -> None:
  if stop:
    raise Stopped
