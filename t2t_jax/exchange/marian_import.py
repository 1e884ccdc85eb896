"""A MarianMT (OPUS-MT) folder becomes a workdir to decode with or tune."""

import json
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
from t2t_jax.exchange.needs import require
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
  if workdir.path.exists() and any(workdir.path.iterdir()):
    raise UsageError(
      f'--workdir={workdir.path}: expected a new or an empty directory, found '
      'files in it'
    )
  described = _read_json(folder / marian.CONFIG)
  weights, arrays = _read_arrays(folder)
  config = _config(described, folder, _is_one_table(arrays))
  tokenizers = _tokenizers(described, folder)
  _check_vocabulary(described, tokenizers, folder)
  model = build_transformer(config.model, tokenizers)
  mesh = decoding_mesh()
  shapes = abstract_params(model, mesh)
  params = to_our_layout(
    config.model,
    _named(config, arrays),
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
  activation = described.get('activation_function', 'gelu')
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
  positions = described.get('max_position_embeddings', 512)
  tokenizer = _read_json(folder / 'tokenizer_config.json', {})
  generation = _read_json(folder / 'generation_config.json', described)
  return from_mapping(
    with_base_values(
      {
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
          'dropout_rate': float(described.get('dropout', 0.1)),
        },
        'data': {
          'source_language': tokenizer.get('source_lang') or 'src',
          'target_language': tokenizer.get('target_lang') or 'tgt',
          'max_tokens': min(256, positions),
        },
        # One list of ids, though each side is cut by a model of its own.
        'vocabulary': {'joint': shared},
        'decoding': {
          'beam_size': int(generation.get('num_beams') or 4),
          'checkpoint': 'latest',
        },
      }
    )
  )


def _tokenizers(described: Mapping[str, Any], folder: Path) -> Tokenizers:
  source_ids = _read_json(folder / marian.VOCABULARY)
  target_ids = _read_json(folder / marian.TARGET_VOCABULARY, source_ids)
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
    MappedTokenizer(_read(folder / name), ids, start, str(folder / name))
    for name, ids in (
      (marian.SOURCE_MODEL, source_ids),
      (marian.TARGET_MODEL, target_ids),
    )
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


def _read_arrays(folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
  """Returns the file of weights and its arrays, float32."""
  path = folder / marian.WEIGHTS
  if path.is_file():
    return path, _read_safetensors(path)
  path = folder / marian.TORCH_WEIGHTS
  if not path.is_file():
    raise UsageError(
      f'{folder}: expected {marian.WEIGHTS} or {marian.TORCH_WEIGHTS}, found '
      'neither'
    )
  torch = require('torch')
  try:
    # Only arrays: a pickle that holds anything else is not run.
    loaded = torch.load(path, map_location='cpu', weights_only=True)
    return path, {
      name: tensor.to(torch.float32).numpy() for name, tensor in loaded.items()
    }
  except Exception as error:  # pickle, zip and torch raise of many kinds
    raise _damaged(path, error) from error


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
  try:
    loaded = require('safetensors.flax').load_file(path)
  except UsageError:
    raise
  except Exception as error:
    raise _damaged(path, error) from error
  return {name: np.asarray(x, np.float32) for name, x in loaded.items()}


def _damaged(path: Path, error: Exception) -> UsageError:
  first, *_ = str(error).splitlines() or [type(error).__name__]
  return UsageError(f'{path}: cannot be read, it is damaged: {first[:200]}')


def _positive(described: Mapping[str, Any], key: str, file: Path) -> int:
  value = described.get(key)
  if not isinstance(value, int) or value < 1:
    raise UsageError(f'{file}: {key}: expected a number from 1, found {value}')
  return value


def _read(path: Path) -> bytes:
  try:
    return path.read_bytes()
  except OSError as error:
    raise UsageError(f'{path}: {error.strerror}') from None


def _read_json(path: Path, default: Any = None) -> Any:
  if default is not None and not path.exists():
    return default
  try:
    return json.loads(_read(path))
  except ValueError as error:
    raise UsageError(f'{path}: not readable as JSON: {error}') from None
