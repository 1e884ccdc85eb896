"""Parts of the model by origins as compiled programs have them."""

import pytest

from benchmarks.model_parts import part_of, pass_of

_FORWARD = 'jit(train_step)/jvp(Transformer.features)'
_BACKWARD = 'jit(train_step)/transpose(jvp(Transformer.features))'
_LAYER = 'Transformer.decode/decoder/layer_0/layer_0._chain'


@pytest.mark.parametrize(
  ('origin', 'part'),
  [
    (
      f'{_FORWARD}/{_LAYER}/self_attention_residual/norm/mul',
      'layer norm',
    ),
    # A loop on CPUs, as the loss's is.
    (
      f'{_FORWARD}/{_LAYER}/feed_forward_residual/dropout/'
      'jit(_threefry_fold_in)/while/body/add',
      'dropout',
    ),
    (f'{_BACKWARD}/{_LAYER}/feed_forward_residual/add', 'residual'),
    (f'{_FORWARD}/Transformer.encode/encoder/final_norm/mul', 'layer norm'),
    (
      f'{_BACKWARD}/{_LAYER}/cross_attention_residual/cross_attention/'
      'cross_attention.queries/BTD,DHK->BTHK/dot_general',
      'cross-attention',
    ),
    (
      f'{_BACKWARD}/Transformer.encode/encoder/layer_0/'
      'self_attention_residual/self_attention/mul',
      'self-attention',
    ),
    (
      f'{_FORWARD}/{_LAYER}/feed_forward_residual/feed_forward/add',
      'feed-forward',
    ),
    (
      f'{_BACKWARD}/Transformer.encode/_embed/jit(_take)/scatter-add',
      'embedding',
    ),
    (
      f'{_FORWARD}/Transformer.decode/embedding_dropout/'
      'jit(_threefry_fold_in)/while/body/add',
      'dropout',
    ),
    ('jit(train_step)/vmap(jvp())/while/body/exp', 'softmax and loss'),
    ('jit(f)/while/body/BCD,VD->BCV/dot_general', 'softmax and loss'),
    ('jit(train_step)/optimizer/sqrt', 'optimizer'),
    ('jit(train_step)/convert_element_type', 'the rest'),
    (
      "state.params['decoder']['layer_0']['cross_attention']['key'].value",
      'the rest',
    ),
  ],
)
def test_the_innermost_module_is_the_part(origin, part):
  assert part_of(origin) == part


@pytest.mark.parametrize(
  ('origin', 'found'),
  [
    (f'{_FORWARD}/{_LAYER}/self_attention_residual/norm/mul', 'forward'),
    (f'{_BACKWARD}/{_LAYER}/self_attention_residual/norm/mul', 'backward'),
    ('jit(f)/while/body/BCD,VD->BCV/dot_general', 'forward'),
    ('jit(train_step)/optimizer/sqrt', 'update'),
  ],
)
def test_the_pass_is_told_by_the_transposition(origin, found):
  assert pass_of(origin) == found
