"""The products that the model's equations take (section 3), counted.

A product that is added up is two floating point operations. Matrix products
alone: sums, softmaxes, layer norms, dropout and the optimizer are of a lower
order, as the paper's Table 1 has it too.
"""

from typing import Any

from t2t_jax.config import ModelConfig


def forward_flops(
  model: ModelConfig, vocab_size: int, source: Any, target: Any
) -> dict[str, Any]:
  """Returns {part of the model: operations of a forward pass} of one pair.

  Args:
    model: sizes and variants.
    vocab_size: entries of the target side, or rows of the softmax's table.
    source, target: positions of each side; numbers, or arrays of them.
  """
  m = model
  widths = m.num_heads * (m.d_k + m.d_v)
  ends = 2 * m.d_model * widths  # queries and output, or keys and values
  inner = 2 * 2 * m.d_model * m.d_ff
  # Q K^T and weights times V; with relative positions each of them twice.
  pairs = 2 * widths
  own = pairs * (2 if m.positions == 'relative' else 1)
  encoders, decoders = m.num_encoder_layers, m.num_decoder_layers
  crosses = decoders if encoders else 0
  return {
    'encoder projections': encoders * source * 2 * ends,
    'encoder attention': encoders * own * source * source,
    'encoder feed-forward': encoders * source * inner,
    'decoder projections': (
      decoders * target * 2 * ends + crosses * (target + source) * ends
    ),
    'decoder attention': (
      decoders * own * target * target + crosses * pairs * target * source
    ),
    'decoder feed-forward': decoders * target * inner,
    'softmax': 2 * (target if decoders else source) * m.d_model * vocab_size,
  }


def update_flops(
  model: ModelConfig, vocab_size: int, source: Any, target: Any
) -> Any:
  """Returns the operations of an update for one pair.

  Backwards each product is two, one for the gradient of either factor: three
  times the forward pass. What is made again (`remat`) does not count.

  Args:
    model, vocab_size, source, target: as of `forward_flops`.
  """
  return 3 * sum(forward_flops(model, vocab_size, source, target).values())
