"""The dev set during a run: nll, perplexity, and a score of real decoding."""

import dataclasses
import functools
import time
from collections.abc import Sequence
from typing import Any

import jax
from jax.sharding import Mesh

from t2t_jax.config import Config, EvaluationConfig
from t2t_jax.config_metrics import DECODED
from t2t_jax.config_task import LABELLING
from t2t_jax.data.batching import evaluation_batches
from t2t_jax.data.corpora import read_split
from t2t_jax.data.token_store import Prepared
from t2t_jax.decoding.tagging.best_labels import count_correct
from t2t_jax.decoding.translator import Translator
from t2t_jax.evaluation.decoded import score_lines
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel import hosts
from t2t_jax.parallel.agreement import SharedWord
from t2t_jax.parallel.arrays import copies_here, place_batch, split_rows
from t2t_jax.parallel.mesh import batch_shards, decoding_mesh, replicated
from t2t_jax.training.metrics import duration, perplexity
from t2t_jax.training.stopping import Stopped
from t2t_jax.training.train_step import make_eval_step

# Each is compiled once; the dev set is small, so a few fit it well.
_SHAPES = 6
# The beam's size is evaluation.bleu_beam_size, and stays.
_RULES = (
  'length_penalty_alpha',
  'max_decode_length_offset',
  'stopping',
  'min_length',
  'no_repeat_ngram',
  'weights_dtype',
)


class DevEvaluation:
  """Looks at a run's parameters with the dev set.

  Attributes:
    rules: what `decoding` says that changes a score of `best_metric`.
  """

  def __init__(
    self, config: Config, model: Transformer, prepared: Prepared, mesh: Mesh
  ):
    self._config, self._mesh, self._prepared = config, mesh, prepared
    self._pad_id = prepared.tokenizers.target.pad_id
    self._eval_step = make_eval_step(
      config, model, prepared.tokenizers.target.bos_id, mesh
    )
    self._count_correct = jax.jit(
      functools.partial(count_correct, model), out_shardings=replicated(mesh)
    )
    self._pairs: list[tuple[str, str]] | None = None
    self._looks = 0
    self.rules = {
      name: getattr(config.decoding, name)
      for name in _RULES
      if config.evaluation.best_metric in DECODED
    }
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
      mesh=decoding_mesh(mesh),
      max_source_tokens=config.data.max_tokens,
    )

  def __call__(self, params: Any, stop: SharedWord) -> dict[str, Any]:
    """Returns {'nll', 'perplexity', 'tokens', METRIC...} of `params`.

    nll is a target token's, unsmoothed, without dropout. A language model has
    'word_perplexity' too, a word or a line's end; labels have 'accuracy', the
    percentage that is right. All processes call it together and get the same
    to the bit, for it steers the run.

    Raises:
      Stopped: the run was told to stop meanwhile.
    """
    start = time.perf_counter()
    self._looks += 1
    result = self._likelihood(params, stop)
    if self._config.evaluation.bleu:
      result |= self._score_decoded(params, stop)
    result |= {'seconds': time.perf_counter() - start}
    return hosts.exchange(f'evaluation/{self._looks}', result)[0]

  def _likelihood(self, params: Any, stop: SharedWord) -> dict[str, Any]:
    nll = tokens = correct = 0.0
    batches = evaluation_batches(
      self._prepared.dev,
      self._config.training.microbatch_tokens,
      _SHAPES,
      self._pad_id,
    )
    for batch in batches:
      if stop.agreed():
        raise Stopped
      placed = [self._place(ids) for ids in batch]
      sums = self._eval_step(params, *placed)
      nll += float(sums.nll)
      tokens += float(sums.tokens)
      if self._config.task in LABELLING:
        correct += float(self._count_correct(params, *placed))
    mean = nll / tokens
    result = {
      'nll': mean,
      'perplexity': perplexity(mean),
      'tokens': int(tokens),
    }
    if self._config.task == 'language_model':
      counts = self._prepared.report['dev']
      words = counts['words'] + counts['kept']
      result['word_perplexity'] = perplexity(nll / words)
    if self._config.task in LABELLING:
      result['accuracy'] = 100 * correct / tokens
    return result

  def _place(self, ids) -> jax.Array:
    rows = split_rows(ids, 1, batch_shards(self._mesh), self._pad_id)[0]
    return place_batch(rows, self._mesh)

  def _score_decoded(self, params: Any, stop: SharedWord) -> dict[str, Any]:
    evaluation = self._config.evaluation
    if self._pairs is None:
      pairs = list(read_split(self._config.data, 'dev'))
      self._pairs = pairs[: evaluation.bleu_sentences or None]
    sources, references = zip(*self._pairs, strict=True)
    hypotheses = self._translate(sources, params, stop)
    scores = score_lines(evaluation, hypotheses, references, sources).to_dict()
    return {
      name: scores[name]
      for name in (evaluation.metric, f'{evaluation.metric}_signature')
    }

  def _translate(
    self, sources: Sequence[str], params: Any, stop: SharedWord
  ) -> list[str]:
    """Each process translates every so-manieth sentence on its devices."""
    here = copies_here(params, self._mesh)
    mine = sources[hosts.index() :: hosts.count()]
    translations: list[str] = []
    for translation in self._translator.with_params(here).translate_stream(
      mine, window=1024
    ):
      if stop:
        break
      translations.append(translation.text)
    shares = hosts.exchange(
      f'translations/{self._looks}',
      translations if len(translations) == len(mine) else None,
    )
    if None in shares:
      raise Stopped
    # For this look all had to end the one before it.
    hosts.forget(f'translations/{self._looks - 1}')
    hypotheses = [''] * len(sources)
    for i, share in enumerate(shares):
      hypotheses[i :: hosts.count()] = share
    return hypotheses


def describe(result: dict[str, Any], evaluation: EvaluationConfig) -> str:
  """Returns what `DevEvaluation` found as a line of text."""
  line = f'dev nll {result["nll"]:.4f}  perplexity {result["perplexity"]:.2f}'
  if evaluation.bleu:
    title = DECODED[evaluation.metric].title
    line += f'  {title} {result[evaluation.metric]:.2f}'
  if 'word_perplexity' in result:
    line += f'  a word {result["word_perplexity"]:.2f}'
  if 'accuracy' in result:
    line += f'  accuracy {result["accuracy"]:.2f} %'
  return f'{line}  ({duration(result["seconds"])})'
