"""Our parameters as a CTranslate2 model."""

from typing import Any

from ctranslate2.specs import TransformerSpec

from benchmarks.sizes import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from t2t_jax.exchange import ctranslate2_format
from t2t_jax.model.transformer import Transformer

_SPECIAL = {PAD_ID: '<pad>', BOS_ID: '<s>', EOS_ID: '</s>', UNK_ID: '<unk>'}


def make_spec(model: Transformer, params: Any) -> TransformerSpec:
  """Returns the specification of a model whose tokens are numbers."""
  spec = ctranslate2_format.make_spec(model, params)
  _set_vocabulary(spec, model.target_vocab_size)
  return spec


def to_tokens(ids: list[int]) -> list[str]:
  """Returns the entries of the vocabulary that `ids` are."""
  return [_SPECIAL.get(i, str(i)) for i in ids]


def to_ids(tokens: list[str]) -> list[int]:
  """Returns the ids of entries of the vocabulary."""
  special = {token: i for i, token in _SPECIAL.items()}
  return [special[t] if t in special else int(t) for t in tokens]


def _set_vocabulary(spec: TransformerSpec, vocab_size: int) -> None:
  tokens = to_tokens(list(range(vocab_size)))
  spec.register_source_vocabulary(tokens)
  spec.register_target_vocabulary(tokens)
  config = spec.config
  config.bos_token = config.decoder_start_token = _SPECIAL[BOS_ID]
  config.eos_token, config.unk_token = _SPECIAL[EOS_ID], _SPECIAL[UNK_ID]
  config.add_source_bos = config.add_source_eos = False
