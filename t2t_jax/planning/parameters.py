"""The parameters of a model by part, as Table 3 counts them together."""

import math

import flax.linen as nn
import jax

from t2t_jax.config import Config
from t2t_jax.model.transformer import Transformer
from t2t_jax.training.memory import abstract_state

_PARTS = {
  'self_attention': 'self-attention',
  'cross_attention': 'encoder-decoder attention',
  'feed_forward': 'feed-forward',
}
_ORDER = (
  'embeddings',
  'positions',
  *(
    f'{stack} {part}'
    for stack in ('encoder', 'decoder')
    for part in (*_PARTS.values(), 'layer norms')
  ),
  'softmax',
)


def parameters_by_part(config: Config, model: Transformer) -> dict[str, int]:
  """Returns {part: number of parameters}; rows of padding do not count."""
  params = abstract_state(config, model).params
  entries = {
    'source_embedding': model.source_vocab_size,
    **dict.fromkeys(
      ('target_embedding', 'softmax', 'softmax_bias'), model.target_vocab_size
    ),
  }
  found = dict.fromkeys(_ORDER, 0)
  for path, box in jax.tree_util.tree_leaves_with_path(
    params, is_leaf=lambda leaf: isinstance(leaf, nn.LogicallyPartitioned)
  ):
    names = [key.key for key in path]
    rows, *rest = box.value.shape
    count = entries.get(names[0], rows) * math.prod(rest)
    found[_part_of(names)] += count
  return {part: count for part, count in found.items() if count}


def _part_of(names: list[str]) -> str:
  top = names[0]
  if top in ('encoder', 'decoder'):
    of_layer = [_PARTS[name] for name in names[1:] if name in _PARTS]
    return f'{top} {of_layer[0] if of_layer else "layer norms"}'
  if top.endswith('_embedding'):
    return 'embeddings'
  return 'positions' if top.endswith('_positions') else 'softmax'
