"""The search for one batch's targets, from source tokens on."""

import functools
from typing import Any

from t2t_jax.config import DecodingConfig
from t2t_jax.decoding.beam_search import beam_search
from t2t_jax.decoding.hypotheses import Hypotheses
from t2t_jax.decoding.shapes import first_lengths
from t2t_jax.model.transformer import Transformer


def search_batch(
  model: Transformer,
  params: Any,
  source_ids_BS,
  max_lengths_B,
  *,
  decoding: DecodingConfig,
  bos_id: int,
  eos_id: int,
  nbest: int,
) -> Hypotheses:
  """Encodes a batch and searches for its best targets; pure, to be jitted.

  Args:
    model, params: the model.
    source_ids_BS: tokens, EOS, PAD.
    max_lengths_B: most target tokens of each row with EOS; 0: a filling row.
    decoding: beam size, penalty, and by how much targets may be longer.
    bos_id, eos_id: of the target vocabulary.
    nbest: hypotheses of each row, at most beam_size.
  """
  apply = functools.partial(model.apply, {'params': params})
  # Without its EOS, the longest source has one token less than S.
  max_length = source_ids_BS.shape[1] - 1 + decoding.max_decode_length_offset
  if model.config.positions == 'learned':
    max_length = min(max_length, model.config.max_positions)
  init_cache = functools.partial(
    apply,
    apply(source_ids_BS, method='encode'),
    apply(source_ids_BS, method='source_mask'),
    beam_size=decoding.beam_size,
    method='init_cache',
  )
  return beam_search(
    functools.partial(apply, method='decode_step'),
    lambda length: init_cache(max_length=length),
    max_lengths_B=max_lengths_B,
    max_length=max_length,
    beam_size=decoding.beam_size,
    length_penalty_alpha=decoding.length_penalty_alpha,
    bos_id=bos_id,
    eos_id=eos_id,
    pad_id=model.pad_id,
    num_results=nbest,
    cache_lengths=first_lengths(source_ids_BS.shape[1], max_length),
  )
