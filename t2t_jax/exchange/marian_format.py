"""A model as a MarianMT folder, which Hugging Face's transformers loads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from t2t_jax.checkpoints.workdir import write_json
from t2t_jax.config import ModelConfig
from t2t_jax.data.mapped_subwords import MappedTokenizer
from t2t_jax.data.subwords import SentencePieceTokenizer
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.restored import Restored
from t2t_jax.exchange import marian_names as marian
from t2t_jax.exchange.layouts import to_their_layout
from t2t_jax.exchange.needs import refuse, require
from t2t_jax.exchange.tokenizer_files import write_models


def check(config: ModelConfig, tokenizers: Tokenizers) -> None:
  """Raises UsageError for what MarianMT cannot express, by its name."""
  for key, expected, found in (
    ('norm_position', 'post', config.norm_position),
    ('positions', 'sinusoidal', config.positions),
    ('d_k', config.d_model // config.num_heads, config.d_k),
    ('d_v', config.d_model // config.num_heads, config.d_v),
  ):
    if expected != found:
      refuse('marian', f'model.{key}', str(expected), str(found))
  for side in ('source', 'target'):
    tokenizer = getattr(tokenizers, side)
    if not isinstance(tokenizer, SentencePieceTokenizer):
      imported = isinstance(tokenizer, MappedTokenizer)
      found = "an imported model's" if imported else 'segmented'
      refuse('marian', 'vocabulary.kind', 'bpe or unigram', found)


def notes(config: ModelConfig) -> list[str]:
  """Returns what is not quite as it was, in words."""
  if config.layer_norm_epsilon == marian.EPSILON:
    return []
  return [
    f'MarianMT adds {marian.EPSILON:g} to the variance of its layer norms, '
    f'this model {config.layer_norm_epsilon:g}: scores differ a little'
  ]


def write(restored: Restored, directory: Path) -> None:
  """Writes the folder's files into `directory`, which is there and empty."""
  model, tokenizers = restored.model, restored.tokenizers
  config, target = model.config, tokenizers.target
  vocab_sizes = model.source_vocab_size, model.target_vocab_size
  arrays = to_their_layout(
    config,
    restored.params,
    vocab_sizes,
    marian.order_of_sinusoids(config.d_model),
  )
  require('safetensors.numpy').save_file(
    {
      name: np.ascontiguousarray(array)
      for name, array in marian.to_marian(config, arrays).items()
    },
    directory / marian.WEIGHTS,
    metadata={'format': 'pt'},
  )
  special = {
    'pad': target.pad_id,
    'bos': target.bos_id,
    'eos': target.eos_id,
  }
  beam_size = restored.config.decoding.beam_size
  contents = marian.marian_config(config, vocab_sizes, special, beam_size)
  write_json(directory / marian.CONFIG, contents)
  _write_tokenizers(restored, directory)


def _write_tokenizers(restored: Restored, directory: Path) -> None:
  tokenizers, data = restored.tokenizers, restored.config.data
  write_models(tokenizers, directory, '.spm')
  files = {marian.VOCABULARY: tokenizers.source}
  if not tokenizers.joint:
    files[marian.TARGET_VOCABULARY] = tokenizers.target
  for name, tokenizer in files.items():
    pieces = tokenizer.pieces(range(tokenizer.vocab_size))
    write_json(directory / name, {piece: i for i, piece in enumerate(pieces)})
  source = tokenizers.source
  pad, eos, unk = source.pieces([source.pad_id, source.eos_id, source.unk_id])
  contents = {
    'tokenizer_class': 'MarianTokenizer',
    'source_lang': data.source_language,
    'target_lang': data.target_language,
    'separate_vocabs': not tokenizers.joint,
    'pad_token': pad,
    'eos_token': eos,
    'unk_token': unk,
    'model_max_length': 512,
  }
  write_json(directory / 'tokenizer_config.json', contents)


class Engine:
  """The folder, loaded by transformers, in float32 on the CPU."""

  name = 'transformers'

  def __init__(self, directory: Path, tokenizers: Tokenizers):
    transformers = require('transformers')
    self._torch = require('torch')
    self._tokenizers = tokenizers
    self._model = transformers.MarianMTModel.from_pretrained(
      directory, dtype=self._torch.float32
    ).eval()
    self._tokenizer = transformers.MarianTokenizer.from_pretrained(directory)

  def encode(self, lines: Sequence[str]) -> list[list[int]]:
    """Returns the folder's own tokens of each line, without EOS."""
    return [
      self._tokenizer(line, truncation=False).input_ids[:-1] for line in lines
    ]

  def translate(
    self, source_ids: Sequence[Sequence[int]], longest: int
  ) -> list[list[int]]:
    """Returns each source's greedy translation: ids without EOS."""
    found = []
    for ids in source_ids:
      batch = self._torch.tensor([[*ids, self._tokenizers.source.eos_id]])
      row = self._model.generate(
        input_ids=batch,
        attention_mask=self._torch.ones_like(batch),
        num_beams=1,
        do_sample=False,
        max_length=longest + 1,  # with the start symbol
        forced_eos_token_id=None,
      )[0].tolist()
      found.append(_until(self._tokenizers.target.eos_id, row[1:]))
    return found

  def score(
    self,
    source_ids: Sequence[Sequence[int]],
    target_ids: Sequence[Sequence[int]],
  ) -> list[list[float]]:
    """Returns log P of each target token and of the EOS behind them."""
    torch, target = self._torch, self._tokenizers.target
    found = []
    for source, ids in zip(source_ids, target_ids, strict=True):
      labels = torch.tensor([*ids, target.eos_id])
      with torch.no_grad():
        logits_1TV = self._model(
          input_ids=torch.tensor([[*source, self._tokenizers.source.eos_id]]),
          decoder_input_ids=torch.tensor([[target.bos_id, *ids]]),
        ).logits
      log_probs_TV = logits_1TV[0].log_softmax(-1)
      found.append(log_probs_TV.gather(1, labels[:, None])[:, 0].tolist())
    return found


def _until(eos_id: int, ids: list[int]) -> list[int]:
  return ids[: ids.index(eos_id)] if eos_id in ids else ids
