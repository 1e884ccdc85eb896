"""Parameters as the PyTorch world holds them, and back.

There a matrix is (out, in), heads lie behind each other, and names are those
that fairseq began with and MarianMT kept: encoder.layers.0.self_attn.q_proj
and so on. Dimension letters as in the model, N = rows of a table.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from t2t_jax.config import ModelConfig
from t2t_jax.errors import UsageError


class Layout(NamedTuple):
  """How an array lies there: `there(ours, order_D)`, and `here(theirs,
  places_D, shape)` back, where order_D[j] is our place in d_model of their
  j-th, and places_D their place of our i-th. `is_table`: ours may have more
  rows, which fill a mesh."""

  there: Callable[[np.ndarray, np.ndarray], np.ndarray]
  here: Callable[[np.ndarray, np.ndarray, tuple[int, ...]], np.ndarray]
  is_table: bool = False


class Place(NamedTuple):
  """Where one parameter stands: its path here, its name there."""

  path: tuple[str, ...]
  name: str
  layout: Layout


# From d_model, (D, ...): queries, keys, values, the first of a feed-forward.
_FROM_MODEL = Layout(
  lambda ours, order_D: ours.reshape(len(ours), -1).T[:, order_D],
  lambda theirs, places_D, shape: theirs[:, places_D].T.reshape(shape),
)
# To d_model, (..., D).
_TO_MODEL = Layout(
  lambda ours, order_D: ours.reshape(-1, ours.shape[-1]).T[order_D],
  lambda theirs, places_D, shape: theirs[places_D].T.reshape(shape),
)
# Over d_model, (D,): layer norms, biases.
_OVER_MODEL = Layout(
  lambda ours, order_D: ours[order_D],
  lambda theirs, places_D, shape: theirs[places_D].reshape(shape),
)
# Rows of d_model, (N, D), and one number a row, (N,).
_ROWS = Layout(
  lambda ours, order_D: ours[:, order_D],
  lambda theirs, places_D, shape: _filled(theirs[:, places_D], shape),
  is_table=True,
)
_ROW_NUMBERS = Layout(
  lambda ours, order_D: ours,
  lambda theirs, places_D, shape: _filled(theirs, shape),
  is_table=True,
)
# Not over d_model: biases of heads, inner biases.
_FLAT = Layout(
  lambda ours, order_D: ours.reshape(-1),
  lambda theirs, places_D, shape: theirs.reshape(shape),
)
_AS_IT_IS = Layout(
  lambda ours, order_D: ours,
  lambda theirs, places_D, shape: theirs.reshape(shape),
)


def places(config: ModelConfig) -> Iterator[Place]:
  """Yields the place of every parameter of a model."""
  yield Place(('target_embedding',), 'decoder.embed_tokens.weight', _ROWS)
  if not config.tie_source_target:
    yield Place(('source_embedding',), 'encoder.embed_tokens.weight', _ROWS)
  if not config.tie_softmax:
    yield Place(('softmax',), 'lm_head.weight', _ROWS)
  if config.softmax_bias:
    yield Place(('softmax_bias',), 'lm_head.bias', _ROW_NUMBERS)
  if config.positions == 'learned':
    for ours, theirs in (('source', 'encoder'), ('target', 'decoder')):
      name = f'{theirs}.embed_positions.weight'
      yield Place((f'{ours}_positions',), name, _ROWS)
  yield from _stack(config, 'encoder', config.num_encoder_layers)
  yield from _stack(config, 'decoder', config.num_decoder_layers)


def _stack(config: ModelConfig, stack: str, layers: int) -> Iterator[Place]:
  for i in range(layers):
    here, there = (stack, f'layer_{i}'), f'{stack}.layers.{i}'
    yield from _attention(config, here, there, 'self_attention', 'self_attn')
    if stack == 'decoder':
      yield from _attention(
        config, here, there, 'cross_attention', 'encoder_attn'
      )
    feed = (*here, 'feed_forward')
    yield Place((*feed, 'in'), f'{there}.fc1.weight', _FROM_MODEL)
    yield Place((*feed, 'in_bias'), f'{there}.fc1.bias', _FLAT)
    yield Place((*feed, 'out'), f'{there}.fc2.weight', _TO_MODEL)
    yield Place((*feed, 'out_bias'), f'{there}.fc2.bias', _OVER_MODEL)
    yield from _norm(
      (*here, 'feed_forward_residual', 'norm'), f'{there}.final_layer_norm'
    )
  if config.norm_position == 'pre':
    yield from _norm((stack, 'final_norm'), f'{stack}.layer_norm')


def _attention(
  config: ModelConfig, layer: tuple[str, ...], there: str, ours: str, name: str
) -> Iterator[Place]:
  here, there_own = (*layer, ours), f'{there}.{name}'
  for matrix, letter in (('query', 'q'), ('key', 'k'), ('value', 'v')):
    there_matrix = f'{there_own}.{letter}_proj'
    yield Place((*here, matrix), f'{there_matrix}.weight', _FROM_MODEL)
    if config.attention_bias:
      yield Place((*here, f'{matrix}_bias'), f'{there_matrix}.bias', _FLAT)
  yield Place((*here, 'out'), f'{there_own}.out_proj.weight', _TO_MODEL)
  if config.attention_bias:
    yield Place((*here, 'out_bias'), f'{there_own}.out_proj.bias', _OVER_MODEL)
  if config.positions == 'relative' and ours == 'self_attention':
    for side in ('keys', 'values'):
      yield Place(
        (*here, f'relative_{side}'),
        f'{there_own}.relative_{side}.weight',
        _AS_IT_IS,
      )
  yield from _norm(
    (*layer, f'{ours}_residual', 'norm'), f'{there_own}_layer_norm'
  )


def _norm(path: tuple[str, ...], name: str) -> Iterator[Place]:
  yield Place((*path, 'scale'), f'{name}.weight', _OVER_MODEL)
  yield Place((*path, 'bias'), f'{name}.bias', _OVER_MODEL)


def to_their_layout(
  config: ModelConfig,
  params: Any,
  vocab_sizes: tuple[int, int],
  order_D: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
  """Returns the parameters as float32 arrays {name there: array}.

  Args:
    config, params: of the model.
    vocab_sizes: of source and target; further rows of tables are left out.
    order_D: which of ours is their j-th of d_model; None: the same.
  """
  order_D = np.arange(config.d_model) if order_D is None else order_D
  rows = {
    'source_embedding': vocab_sizes[0],
    'target_embedding': vocab_sizes[1],
    'softmax': vocab_sizes[1],
    'softmax_bias': vocab_sizes[1],
  }
  arrays = {}
  for place in places(config):
    ours = np.asarray(_at(params, place.path), np.float32)
    ours = ours[: rows.get(place.path[0])]
    arrays[place.name] = np.ascontiguousarray(place.layout.there(ours, order_D))
  return arrays


def to_our_layout(
  config: ModelConfig,
  arrays: Mapping[str, np.ndarray],
  shapes: Any,
  origin: str,
  order_D: np.ndarray | None = None,
) -> Any:
  """Returns the parameters that `to_their_layout` would turn into `arrays`.

  Args:
    config: of the model.
    arrays: {name there: array}; others than the model's are not read.
    shapes: the model's tree of parameters, as shapes.
    origin: the file, for messages.
    order_D: as `to_their_layout` takes it.

  Raises:
    UsageError: an array is missing, or has not the shape that it should.
  """
  order_D = np.arange(config.d_model) if order_D is None else order_D
  places_D = np.argsort(order_D)
  params: dict[str, Any] = {}
  for place in places(config):
    if place.name not in arrays:
      raise UsageError(f'{origin}: expected an array {place.name}, found none')
    leaf = _at(shapes, place.path)
    theirs = np.asarray(arrays[place.name], np.float32)
    expected = place.layout.there(
      np.broadcast_to(np.float32(0), leaf.shape), order_D
    ).shape
    if not _fits(theirs.shape, expected, place.layout.is_table):
      raise UsageError(
        f'{origin}: {place.name}: expected the shape {_words(expected)}, found '
        f'{_words(theirs.shape)}'
      )
    branch = params
    for name in place.path[:-1]:
      branch = branch.setdefault(name, {})
    branch[place.path[-1]] = place.layout.here(theirs, places_D, leaf.shape)
  return params


def _at(tree: Any, path: tuple[str, ...]) -> Any:
  for name in path:
    tree = tree[name]
  return tree


def _filled(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
  """`array` with rows of zeros behind it, up to `shape`."""
  full = np.zeros(shape, array.dtype)
  full[: len(array)] = array
  return full


def _fits(
  found: tuple[int, ...], expected: tuple[int, ...], is_table: bool
) -> bool:
  if is_table and len(found) == len(expected):
    return found[1:] == expected[1:] and 0 < found[0] <= expected[0]
  return found == expected


def _words(shape: tuple[int, ...]) -> str:
  return ' x '.join(map(str, shape)) or 'of a scalar'
