"""Puts layers of your own into the model, trains it, and translates with it.

  python examples/own_layer.py runs/own_layer

Trains two small models on generated text, with the paper's layers and with
those below, and prints the dev set's nll of both and a translation of the
second. The two classes are all that another variant needs: whatever is not
named in `Modules` stays the paper's.
"""

import sys

import flax.linen as nn
import jax.numpy as jnp

from t2t_jax import Modules, Translator, Workdir, load_config, train
from t2t_jax.config import ModelConfig
from t2t_jax.model.dropout import Dropout


class GatedFeedForward(nn.Module):
  """(SiLU(x W) * x V) W_2: the SwiGLU of Shazeer 2020 (arXiv 2002.05202).

  Two thirds of d_ff, so that its three matrices have as many weights as the
  paper's two. The arrays of `nn.Dense` lie whole on every device;
  `nn.with_logical_partitioning` would split them over a mesh, as
  t2t_jax/model/sublayers.py does.
  """

  config: ModelConfig

  @nn.compact
  def __call__(self, x_BTD, *, deterministic):
    c = self.config

    def project(name, width, x):
      dense = nn.Dense(width, use_bias=False, dtype=x.dtype, name=name)
      return dense(x)

    width = 2 * c.d_ff // 3
    gate_BTF = nn.silu(project('gate', width, x_BTD))
    h_BTF = gate_BTF * project('in', width, x_BTD)
    h_BTF = Dropout(c.activation_dropout_rate)(
      h_BTF, deterministic=deterministic
    )
    return project('out', c.d_model, h_BTF)


def rms_norm(config: ModelConfig) -> nn.RMSNorm:
  """x / sqrt(mean(x^2)) * scale (Zhang and Sennrich 2019, arXiv 1910.07467)."""
  return nn.RMSNorm(
    epsilon=config.layer_norm_epsilon, dtype=jnp.dtype(config.compute_dtype)
  )


OWN = Modules(feed_forward=GatedFeedForward, norm=rms_norm)


def main(directory: str, steps: str = '300') -> None:
  config = load_config(
    'configs/quickstart.py',
    {
      'training.steps': int(steps),
      'optimizer.warmup_steps': int(steps) // 2,
      'evaluation.every_steps': int(steps),
      'evaluation.bleu': False,
      'evaluation.best_metric': 'nll',
    },
  )
  for name, modules in (('paper', Modules()), ('own', OWN)):

    def say(line, name=name):
      print(f'{name:5} {line}', flush=True)

    train(config, Workdir(f'{directory}/{name}'), say, modules=modules)

  # The workdir knows that its layers are others; only who has them opens it.
  translator = Translator.from_workdir(f'{directory}/own', modules=OWN)
  print(translator.translate(['The dog sleeps.'])[0].text)


if __name__ == '__main__':
  main(*sys.argv[1:])
