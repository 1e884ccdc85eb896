"""The Transformer in plain float64 numpy, written from the paper.

What the JAX model is compared with: one sentence pair at a time, one head at
a time, in the order of the paper's sections. It shares no code with the
package, only the names of the parameter tree and of the configuration.
Relative positions follow Shaw et al. 2018 (arXiv 1803.02155).
"""

import math

import numpy as np


def forward(params, config, source_ids_BS, decoder_input_ids_BT, pad_id):
  """Returns float64 logits_BTV, V as many as the softmax table has rows."""
  return np.stack(
    [
      sentence_logits(params, config, source, target, source != pad_id)
      for source, target in zip(
        source_ids_BS, decoder_input_ids_BT, strict=True
      )
    ]
  )


def sentence_logits(params, config, source_S, target_T, is_token_S):
  """Returns logits_TV of one sentence pair (Figure 1)."""
  target_table_VD = params['target_embedding']
  source_table_VD = (
    target_table_VD if config.tie_source_target else params['source_embedding']
  )
  softmax_VD = target_table_VD if config.tie_softmax else params['softmax']

  x_SD = source_table_VD[source_S] * math.sqrt(config.d_model)
  x_SD = x_SD + positions(params, config, 'source', len(source_S))
  encoded_SD = encoder(params['encoder'], config, x_SD, is_token_S)

  x_TD = target_table_VD[target_T] * math.sqrt(config.d_model)
  x_TD = x_TD + positions(params, config, 'target', len(target_T))
  x_TD = decoder(params['decoder'], config, x_TD, encoded_SD, is_token_S)

  logits_TV = x_TD @ softmax_VD.T
  if config.softmax_bias:
    logits_TV = logits_TV + params['softmax_bias']
  return logits_TV


