"""The search for one batch's targets, from source tokens on."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from t2t_jax.config import DecodingConfig
from t2t_jax.decoding.search.beam_search import beam_steps
from t2t_jax.decoding.search.ensemble import ensemble_step
from t2t_jax.decoding.search.growing_loop import growing_loop
from t2t_jax.decoding.search.hypotheses import Hypotheses
from t2t_jax.decoding.search.phrases import Phrases
from t2t_jax.decoding.search.rules import Rules
from t2t_jax.decoding.search.single_path import sample_steps
from t2t_jax.decoding.search.steps import Steps
from t2t_jax.decoding.shapes import first_lengths
from t2t_jax.model.transformer import Transformer


class SearchBatch(NamedTuple):
  """What is searched for at one time (B sentence).

  Attributes:
    source_ids_BS: tokens, EOS, PAD.
    max_lengths_B: most target tokens of each row with EOS; 0: a filling row.
    row_ids_B: int32, what a row's random numbers come from.
    prefix_ids_BP: tokens that the targets begin with, then PAD; or None.
    phrases: what the targets must contain; or None.
  """

  source_ids_BS: Any
  max_lengths_B: Any
  row_ids_B: Any
  prefix_ids_BP: Any = None
  phrases: Phrases | None = None


def forced_length(batch: SearchBatch) -> int:
  """Returns the most tokens that prefixes and phrases of a row can take."""
  length = 0
  if batch.prefix_ids_BP is not None:
    length += batch.prefix_ids_BP.shape[1]
  if batch.phrases is not None:
    length += batch.phrases.ids_BCP.shape[1] * batch.phrases.ids_BCP.shape[2]
  return length


def search_lengths(
  models: Sequence[Transformer], batch: SearchBatch, max_length_offset: int
) -> tuple[int, ...]:
  """Returns the lengths that the arrays of a batch's search take."""
  # Without its EOS, the longest source has one token less than S.
  usual = max(batch.source_ids_BS.shape[1] - 1, forced_length(batch))
  max_length = usual + max_length_offset
  for model in models:
    if model.config.positions == 'learned':
      max_length = min(max_length, model.config.max_positions)
  return (*first_lengths(usual + 1, max_length), max_length)


def search_batch(
  models: Sequence[Transformer],
  all_params: Sequence[Any],
  batch: SearchBatch,
  *,
  decoding: DecodingConfig,
  **options: Any,
) -> Hypotheses:
  """Encodes a batch and searches for its targets; pure, to be jitted.

  Arguments are those of `batch_steps`.
  """
  lengths = search_lengths(models, batch, decoding.max_decode_length_offset)
  return growing_loop(
    batch_steps(models, all_params, batch, decoding=decoding, **options),
    lengths,
  )


def batch_steps(
  models: Sequence[Transformer],
  all_params: Sequence[Any],
  batch: SearchBatch,
  *,
  decoding: DecodingConfig,
  bos_id: int,
  eos_id: int,
  nbest: int,
) -> Steps:
  """Returns the search for the targets of a batch.

  Args:
    models, all_params: one, or an ensemble of one vocabulary.
    batch: what to translate; only `start` reads it.
    decoding: method, its settings, and by how much targets may be longer.
    bos_id, eos_id: of the target vocabulary.
    nbest: hypotheses of each row, at most decoding.num_slots.
  """
  members = [
    cached_model(model, params, batch.source_ids_BS, decoding.num_slots)
    for model, params in zip(models, all_params, strict=True)
  ]
  *_, max_length = search_lengths(
    models, batch, decoding.max_decode_length_offset
  )
  options = {
    'max_lengths_B': batch.max_lengths_B,
    'max_length': max_length,
    'length_penalty_alpha': decoding.length_penalty_alpha,
    'bos_id': bos_id,
    'eos_id': eos_id,
    'pad_id': models[0].pad_id,
    'num_results': nbest,
    'rules': Rules(
      decoding.min_length, decoding.no_repeat_ngram, batch.prefix_ids_BP
    ),
  }
  step_fn, init_cache = ensemble_step(members)
  if decoding.method == 'sampling':
    seed = jax.random.key(decoding.seed)
    return sample_steps(
      step_fn,
      init_cache,
      keys_B=jax.vmap(functools.partial(jax.random.fold_in, seed))(
        batch.row_ids_B
      ),
      num_samples=decoding.num_samples,
      temperature=decoding.temperature,
      top_k=decoding.top_k,
      top_p=decoding.top_p,
      **options,
    )
  return beam_steps(
    step_fn,
    init_cache,
    beam_size=decoding.beam_size,
    phrases=batch.phrases,
    stopping=decoding.stopping,
    **options,
  )


def cached_model(
  model: Transformer, params: Any, source_ids_BS, num_slots: int
):
  """Returns the step and the empty cache of one model, as `beam_search` takes
  them, for `num_slots` beams of each source."""
  apply: Any = functools.partial(model.apply, {'params': params})

  def init_cache(length: int):
    # Encodes here, for who goes on with a search needs its step alone.
    encoded_BSD = None  # of a language model
    if model.config.num_encoder_layers:
      encoded_BSD = apply(source_ids_BS, method='encode')
    return apply(
      encoded_BSD,
      apply(source_ids_BS, method='source_mask'),
      beam_size=num_slots,
      max_length=length,
      method='init_cache',
    )

  return functools.partial(apply, method='decode_step'), init_cache
