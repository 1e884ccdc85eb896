"""A model as programs that jax alone runs: jax.export's StableHLO.

greedy.jax and beam.jax are the whole translate function, from padded source
tokens to target tokens and scores, for any batch and length, on CPU, CUDA and
TPU. params.safetensors holds the parameters, which are their argument.
translate.py shows how to call them; it needs no t2t_jax.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from t2t_jax.checkpoints.workdir import write_json
from t2t_jax.config import DecodingConfig, ModelConfig
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.restored import Restored
from t2t_jax.decoding.search.batch_search import cached_model
from t2t_jax.decoding.search.beam_search import beam_search
from t2t_jax.decoding.search.weights import decoding_weights
from t2t_jax.exchange.needs import refuse, require
from t2t_jax.exchange.tokenizer_files import write_models
from t2t_jax.model.transformer import Transformer

PLATFORMS = ('cpu', 'cuda', 'tpu')
WEIGHTS = 'params.safetensors'
PROGRAMS = {'greedy': 'greedy.jax', 'beam': 'beam.jax'}

# What the programs do not do.
_WITHOUT = {'mbr': 'none', 'min_length': 0, 'no_repeat_ngram': 0}


def check(config: ModelConfig, decoding: DecodingConfig) -> None:
  """Raises UsageError for what the programs cannot do, by its name."""
  if decoding.method != 'beam':
    refuse('stablehlo', 'decoding.method', 'beam', decoding.method)
  for name, wanted in _WITHOUT.items():
    found = getattr(decoding, name)
    if found != wanted:
      refuse('stablehlo', f'decoding.{name}', str(wanted), str(found))
  offset = decoding.max_decode_length_offset
  if config.positions == 'sinusoidal' and offset > config.max_positions:
    refuse(
      'stablehlo',
      'decoding.max_decode_length_offset',
      f'at most model.max_positions = {config.max_positions}',
      str(offset),
    )


def write(
  restored: Restored,
  directory: Path,
  platforms: Sequence[str] = PLATFORMS,
) -> None:
  """Writes programs and parameters into `directory`, there and empty."""
  model = run_anywhere(restored.model)
  require('flatbuffers')  # which jax.export serialises by
  decoding = restored.config.decoding
  params = _flat(
    decoding_weights(restored.params, restored.model.config, decoding)
  )
  require('safetensors.flax').save_file(
    {name: jnp.asarray(array) for name, array in params.items()},
    directory / WEIGHTS,
  )
  shapes = {
    name: jax.ShapeDtypeStruct(array.shape, array.dtype)
    for name, array in params.items()
  }
  for name, beam_size in (('greedy', 1), ('beam', decoding.beam_size)):
    program = jax.jit(
      functools.partial(
        translate_batch,
        model,
        restored.tokenizers,
        decoding,
        beam_size,
      )
    )
    exported = jax.export.export(program, platforms=platforms)(
      shapes, _symbolic_source(restored.model.config, decoding)
    )
    (directory / PROGRAMS[name]).write_bytes(exported.serialize())
  write_models(restored.tokenizers, directory, '.model')
  _write_script(restored, directory)


def run_anywhere(model: Transformer, **changes: Any) -> Transformer:
  """Returns the same function without a kernel that only some devices have.

  Args:
    model: the module.
    changes: fields of its config to set anew.
  """
  if model.config.attention_impl == 'cudnn':
    changes['attention_impl'] = 'xla'
  config = dataclasses.replace(model.config, **changes)
  return dataclasses.replace(model, config=config)


def translate_batch(
  model: Transformer,
  tokenizers: Tokenizers,
  decoding: DecodingConfig,
  beam_size: int,
  flat_params: Mapping[str, Any],
  source_ids_BS: Any,
) -> dict[str, Any]:
  """Returns {'ids_BNT', 'scores_BN', 'log_probs_BN'}, best first.

  Args:
    model, tokenizers, decoding: what the program is made from.
    beam_size: of the search; 1 is greedy.
    flat_params: {path with / between: array}.
    source_ids_BS: int32, tokens, EOS, PAD; S may be any length.
  """
  params = traverse_util.unflatten_dict(dict(flat_params), sep='/')
  offset = decoding.max_decode_length_offset
  tokens_B = (source_ids_BS != model.pad_id).sum(axis=1)
  step_fn, init_cache = cached_model(model, params, source_ids_BS, beam_size)
  target = tokenizers.target
  max_length = source_ids_BS.shape[1] - 1 + offset
  if model.config.positions == 'learned':
    # Not the smaller of the two: the source's length is not a number yet.
    max_length = model.config.max_positions
  found = beam_search(
    step_fn,
    init_cache,
    # Without EOS; a row without tokens only fills the batch.
    max_lengths_B=jnp.where(tokens_B > 1, tokens_B - 1 + offset, 0),
    max_length=max_length,
    beam_size=beam_size,
    length_penalty_alpha=decoding.length_penalty_alpha,
    bos_id=target.bos_id,
    eos_id=target.eos_id,
    pad_id=target.pad_id,
    stopping=decoding.stopping,
  )
  return found._asdict()


class Engine:
  """The directory's programs, run by jax alone."""

  name = 'jax.export'

  def __init__(self, directory: Path, tokenizers: Tokenizers):
    self._source, self._target = tokenizers.source, tokenizers.target
    self._params = require('safetensors.flax').load_file(directory / WEIGHTS)
    self._programs = {
      name: jax.jit(_deserialized(directory / file).call)
      for name, file in PROGRAMS.items()
    }

  def search(
    self, program: str, source_ids: Sequence[Sequence[int]]
  ) -> list[tuple[list[int], float]]:
    """Returns each source's best hypothesis: ids without EOS, and score.

    Args:
      program: greedy or beam.
      source_ids: without EOS; in batches of 16 as they come.
    """
    found = []
    for start in range(0, len(source_ids), 16):
      rows = source_ids[start : start + 16]
      length = max(map(len, rows)) + 1
      batch = np.full((len(rows), length), self._source.pad_id, np.int32)
      for row, ids in zip(batch, rows, strict=True):
        row[: len(ids) + 1] = [*ids, self._source.eos_id]
      result = self._programs[program](self._params, batch)
      for ids_T, score in zip(
        np.asarray(result['ids_BNT'])[:, 0],
        np.asarray(result['scores_BN'])[:, 0],
        strict=True,
      ):
        special = np.isin(ids_T, [self._target.pad_id, self._target.eos_id])
        found.append((ids_T[~special].tolist(), float(score)))
    return found


