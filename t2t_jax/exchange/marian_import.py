"""A MarianMT (OPUS-MT) folder becomes a workdir to decode with or tune."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from t2t_jax import __version__
from t2t_jax.checkpoints.store import CheckpointStore, list_steps
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config, from_mapping
from t2t_jax.config_files import with_base_values
from t2t_jax.data.mapped_subwords import MappedTokenizer
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.errors import UsageError
from t2t_jax.exchange import marian_names as marian
from t2t_jax.exchange.layouts import to_our_layout
from t2t_jax.exchange.marian_files import (
  read_arrays,
  read_bytes,
  read_ids,
  read_json,
)
from t2t_jax.model.transformer import build_transformer
from t2t_jax.parallel.arrays import abstract_params
from t2t_jax.parallel.mesh import decoding_mesh
from t2t_jax.training.progress import Progress

# What our model is; a folder that says otherwise is another model.
_EXPECTED = {
  'model_type': 'marian',
  'scale_embedding': True,
  'static_position_embeddings': True,
  'normalize_before': False,
  'normalize_embedding': False,
  'add_final_layer_norm': False,
  'add_bias_logits': False,
}
_ACTIVATIONS = {
  **{theirs: ours for ours, theirs in marian.ACTIVATIONS.items()},
  'silu': 'swish',
  'gelu_pytorch_tanh': 'gelu',
}
# The least share of a model's pieces that the vocabulary has: all but a few,
# unless the two do not belong together.
_KNOWN = 0.5


def import_marian(folder: Path, workdir: Workdir) -> None:
  """Makes `workdir` a run whose only checkpoint, 0, is the folder's model.

  Args:
    folder: config.json, model.safetensors or pytorch_model.bin, source.spm,
      target.spm, vocab.json (and target_vocab.json), as transformers writes
      them.
    workdir: a directory that is not there yet, or is empty.

  Raises:
    UsageError: a file is missing, damaged or of another model; or `workdir`
      holds something.
  """
  if workdir.path.exists() and not _is_empty(workdir.path):
    raise UsageError(
      f'--workdir={workdir.path}: expected a new or an empty directory, found '
      f'{"files in it" if workdir.path.is_dir() else "a file"}'
    )
  described = read_json(folder / marian.CONFIG)
  weights, arrays = read_arrays(folder)
  config = _config(described, folder, _is_one_table(arrays))
  tokenizers = _tokenizers(described, folder)
  _check_vocabulary(described, tokenizers, folder)
  model = build_transformer(config.model, tokenizers)
  mesh = decoding_mesh()
  shapes = abstract_params(model, mesh)
  named = _named(config, arrays)
  _check_tables(named, tokenizers, weights)
  params = to_our_layout(
    config.model,
    named,
    shapes,
    str(weights),
    marian.order_of_sinusoids(config.model.d_model),
  )
  run = {
    'imported_from': str(folder),
    'data_fingerprint': '',
    'data_report': {},
    'microbatches': 1,
    'mesh': dict(mesh.shape),
    'parameters': sum(int(x.size) for x in jax.tree.leaves(params)),
    'versions': {'t2t_jax': __version__},
  }
  params = jax.tree.map(
    lambda array, like: jax.device_put(array, like.sharding), params, shapes
  )
  workdir.path.mkdir(parents=True, exist_ok=True)
  with CheckpointStore(workdir.checkpoints) as store:
    progress = Progress(scheduled_steps=[0])
    store.save(0, {'params': params}, progress.to_json(), keep=set())
    store.wait()
  # config.json comes last: without it this is no run.
  assert list_steps(workdir.checkpoints) == [0]
  workdir.write(config, tokenizers, run)


def _is_empty(path: Path) -> bool:
  return path.is_dir() and not any(path.iterdir())


def _is_one_table(arrays: Mapping[str, np.ndarray]) -> bool:
  """Whether source and target have the same embeddings: transformers says
  shared too where it has loaded them apart."""
  source, target = (
    arrays.get(f'model.{side}.embed_tokens.weight')
    for side in ('encoder', 'decoder')
  )
  return source is None or target is None or np.array_equal(source, target)


def _config(
  described: Mapping[str, Any], folder: Path, is_one_table: bool
) -> Config:
  """The config of this package that the folder's model has."""
  file = folder / marian.CONFIG
  for key, expected in _EXPECTED.items():
    found = described.get(key, expected)
    if found != expected:
      raise UsageError(
        f'{file}: {key}: expected {expected!r}, found {found!r}; this is '
        'another kind of model'
      )
  activation = str(described.get('activation_function', 'gelu'))
  if activation not in _ACTIVATIONS:
    raise UsageError(
      f'{file}: activation_function: expected one of '
      f"{', '.join(_ACTIVATIONS)}, found '{activation}'"
    )
  sizes = {
    key: _positive(described, key, file)
    for key in (
      'd_model',
      'encoder_layers',
      'decoder_layers',
      'encoder_attention_heads',
      'decoder_attention_heads',
      'encoder_ffn_dim',
      'decoder_ffn_dim',
    )
  }
  for size in ('attention_heads', 'ffn_dim'):
    encoder, decoder = sizes[f'encoder_{size}'], sizes[f'decoder_{size}']
    if encoder != decoder:
      raise UsageError(
        f'{file}: expected encoder_{size} = decoder_{size}, found {encoder} '
        f'and {decoder}'
      )
  heads = sizes['encoder_attention_heads']
  shared = described.get('share_encoder_decoder_embeddings', True)
  positions = _positive(described, 'max_position_embeddings', file, 512)
  tokenizer = read_json(folder / 'tokenizer_config.json', {})
  generation = read_json(folder / 'generation_config.json', described)
  values = {
    'model': {
      'd_model': sizes['d_model'],
      'd_ff': sizes['encoder_ffn_dim'],
      'd_k': sizes['d_model'] // heads,
      'd_v': sizes['d_model'] // heads,
      'num_heads': heads,
      'num_encoder_layers': sizes['encoder_layers'],
      'num_decoder_layers': sizes['decoder_layers'],
      'norm_position': 'post',
      'activation': _ACTIVATIONS[activation],
      'positions': 'sinusoidal',
      'max_positions': positions,
      'attention_bias': True,
      'layer_norm_epsilon': marian.EPSILON,
      'tie_source_target': shared and is_one_table,
      'tie_softmax': described.get('tie_word_embeddings', True),
      'softmax_bias': True,
      'dropout_rate': described.get('dropout', 0.1),
    },
    'data': {
      'source_language': tokenizer.get('source_lang') or 'src',
      'target_language': tokenizer.get('target_lang') or 'tgt',
      'max_tokens': min(256, positions),
    },
    # One list of ids, though each side is cut by a model of its own.
    'vocabulary': {'joint': shared},
    'decoding': {
      'beam_size': generation.get('num_beams') or 4,
      'checkpoint': 'latest',
    },
  }
  try:
    return from_mapping(with_base_values(values))
  except UsageError as error:
    raise UsageError(f'{folder}: {error}') from None


