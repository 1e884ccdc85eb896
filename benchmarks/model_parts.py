"""Which part of the model a kernel's work is, by what it was traced from."""

import re

LOSS, OPTIMIZER, REST = 'softmax and loss', 'optimizer', 'the rest'
# The first that is found in an origin such as jit(train_step)/transpose(jvp(
# Transformer.features))/Transformer.decode/decoder/layer_0/layer_0._chain/
# feed_forward_residual/norm/mul.
_PARTS = (
  (r'/(norm|final_norm)\b', 'layer norm'),
  (r'(/|_)dropout\b', 'dropout'),
  (r'_residual/add\b', 'residual'),
  (r'\bself_attention\b', 'self-attention'),
  (r'\bcross_attention\b', 'cross-attention'),
  (r'\bfeed_forward\b', 'feed-forward'),
  (r'\bTransformer\.(encode|decode)\b', 'embedding'),
  # What the loss does has no module; its products go by their axes.
  (r'\bjvp\(\)|\bBC[DV]\b', LOSS),
  (r'/optimizer\b', OPTIMIZER),
)


def part_of(origin: str) -> str:
  """Returns the part of the model, REST for what is none of its."""
  if not origin.startswith('state.'):  # an argument, whatever its name
    for pattern, part in _PARTS:
      if re.search(pattern, origin):
        return part
  return REST


def pass_of(origin: str) -> str:
  """Returns forward, backward or update; the loss has its gradients made with
  it, forward."""
  if 'transpose(' in origin:
    return 'backward'
  return 'update' if part_of(origin) in (OPTIMIZER, REST) else 'forward'
