"""A tiny model of the paper's choices, which other models of tests change."""

from t2t_jax.config import ModelConfig

# The paper's choices at a size that float64 numpy runs in a millisecond.
PAPER = ModelConfig(
  d_model=8,
  d_ff=12,
  d_k=4,
  d_v=4,
  num_heads=2,
  num_encoder_layers=1,
  num_decoder_layers=1,
  norm_position='post',
  activation='relu',
  positions='sinusoidal',
  max_positions=16,
  max_relative_distance=2,
  attention_bias=False,
  layer_norm_epsilon=1e-6,
  tie_source_target=True,
  tie_softmax=True,
  softmax_bias=False,
  dropout_rate=0.1,
  attention_dropout_rate=0.0,
  activation_dropout_rate=0.0,
  attention_impl='xla',
  vocab_row_multiple=8,
  compute_dtype='float32',
  param_dtype='float32',
  remat='none',
  scan_layers=False,
)