def _tokenizers(described: Mapping[str, Any], folder: Path) -> Tokenizers:
  source_ids = read_ids(folder / marian.VOCABULARY)
  target_ids = read_ids(folder / marian.TARGET_VOCABULARY, source_ids)
  start_id = described.get('decoder_start_token_id')
  start = next(
    (piece for piece, token in target_ids.items() if token == start_id), None
  )
  if start is None:
    raise UsageError(
      f'{folder / marian.CONFIG}: decoder_start_token_id: expected an id of '
      f'{marian.VOCABULARY}, found {start_id}'
    )
  source, target = (
    MappedTokenizer(read_bytes(folder / name), ids, start, str(folder / name))
    for name, ids in (
      (marian.SOURCE_MODEL, source_ids),
      (marian.TARGET_MODEL, target_ids),
    )
  )
  for name, tokenizer in (
    (marian.SOURCE_MODEL, source),
    (marian.TARGET_MODEL, target),
  ):
    if (share := tokenizer.known_share()) < _KNOWN:
      raise UsageError(
        f'{folder / name}: expected the model that cuts text into the pieces '
        f'of the vocabulary, which has {share:.0%} of its pieces'
      )
  return Tokenizers(source, target, joint=False)


def _check_vocabulary(
  described: Mapping[str, Any], tokenizers: Tokenizers, folder: Path
) -> None:
  source_size = described.get('vocab_size')
  target_size = described.get('decoder_vocab_size') or source_size
  for key, size, tokenizer in (
    ('vocab_size', source_size, tokenizers.source),
    ('decoder_vocab_size', target_size, tokenizers.target),
  ):
    if size != tokenizer.vocab_size:
      raise UsageError(
        f'{folder / marian.CONFIG}: {key}: expected {tokenizer.vocab_size}, '
        f'the pieces of the vocabulary, found {size}'
      )


def _check_tables(
  named: Mapping[str, np.ndarray], tokenizers: Tokenizers, weights: Path
) -> None:
  """Raises UsageError where a table has not a row for each token: the layout
  would fill it up with zeros."""
  for name, tokenizer in (
    ('encoder.embed_tokens.weight', tokenizers.source),
    ('decoder.embed_tokens.weight', tokenizers.target),
    ('lm_head.weight', tokenizers.target),
    ('lm_head.bias', tokenizers.target),
  ):
    rows = named[name].shape[:1] if name in named else ()
    if rows not in ((), (tokenizer.vocab_size,)):
      raise UsageError(
        f'{weights}: {name}: expected {tokenizer.vocab_size} rows, the pieces '
        f'of the vocabulary, found {rows[0]}'
      )


def _named(config: Config, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
  """The arrays by the names of `layouts`; a bias on logits that is not there
  is zeros."""
  named = marian.from_marian(arrays)
  if 'lm_head.bias' not in named and 'decoder.embed_tokens.weight' in named:
    rows = len(named['decoder.embed_tokens.weight'])
    named['lm_head.bias'] = np.zeros(rows, np.float32)
  if config.model.tie_softmax:
    named.pop('lm_head.weight', None)
  return named


def _positive(
  described: Mapping[str, Any], key: str, file: Path, default: Any = None
) -> int:
  value = described.get(key, default)
  if type(value) is not int or value < 1:
    raise UsageError(f'{file}: {key}: expected a number from 1, found {value}')
  return value
