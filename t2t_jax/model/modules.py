"""What layers are made of: the places where a module of your own can stand."""

import dataclasses
from collections.abc import Callable
from typing import Any

from t2t_jax.config import ModelConfig
from t2t_jax.model.layer_norm import LayerNorm
from t2t_jax.model.multi_head_attention import MultiHeadAttention
from t2t_jax.model.sublayers import FeedForward


@dataclasses.dataclass(frozen=True)
class Modules:
  """The modules that every layer is made of; the defaults are the paper's.

  `Modules(feed_forward=GatedFeedForward)` puts another one in its place, in
  both stacks, in training and in decoding alike. Figures by formula
  (operations, memory) go on counting the paper's; what model/product.py does
  not multiply, remat='dots' makes again.

  Attributes:
    attention: of the config and whether positions are relative; a subclass of
      MultiHeadAttention, for a search calls its cached steps too.
    feed_forward: of the config; called as f(x_BTD, deterministic=...), where
      T is 1 position of W beams in a search.
    norm: of the config; called as f(x_BTD).
  """

  attention: Callable[..., Any] = MultiHeadAttention
  feed_forward: Callable[[ModelConfig], Any] = FeedForward
  norm: Callable[[ModelConfig], Any] = LayerNorm

  def own(self) -> dict[str, str]:
    """Returns {field: name} of those that are not the paper's."""
    return {
      field.name: getattr(module, '__name__', repr(module))
      for field in dataclasses.fields(self)
      if (module := getattr(self, field.name)) is not field.default
    }


PAPER = Modules()
