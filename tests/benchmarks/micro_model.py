"""A model that compiles in seconds, with weights that all differ."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from quick_compile import COMPILER_OPTIONS

from benchmarks.peers.decoders import Settings, make_decoder
from benchmarks.peers.ours import OurDecoder
from benchmarks.sentences import random_sentences
from benchmarks.sizes import Size, random_model

MICRO = Size(2, 16, 24, 2, 300)
# Of several padded lengths, batches that are not full, and one of two rows.
LENGTHS = (9, 20, 9, 2, 20, 13, 9, 20)


@functools.cache
def settings() -> Settings:
  model, params = random_model(MICRO, seed=0)
  rng = np.random.default_rng(0)

  def varied(leaf):
    """Initial biases are 0 and scales 1, which would hide a wrong conversion;
    initial sub-layers say so little that outputs repeat one token."""
    deviation = 0.1 if leaf.ndim == 1 else 0.6
    return leaf + np.float32(rng.normal(0, deviation, leaf.shape))

  table_VD = params['target_embedding']
  params = jax.tree.map(varied, params) | {'target_embedding': table_VD}
  return Settings(
    model=model,
    params=params,
    beam_size=3,
    batch_tokens=150,
    max_decode_length_offset=1,
    longest=max(LENGTHS),
  )


@functools.cache
def sentences() -> list[list[int]]:
  return random_sentences(LENGTHS, MICRO.vocab_size, seed=1)


@functools.cache
def our_decoder() -> OurDecoder:
  return OurDecoder(settings(), compiler_options=COMPILER_OPTIONS)


@functools.cache
def our_outputs():
  return our_decoder().outputs(sentences())


def peer(name: str, package: str):
  """The decoder of a peer; skips the test where it is not installed."""
  pytest.importorskip(
    package, reason=f'{package} is absent: pip install t2t_jax[bench]'
  )
  return make_decoder(name, dataclasses.replace(settings()))
