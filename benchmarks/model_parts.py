"""Which part of the model a kernel's work is, by what it was traced from."""

import re

REST = 'optimizer and the rest'
# The first that is found in an origin such as jit(train_step)/transpose(jvp(
# Transformer.features))/Transformer.decode/decoder/layer_0/layer_0._chain/
# feed_forward_residual/norm/mul.
_PARTS = (
  (r'_residual/(norm|dropout|add)\b|/final_norm\b', 'residual, norm, dropout'),
  (r'\bself_attention\b', 'self-attention'),
  (r'\bcross_attention\b', 'cross-attention'),
  (r'\bfeed_forward\b', 'feed-forward'),
  (r'\bTransformer\.(encode|decode)\b', 'embedding'),
  # What the loss does has no module; its products go by their axes.
  (r'\bjvp\(\)|\bBC[DV]\b', 'softmax and loss'),
)


def part_of(origin: str) -> str:
  """Returns the part of the model, REST for what is none of its."""
  if not origin.startswith('state.'):  # an argument, whatever its name
    for pattern, part in _PARTS:
      if re.search(pattern, origin):
        return part
  return REST
