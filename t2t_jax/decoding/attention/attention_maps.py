"""The attention weights of a model: each layer and head of its three uses.

L is the layer; the other letters are the package's. Attention's own equation
is computed whatever `attention_impl` says, as no fused kernel shows weights.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from t2t_jax.model.transformer import Transformer


class AttentionMaps(NamedTuple):
  """float32 weights; the last axis is what is attended to, and sums to 1.

  A stack that the model does not have gives an array of 0 layers.

  Attributes:
    encoder_LBHSS: encoder self-attention.
    decoder_LBHTT: decoder self-attention. Row t is the position that reads
      decoder input t and writes target token t.
    cross_LBHTS: encoder-decoder attention, with the same rows.
  """

  encoder_LBHSS: Any
  decoder_LBHTT: Any
  cross_LBHTS: Any


def attention_maps(
  model: Transformer, params: Any, source_ids_BS, decoder_input_ids_BT
) -> AttentionMaps:
  """Returns the weights with which `model` reads and writes; to be jitted.

  What is not read of the result is not computed under jit. Padding gets no
  weight as a key; rows of padding hold weights without a meaning.

  Args:
    model, params: the model.
    source_ids_BS: tokens, EOS, PAD.
    decoder_input_ids_BT: BOS, tokens, PAD.
  """
  _, variables = model.apply(
    {'params': params},
    source_ids_BS,
    decoder_input_ids_BT,
    mutable='intermediates',
  )
  sown = variables['intermediates']

  def layers(stack, attention):
    in_stack = sown.get(stack, {})
    found = [
      in_stack[f'layer_{i}'][attention]['weights_BHTS'][0]
      for i in range(len(in_stack))
      if attention in in_stack[f'layer_{i}']
    ]
    batch, heads = source_ids_BS.shape[0], model.config.num_heads
    return jnp.stack(found) if found else jnp.zeros((0, batch, heads, 0, 0))

  return AttentionMaps(
    layers('encoder', 'self_attention'),
    layers('decoder', 'self_attention'),
    layers('decoder', 'cross_attention'),
  )
