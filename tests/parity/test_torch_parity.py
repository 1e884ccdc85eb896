"""The model against torch's own layers with the same weights.

nn.TransformerEncoder and nn.TransformerDecoder compute the stacks; embedding,
sinusoids and softmax, which torch has no layer for, are three lines each.
d_k and d_v apart, relative positions and the like torch cannot express: they
are held to the numpy model in tests/model.
"""

import dataclasses
import math
import pathlib
import runpy

import jax
import numpy as np
import pytest

from t2t_jax.config import from_mapping
from t2t_jax.model.transformer import Transformer

torch = pytest.importorskip(
  'torch', reason='torch is absent: pip install t2t_jax[parity]'
)

BASE_FILE = pathlib.Path(__file__).parents[2] / 'configs' / 'base.py'
BASE = from_mapping(runpy.run_path(str(BASE_FILE))['get_config']()).model
PAD_ID, VOCAB_SIZE = 0, 29

SMALL = dataclasses.replace(
  BASE,
  d_model=16,
  d_ff=24,
  d_k=4,
  d_v=4,
  num_heads=4,
  num_encoder_layers=2,
  num_decoder_layers=3,
  layer_norm_epsilon=1e-5,
  vocab_row_multiple=1,
)
CONFIGS = [
  dataclasses.replace(SMALL, norm_position=norm, **changes)
  for norm in ('post', 'pre')
  for changes in (
    {'activation': 'relu'},
    {'activation': 'gelu', 'attention_bias': True},
  )
]


def batch():
  """Three pairs; two sources end in PAD."""
  rng = np.random.default_rng(0)
  source_ids_BS = rng.integers(1, VOCAB_SIZE, size=(3, 9))
  source_ids_BS[0, 5:] = PAD_ID
  source_ids_BS[1, 8:] = PAD_ID
  return source_ids_BS, rng.integers(1, VOCAB_SIZE, size=(3, 7))


def weights_BTV():
  """Weights of the sum of logits whose gradients are compared."""
  return np.random.default_rng(1).normal(size=(3, 7, VOCAB_SIZE)) / 10


@pytest.fixture(scope='module', params=CONFIGS, ids=lambda c: c.norm_position)
def both(request):
  """Returns (logits, {torch name: gradient}) of ours and of torch's."""
  config = request.param
  model = Transformer(config, VOCAB_SIZE, VOCAB_SIZE, PAD_ID)
  params = random_parameters(model)
  return run_ours(model, params), run_torch(config, params)


def random_parameters(model):
  ids = np.zeros((1, 2), np.int32)
  boxed = jax.eval_shape(model.init, jax.random.key(0), ids, ids)['params']
  rng = np.random.default_rng(2)

  def draw(path, leaf):
    values = rng.normal(size=leaf.shape) * 0.3
    names = {getattr(entry, 'key', None) for entry in path}
    return (values + ('scale' in names)).astype(np.float32)

  shapes = jax.tree.map(
    lambda box: box.value, boxed, is_leaf=lambda node: hasattr(node, 'names')
  )
  return jax.tree_util.tree_map_with_path(draw, shapes)


def run_ours(model, params):
  def total(params):
    logits_BTV = model.apply({'params': params}, *batch())
    return (logits_BTV * weights_BTV()).sum(), logits_BTV

  gradients, logits_BTV = jax.jit(jax.grad(total, has_aux=True))(params)
  return np.asarray(logits_BTV), torch_arrays(jax.device_get(gradients))


def run_torch(config, params):
  reference = TorchTransformer(config)
  reference.load_state_dict(
    {
      name: torch.from_numpy(np.array(array))
      for name, array in torch_arrays(params).items()
    },
    strict=config.attention_bias,
  )
  logits_BTV = reference(*(torch.from_numpy(ids) for ids in batch()))
  (logits_BTV * torch.from_numpy(weights_BTV())).sum().backward()
  gradients = {
    name: parameter.grad.numpy()
    for name, parameter in reference.named_parameters()
  }
  return logits_BTV.detach().numpy(), gradients