def _deserialized(file: Path) -> Any:
  return jax.export.deserialize(bytearray(file.read_bytes()))


def _flat(params: Any) -> dict[str, Any]:
  return traverse_util.flatten_dict(params, sep='/')


def _symbolic_source(config: ModelConfig, decoding: DecodingConfig) -> Any:
  # The table of positions that the program holds has an end.
  most = config.max_positions
  shape = jax.export.symbolic_shape(
    'b, s', constraints=('s >= 2', f's <= {most}')
  )
  return jax.ShapeDtypeStruct(shape, jnp.int32)


_SIDES = ('source', 'target')
_SCRIPT = """# Lines in, translations out, without t2t_jax.
import json, sys
import jax.export, numpy as np, safetensors.flax, sentencepiece

program = jax.export.deserialize(open('beam.jax', 'rb').read())
params = safetensors.flax.load_file('params.safetensors')
source = sentencepiece.SentencePieceProcessor(model_file='source.model')
target = sentencepiece.SentencePieceProcessor(model_file='target.model')
special = json.load(open('special_ids.json'))
lines = sys.stdin.buffer.read().decode().removesuffix('\\n').split('\\n')
lines = [[*source.encode(line), special['source_eos']] for line in lines]
batch = np.full((len(lines), max(map(len, lines))), special['pad'], np.int32)
for row, ids in zip(batch, lines):
  row[: len(ids)] = ids
for ids in np.asarray(program.call(params, batch)['ids_BNT'])[:, 0].tolist():
  pieces = [i for i in ids if i not in (special['eos'], special['pad'])]
  print(target.decode(pieces))
"""


def _write_script(restored: Restored, directory: Path) -> None:
  source, target = restored.tokenizers.source, restored.tokenizers.target
  special = {
    'pad': target.pad_id,
    'eos': target.eos_id,
    'source_eos': source.eos_id,
  }
  write_json(directory / 'special_ids.json', special)
  if all((directory / f'{side}.model').exists() for side in _SIDES):
    (directory / 'translate.py').write_text(_SCRIPT)
