"""Searches over the toy model, compiled quickly."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from quick_compile import COMPILER_OPTIONS
from toy_model import BOS_ID, EOS_ID, PAD_ID

from t2t_jax.decoding.search.beam_search import beam_search

ALL_SEQUENCES = 81  # 3 words that are not EOS, up to 4 before it


def run(search_function, toy, max_lengths, num_slots, rows=None, **options):
  """Runs a search; rows: the toy's sentences to search for."""
  search = functools.partial(
    search_function,
    toy.step,
    lambda length: toy.empty_cache(num_slots, length, rows),
    max_length=toy.max_length,
    **{'bos_id': BOS_ID, 'eos_id': EOS_ID, 'pad_id': PAD_ID, **options},
  )
  compiled = jax.jit(
    lambda lengths: search(max_lengths_B=lengths),
    compiler_options=COMPILER_OPTIONS,
  )
  return jax.tree.map(np.asarray, compiled(jnp.asarray(max_lengths)))


def search(toy, max_lengths, beam_size, alpha, rows=None, **options):
  """Beam search."""
  return run(
    beam_search,
    toy,
    max_lengths,
    beam_size,
    rows,
    beam_size=beam_size,
    length_penalty_alpha=alpha,
    **options,
  )