def positions(params, config, side, length):
  """Section 3.5: what is added to the embeddings of each position."""
  if config.positions == 'learned':
    return params[f'{side}_positions'][:length]
  table_TD = np.zeros((length, config.d_model))
  if config.positions == 'sinusoidal':
    for position in range(length):
      for i in range(config.d_model // 2):
        angle = position / 10000 ** (2 * i / config.d_model)
        table_TD[position, 2 * i] = math.sin(angle)
        table_TD[position, 2 * i + 1] = math.cos(angle)
  return table_TD


def encoder(params, config, x_SD, is_token_S):
  """Section 3.1: N layers of self-attention and feed-forward."""
  visible_SS = np.tile(is_token_S, (len(x_SD), 1))
  for i in range(config.num_encoder_layers):
    layer = params[f'layer_{i}']

    def attend(x_SD, p=layer['self_attention']):
      return multi_head_attention(p, config, x_SD, x_SD, visible_SS)

    def feed(x_SD, p=layer['feed_forward']):
      return feed_forward(p, config, x_SD)

    x_SD = residual(layer['self_attention_residual'], config, x_SD, attend)
    x_SD = residual(layer['feed_forward_residual'], config, x_SD, feed)
  return finish(params, config, x_SD)


def decoder(params, config, x_TD, encoded_SD, is_token_S):
  """Section 3.1: as the encoder, causal, with attention to the source."""
  length = len(x_TD)
  past_TT = np.arange(length)[None, :] <= np.arange(length)[:, None]
  visible_TS = np.tile(is_token_S, (length, 1))
  for i in range(config.num_decoder_layers):
    layer = params[f'layer_{i}']

    def attend(x_TD, p=layer['self_attention']):
      return multi_head_attention(p, config, x_TD, x_TD, past_TT)

    def attend_source(x_TD, p=layer['cross_attention']):
      return multi_head_attention(p, config, x_TD, encoded_SD, visible_TS)

    def feed(x_TD, p=layer['feed_forward']):
      return feed_forward(p, config, x_TD)

    x_TD = residual(layer['self_attention_residual'], config, x_TD, attend)
    x_TD = residual(
      layer['cross_attention_residual'], config, x_TD, attend_source
    )
    x_TD = residual(layer['feed_forward_residual'], config, x_TD, feed)
  return finish(params, config, x_TD)


def residual(params, config, x_TD, sublayer):
  """LayerNorm(x + Sublayer(x)) (3.1); pre: x + Sublayer(LayerNorm(x))."""
  if config.norm_position == 'pre':
    return x_TD + sublayer(layer_norm(params['norm'], config, x_TD))
  return layer_norm(params['norm'], config, x_TD + sublayer(x_TD))


def finish(params, config, x_TD):
  """The stack's last layer norm, which only pre-norm has."""
  if config.norm_position == 'pre':
    return layer_norm(params['final_norm'], config, x_TD)
  return x_TD


def layer_norm(params, config, x_TD):
  """Ba et al. 2016: statistics of each position over d_model."""
  centred_TD = x_TD - x_TD.mean(axis=-1, keepdims=True)
  variance_T1 = (centred_TD**2).mean(axis=-1, keepdims=True)
  normal_TD = centred_TD / np.sqrt(variance_T1 + config.layer_norm_epsilon)
  return normal_TD * params['scale'] + params['bias']


def multi_head_attention(params, config, x_TD, other_SD, visible_TS):
  """Section 3.2.2: Concat(head_1, ..., head_h) W_O, here a sum over heads."""
  y_TD = np.zeros((len(x_TD), config.d_model))
  for h in range(config.num_heads):
    q_TK = x_TD @ params['query'][:, h]
    k_SK = other_SD @ params['key'][:, h]
    v_SU = other_SD @ params['value'][:, h]
    if config.attention_bias:
      q_TK = q_TK + params['query_bias'][h]
      k_SK = k_SK + params['key_bias'][h]
      v_SU = v_SU + params['value_bias'][h]
    relative_TSK, relative_TSU = relative(params, config, *visible_TS.shape)
    head_TU = attention(
      q_TK, k_SK, v_SU, visible_TS, relative_TSK, relative_TSU
    )
    y_TD = y_TD + head_TU @ params['out'][h]
  if config.attention_bias:
    y_TD = y_TD + params['out_bias']
  return y_TD


def relative(params, config, length, other_length):
  """Shaw et al., section 3.2: w_clip(j - i, k) for each pair (i, j), or 0."""
  keys_TSK = np.zeros((length, other_length, config.d_k))
  values_TSU = np.zeros((length, other_length, config.d_v))
  if 'relative_keys' not in params:
    return keys_TSK, values_TSU
  k = config.max_relative_distance
  for i in range(length):
    for j in range(other_length):
      row = max(-k, min(k, j - i)) + k
      keys_TSK[i, j] = params['relative_keys'][row]
      values_TSU[i, j] = params['relative_values'][row]
  return keys_TSK, values_TSU


def attention(q_TK, k_SK, v_SU, visible_TS, relative_TSK=0, relative_TSU=0):
  """Equation 1, and Shaw et al.'s equations 3 and 4 where they are given."""
  logits_TS = np.sum(q_TK[:, None] * (k_SK + relative_TSK), axis=-1)
  logits_TS = logits_TS / math.sqrt(q_TK.shape[-1])
  weights_TS = masked_softmax(logits_TS, visible_TS)
  return np.sum(weights_TS[:, :, None] * (v_SU + relative_TSU), axis=1)


def masked_softmax(logits_TS, visible_TS):
  """Softmax over what is visible; over all alike where nothing is."""
  nothing_T1 = ~visible_TS.any(axis=-1, keepdims=True)
  logits_TS = np.where(nothing_T1, 0.0, logits_TS)
  logits_TS = np.where(visible_TS | nothing_T1, logits_TS, -np.inf)
  exp_TS = np.exp(logits_TS - logits_TS.max(axis=-1, keepdims=True))
  return exp_TS / exp_TS.sum(axis=-1, keepdims=True)


def feed_forward(params, config, x_TD):
  """Section 3.3: max(0, x W_1 + b_1) W_2 + b_2."""
  h_TF = ACTIVATIONS[config.activation](x_TD @ params['in'] + params['in_bias'])
  return h_TF @ params['out'] + params['out_bias']


def relu(x):
  return np.maximum(x, 0)


def gelu(x):
  """Hendrycks and Gimpel 2016: the approximation by tanh."""
  return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def swish(x):
  """Ramachandran et al. 2017: x sigmoid(x)."""
  return x / (1 + np.exp(-x))


ACTIVATIONS = {'relu': relu, 'gelu': gelu, 'swish': swish}
