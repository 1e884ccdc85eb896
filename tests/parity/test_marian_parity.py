"""MarianMT folders, both ways, against transformers' own MarianMTModel."""

import io
import json
import pathlib
import sys

import pytest

transformers = pytest.importorskip(
  'transformers',
  reason='transformers is absent: pip install t2t_jax[parity]',
)
torch = pytest.importorskip('torch')

import sentencepiece  # noqa: E402

# What both test folders share.
sys.path.append(str(pathlib.Path(__file__).parents[1] / 'exchange'))
from tiny_export import LINES, joint_tokenizers, restored  # noqa: E402
from tiny_translator import random_lines, tokenizers  # noqa: E402

from t2t_jax.checkpoints.workdir import Workdir  # noqa: E402
from t2t_jax.decoding import restored as restoring  # noqa: E402
from t2t_jax.exchange import marian_format  # noqa: E402
from t2t_jax.exchange.exporting import TOLERANCE, export, verify  # noqa: E402
from t2t_jax.exchange.marian_import import import_marian  # noqa: E402
from t2t_jax.exchange.verification import compare  # noqa: E402

pytestmark = pytest.mark.filterwarnings('ignore')  # transformers' own


@pytest.mark.parametrize(
  ('vocabulary', 'changes'),
  [
    (tokenizers, {}),
    (tokenizers, {'tie_softmax': True, 'attention_bias': True}),
    (tokenizers, {'activation': 'gelu', 'softmax_bias': True}),
    (joint_tokenizers, {'tie_source_target': True, 'activation': 'swish'}),
    (
      joint_tokenizers,
      {'tie_source_target': True, 'tie_softmax': True, 'softmax_bias': False},
    ),
  ],
)
def test_export(vocabulary, changes, tmp_path):
  model = restored(vocabulary(), layer_norm_epsilon=1e-5, **changes)
  export(model, 'marian', tmp_path / 'folder')
  for line, agrees in verify(model, 'marian', tmp_path / 'folder', LINES):
    assert agrees, line
  # As its users do it: text in, text out.
  tokenizer = transformers.MarianTokenizer.from_pretrained(tmp_path / 'folder')
  loaded = transformers.MarianMTModel.from_pretrained(tmp_path / 'folder')
  batch = tokenizer(LINES, return_tensors='pt', padding=True)
  found = loaded.generate(**batch, num_beams=1, max_new_tokens=12)
  texts = tokenizer.batch_decode(found, skip_special_tokens=True)
  ours = restoring.with_decoding(
    model.config, beam_size=1, max_decode_length_offset=10
  )
  translations = model._replace(config=ours).translator().translate(LINES)
  for text, translation in zip(texts, translations, strict=True):
    # Ours may go on for longer; they do not end a text in spaces.
    assert translation.text.strip().startswith(text.strip()[:4])


@pytest.mark.parametrize('file', ['model.safetensors', 'pytorch_model.bin'])
@pytest.mark.parametrize(
  'changes',
  [
    {},
    {'tie_word_embeddings': False},
    {'share_encoder_decoder_embeddings': False, 'activation_function': 'relu'},
  ],
)
def test_import(file, changes, tmp_path):
  """Token by token, of a random model of transformers' own making."""
  folder = tmp_path / 'folder'
  _make_folder(folder, file, changes)
  import_marian(folder, Workdir(tmp_path / 'run'))
  model = restoring.restore(Workdir(tmp_path / 'run'))
  theirs = marian_format.Engine(folder, model.tokenizers)
  lines = [*random_lines(8, 5, 12), '>>de<< red cats', 'ünïcode 日本']
  assert theirs.encode(lines) == model.tokenizers.source.encode(lines)
  comparison = compare(model, theirs, lines, TOLERANCE)
  assert comparison.agrees, comparison.describe(theirs.name)
  assert comparison.lines == len(lines)


def _make_folder(folder: pathlib.Path, file: str, changes: dict) -> None:
  """A folder as OPUS-MT's: ids of its own, decoding starts with <pad>."""
  folder.mkdir()
  found = set()
  for side, seed in (('source', 1), ('target', 2)):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
      sentence_iterator=iter(random_lines(400, seed)),
      model_writer=model,
      vocab_size=60 if side == 'source' else 50,
      model_type='unigram',
      minloglevel=2,
      hard_vocab_limit=False,
    )
    (folder / f'{side}.spm').write_bytes(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(
      model_proto=model.getvalue()
    )
    found |= {
      processor.id_to_piece(i) for i in range(processor.get_piece_size())
    }
  pieces = sorted(found - {'<s>', '</s>', '<unk>'}, key=lambda p: p[::-1])
  pieces = ['</s>', '<unk>', *pieces, '>>de<<', '<pad>']
  ids = {piece: i for i, piece in enumerate(pieces)}
  (folder / 'vocab.json').write_text(json.dumps(ids))
  separate = not changes.get('share_encoder_decoder_embeddings', True)
  if separate:
    (folder / 'target_vocab.json').write_text(json.dumps(ids))
  (folder / 'tokenizer_config.json').write_text(
    json.dumps(
      {
        'source_lang': 'en',
        'target_lang': 'de',
        'tokenizer_class': 'MarianTokenizer',
        'separate_vocabs': separate,
      }
    )
  )
  pad_id = ids['<pad>']
  config = transformers.MarianConfig(
    **{
      'vocab_size': len(ids),
      'd_model': 16,
      'encoder_layers': 2,
      'decoder_layers': 1,
      'encoder_attention_heads': 2,
      'decoder_attention_heads': 2,
      'encoder_ffn_dim': 24,
      'decoder_ffn_dim': 24,
      'max_position_embeddings': 64,
      'activation_function': 'swish',
      'scale_embedding': True,
      'pad_token_id': pad_id,
      'eos_token_id': 0,
      'forced_eos_token_id': 0,
      'decoder_start_token_id': pad_id,
      'bad_words_ids': [[pad_id]],
      'num_beams': 4,
      **changes,
    }
  )
  torch.manual_seed(0)
  model = transformers.MarianMTModel(config).eval()
  with torch.no_grad():
    for name, parameter in model.named_parameters():
      if 'embed_positions' not in name:
        mean = 1.0 if 'norm.weight' in name else 0.0
        parameter.copy_(mean + 0.5 * torch.randn_like(parameter))
    model.final_logits_bias.copy_(torch.randn_like(model.final_logits_bias))
  model.save_pretrained(folder)
  if file == 'pytorch_model.bin':
    (folder / 'model.safetensors').unlink()
    torch.save(model.state_dict(), folder / file)