class TorchTransformer(torch.nn.Module):
  """Figure 1 from torch's layers, without dropout."""

  def __init__(self, config):
    super().__init__()
    self.d_model = config.d_model
    activations = {
      'relu': torch.nn.functional.relu,
      'gelu': lambda x: torch.nn.functional.gelu(x, approximate='tanh'),
    }
    settings = {
      'd_model': config.d_model,
      'nhead': config.num_heads,
      'dim_feedforward': config.d_ff,
      'dropout': 0.0,
      'activation': activations[config.activation],
      'layer_norm_eps': config.layer_norm_epsilon,
      'batch_first': True,
      'norm_first': config.norm_position == 'pre',
    }

    def final_norm():
      if config.norm_position == 'post':
        return None
      return torch.nn.LayerNorm(config.d_model, config.layer_norm_epsilon)

    self.embedding = torch.nn.Embedding(VOCAB_SIZE, config.d_model)
    self.encoder = torch.nn.TransformerEncoder(
      torch.nn.TransformerEncoderLayer(**settings),
      config.num_encoder_layers,
      final_norm(),
      enable_nested_tensor=False,
    )
    self.decoder = torch.nn.TransformerDecoder(
      torch.nn.TransformerDecoderLayer(**settings),
      config.num_decoder_layers,
      final_norm(),
    )
    # Biases that the paper's projections do not have stay zero.
    for name, parameter in self.named_parameters():
      if name.endswith(('in_proj_bias', 'out_proj.bias')):
        torch.nn.init.zeros_(parameter)

  def embed(self, ids_BT):
    rates = 10000 ** (-torch.arange(0, self.d_model, 2) / self.d_model)
    angles = torch.arange(ids_BT.shape[1])[:, None] * rates
    table_TD = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    return self.embedding(ids_BT) * math.sqrt(self.d_model) + table_TD

  def forward(self, source_ids_BS, ids_BT):
    is_padding_BS = source_ids_BS == PAD_ID
    encoded_BSD = self.encoder(
      self.embed(source_ids_BS), src_key_padding_mask=is_padding_BS
    )
    length = ids_BT.shape[1]
    future_TT = torch.ones(length, length, dtype=torch.bool).triu(1)
    decoded_BTD = self.decoder(
      self.embed(ids_BT),
      encoded_BSD,
      tgt_mask=future_TT,
      memory_key_padding_mask=is_padding_BS,
    )
    return decoded_BTD @ self.embedding.weight.T


def torch_arrays(params):
  """Returns our tree (parameters or gradients) under torch's names."""
  arrays = {'embedding.weight': params['target_embedding']}
  for stack in ('encoder', 'decoder'):
    for name, tree in params[stack].items():
      if name == 'final_norm':
        arrays |= norm_arrays(f'{stack}.norm', tree)
      else:
        number = name.removeprefix('layer_')
        arrays |= layer_arrays(f'{stack}.layers.{number}', tree)
  return arrays


def layer_arrays(prefix, tree):
  feed = tree['feed_forward']
  arrays = {
    f'{prefix}.linear1.weight': feed['in'].T,
    f'{prefix}.linear1.bias': feed['in_bias'],
    f'{prefix}.linear2.weight': feed['out'].T,
    f'{prefix}.linear2.bias': feed['out_bias'],
  }
  sublayers = ['self_attention', 'cross_attention', 'feed_forward']
  present = [name for name in sublayers if name in tree]
  for number, name in enumerate(present, 1):
    norm = tree[f'{name}_residual']['norm']
    arrays |= norm_arrays(f'{prefix}.norm{number}', norm)
  arrays |= attention_arrays(f'{prefix}.self_attn', tree['self_attention'])
  if 'cross_attention' in tree:
    cross = tree['cross_attention']
    arrays |= attention_arrays(f'{prefix}.multihead_attn', cross)
  return arrays


def norm_arrays(prefix, tree):
  return {f'{prefix}.weight': tree['scale'], f'{prefix}.bias': tree['bias']}


def attention_arrays(prefix, tree):
  width = tree['query'].shape[0]
  inputs = ('query', 'key', 'value')
  arrays = {
    f'{prefix}.in_proj_weight': np.concatenate(
      [tree[name].reshape(width, -1).T for name in inputs]
    ),
    f'{prefix}.out_proj.weight': tree['out'].reshape(-1, width).T,
  }
  if 'query_bias' in tree:
    biases = [tree[f'{name}_bias'].reshape(-1) for name in inputs]
    arrays[f'{prefix}.in_proj_bias'] = np.concatenate(biases)
    arrays[f'{prefix}.out_proj.bias'] = tree['out_bias']
  return arrays


def test_forward_is_torchs(both):
  (ours_BTV, _), (theirs_BTV, _) = both
  assert theirs_BTV.dtype == np.float32
  np.testing.assert_allclose(ours_BTV, theirs_BTV, rtol=1e-5, atol=2e-5)


def test_gradients_are_torchs(both):
  (_, ours), (_, theirs) = both
  missing = set(theirs) - set(ours)
  assert all('_proj' in name and 'bias' in name for name in missing)
  assert set(ours) <= set(theirs)
  for name, gradient in ours.items():
    scale = np.abs(theirs[name]).max()
    np.testing.assert_allclose(
      gradient, theirs[name], rtol=0, atol=2e-5 * scale + 1e-6, err_msg=name
    )
