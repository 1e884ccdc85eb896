"""The paper's Table 2: what its own models reached and cost."""

import dataclasses

from t2t_jax.config import Config

# "the sustained single-precision floating-point capacity" of a P100, operations
# a second (footnote 5).
P100_FLOPS = 9.5e12


@dataclasses.dataclass(frozen=True)
class Published:
  """Attributes:
  bleu: newstest2014, tokenised.
  devices: P100s.
  hours: of training (5.2).
  """

  bleu: float
  devices: int
  hours: float

  @property
  def flops(self) -> float:
    """Training cost as the paper counts it: devices, time, sustained rate."""
    return self.devices * self.hours * 3600 * P100_FLOPS


# By width, then direction.
_TABLE_2 = {
  512: {'en-de': Published(27.3, 8, 12), 'en-fr': Published(38.1, 8, 12)},
  1024: {'en-de': Published(28.4, 8, 84), 'en-fr': Published(41.8, 8, 84)},
}


def published_of(config: Config) -> Published | None:
  """Returns the paper's figures of `config`, None where it is not one of its
  base and big models, trained for as long."""
  m, steps = config.model, config.training.steps
  sizes = (m.d_model, m.d_ff, m.num_heads, steps)
  if sizes not in ((512, 2048, 8, 100_000), (1024, 4096, 16, 300_000)):
    return None
  if (m.num_encoder_layers, m.num_decoder_layers) != (6, 6):
    return None
  direction = f'{config.data.source_language}-{config.data.target_language}'
  return _TABLE_2[m.d_model].get(direction)
