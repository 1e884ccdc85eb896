"""MarianMT folders as workdirs. What transformers itself says of them is in
tests/parity; here a model goes there and comes back."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest
import sentencepiece
from tiny_export import LINES, joint_tokenizers, restored
from tiny_translator import tokenizers, vocabulary_config

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding import restored as restoring
from t2t_jax.errors import UsageError
from t2t_jax.exchange.exporting import export, verify
from t2t_jax.exchange.marian_import import import_marian

# What MarianMT always has; without these a model comes back with zeros.
_MARIAN = {
  'attention_bias': True,
  'layer_norm_epsilon': 1e-5,
  'activation': 'swish',
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  path = tmp_path_factory.mktemp('marian') / 'folder'
  export(restored(tokenizers(), **_MARIAN), 'marian', path)
  return path


def test_an_imported_model_goes_on_to_another_engine(folder, tmp_path):
  """CTranslate2 takes pieces, so the folder's own models serve there."""
  pytest.importorskip('ctranslate2')
  import_marian(folder, Workdir(tmp_path / 'run'))
  model = restoring.restore(Workdir(tmp_path / 'run'))
  exported = tmp_path / 'exported'
  export(model, 'ctranslate2', exported)
  assert all(
    agrees for _, agrees in verify(model, 'ctranslate2', exported, LINES)
  )
  for side in ('source', 'target'):
    ours = getattr(model.tokenizers, side)
    theirs = sentencepiece.SentencePieceProcessor(
      model_file=str(exported / f'{side}.model')
    )
    assert theirs.encode(LINES, out_type=str) == [
      ours.pieces(ids) for ids in ours.encode(LINES)
    ]
  with pytest.raises(
    UsageError, match=r"vocabulary\.kind = an imported model's; expected bpe"
  ):
    export(model, 'marian', tmp_path / 'back')


@pytest.mark.parametrize(
  ('vocabulary', 'changes'),
  [
    (tokenizers, {}),
    (joint_tokenizers, {'tie_source_target': True, 'tie_softmax': True}),
  ],
)
def test_there_and_back(vocabulary, changes, tmp_path):
  """Parameters to the bit, tokens of text, translations."""
  model = restored(vocabulary(), **_MARIAN, **changes)
  export(model, 'marian', tmp_path / 'folder')
  import_marian(tmp_path / 'folder', Workdir(tmp_path / 'run'))
  back = restoring.restore(Workdir(tmp_path / 'run'))

  def check(was, now):
    rows = min(len(was), len(now))  # tables end at other multiples
    np.testing.assert_array_equal(np.asarray(now)[:rows], was[:rows])

  def cut(params):
    sizes = {
      'source_embedding': model.model.source_vocab_size,
      'target_embedding': model.model.target_vocab_size,
      'softmax': model.model.target_vocab_size,
      'softmax_bias': model.model.target_vocab_size,
    }
    return {
      key: x[: sizes.get(key)] if key in sizes else x
      for key, x in params.items()
    }

  jax.tree.map(check, cut(model.params), cut(back.params))
  for side in ('source', 'target'):
    was, now = (getattr(x.tokenizers, side) for x in (model, back))
    lines = [*LINES, 'züm 日本', '']
    assert now.encode(lines) == was.encode(lines)
    assert now.decode(now.encode(LINES)) == LINES
    assert now.sample(LINES, 0.3, 1) == was.sample(LINES, 0.3, 1)
    ids = was.encode(LINES)[0]
    assert now.starts_word(ids) == was.starts_word(ids)
  assert back.config.decoding.beam_size == model.config.decoding.beam_size
  decoding = model.config.decoding
  same = {'length_penalty_alpha': 0.6, 'max_decode_length_offset': 4}
  translated = restoring.restore(Workdir(tmp_path / 'run'), **same)
  assert decoding.length_penalty_alpha == 0.6
  assert [t.token_ids for t in translated.translator().translate(LINES)] == [
    t.token_ids for t in model.translator().translate(LINES)
  ]


def test_a_language_token_stays_whole(folder, tmp_path):
  copy = tmp_path / 'copy'
  shutil.copytree(folder, copy)
  ids = json.loads((copy / 'vocab.json').read_text())
  # In place of a piece of the same number, so that sizes stay.
  piece = next(p for p, i in ids.items() if i == 300)
  ids['>>fra<<'] = ids.pop(piece)
  (copy / 'vocab.json').write_text(json.dumps(ids))
  import_marian(copy, Workdir(tmp_path / 'run'))
  source = Workdir(tmp_path / 'run').read_tokenizers().source
  [with_token, without, other] = source.encode(
    ['>>fra<<red cats', 'red cats', '>>xyz<<red']
  )
  assert with_token == [300, *without]
  assert other[0] != 300


def _damage(copy, name, change):
  described = json.loads((copy / name).read_text())
  change(described)
  (copy / name).write_text(json.dumps(described))


@pytest.mark.parametrize(
  ('name', 'change', 'message'),
  [
    (
      'config.json',
      lambda c: c.update(model_type='bart'),
      "model_type: expected 'marian', found 'bart'; this is another kind",
    ),
    (
      'config.json',
      lambda c: c.update(activation_function='gelu'),
      'activation_function: expected one of relu, gelu_new, swish, silu, '
      "gelu_pytorch_tanh, found 'gelu'",
    ),
    (
      'config.json',
      lambda c: c.update(decoder_ffn_dim=8),
      'expected encoder_ffn_dim = decoder_ffn_dim, found 24 and 8',
    ),
    (
      'config.json',
      lambda c: c.pop('d_model'),
      'd_model: expected a number from 1, found None',
    ),
    (
      'config.json',
      lambda c: c.update(vocab_size=7),
      'vocab_size: expected 330, the pieces of the vocabulary, found 7',
    ),
    (
      'config.json',
      lambda c: c.update(decoder_start_token_id=999),
      'decoder_start_token_id: expected an id of vocab.json, found 999',
    ),
    (
      'config.json',
      lambda c: c.update(d_model=32),
      'expected the shape',
    ),
    (
      'config.json',
      lambda c: c.update(max_position_embeddings='512'),
      'max_position_embeddings: expected a number from 1, found 512',
    ),
    (
      'config.json',
      lambda c: c.update(dropout=None),
      'config.model.dropout_rate: expected ',
    ),
    (
      'config.json',
      lambda c: c.update(activation_function=['relu']),
      'activation_function: expected one of ',
    ),
    (
      'config.json',
      lambda c: c.update(
        encoder_attention_heads=99, decoder_attention_heads=99
      ),
      'config.model.d_k: expected ',
    ),
    (
      'tokenizer_config.json',
      lambda c: c.update(source_lang=['en']),
      'config.data.source_language: expected ',
    ),
    (
      'vocab.json',
      lambda ids: ids.update({'<unk>': '1'}),
      "expected a number for each piece, found '1' for '<unk>'",
    ),
    (
      'vocab.json',
      lambda ids: ids.update({'<unk>': None}),
      "expected a number for each piece, found None for '<unk>'",
    ),
    (
      'vocab.json',
      lambda ids: ids.pop('<unk>'),
      'expected the ids 0 to 328 of 329 pieces, each once',
    ),
  ],
)
def test_what_does_not_fit_is_named(folder, name, change, message, tmp_path):
  copy = tmp_path / 'copy'
  shutil.copytree(folder, copy)
  _damage(copy, name, change)
  with pytest.raises(UsageError) as refusal:
    import_marian(copy, Workdir(tmp_path / 'run'))
  assert message in str(refusal.value)
  assert str(refusal.value).startswith(str(copy))
  assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('config.json', 'not readable as JSON'),
    ('vocab.json', 'not readable as JSON'),
    ('model.safetensors', 'cannot be read, it is damaged'),
    ('source.spm', 'expected a SentencePiece model'),
    ('target.spm', 'expected a SentencePiece model'),
  ],
)
def test_a_truncated_file_is_named(folder, name, message, tmp_path):
  copy = tmp_path / 'copy'
  shutil.copytree(folder, copy)
  content = (copy / name).read_bytes()
  (copy / name).write_bytes(content[: len(content) // 2])
  with pytest.raises(UsageError, match=f'^{copy / name}: {message}'):
    import_marian(copy, Workdir(tmp_path / 'run'))
  assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('name', ['config.json', 'vocab.json'])
@pytest.mark.parametrize('text', ['[]', 'null', '[' * 20000])
def test_json_of_another_kind_is_named(folder, name, text, tmp_path):
  copy = tmp_path / 'copy'
  shutil.copytree(folder, copy)
  (copy / name).write_text(text)
  with pytest.raises(UsageError) as refusal:
    import_marian(copy, Workdir(tmp_path / 'run'))
  assert str(refusal.value).startswith(f'{copy / name}: ')


def _weights(copy, change):
  """Changes the arrays of the folder's weights."""
  numpy = pytest.importorskip('safetensors.numpy')
  file = copy / 'model.safetensors'
  arrays = dict(numpy.load_file(file))
  change(arrays)
  numpy.save_file(arrays, file)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    (
      lambda a: a.update(
        {
          name: np.ascontiguousarray(array[:100])
          for name, array in a.items()
          if name.endswith('embed_tokens.weight')
        }
      ),
      'embed_tokens.weight: expected 3',
    ),
    (
      lambda a: a.update(final_logits_bias=np.zeros((1, 7), np.float32)),
      'lm_head.bias: expected 3',
    ),
    (
      lambda a: a['model.encoder.layers.0.fc1.weight'].fill(np.nan),
      'model.encoder.layers.0.fc1.weight: expected numbers, found NaN',
    ),
    (
      lambda a: a.pop('model.encoder.layers.0.fc1.weight'),
      'expected an array encoder.layers.0.fc1.weight, found none',
    ),
    (
      lambda a: a.update({'model.encoder.layers.0.fc1.weight': np.ones(3)}),
      'encoder.layers.0.fc1.weight: expected the shape',
    ),
    (lambda a: a.clear(), 'expected an array decoder.embed_tokens.weight'),
  ],
)
def test_weights_that_do_not_fit_are_named(folder, change, message, tmp_path):
  copy = tmp_path / 'copy'
  shutil.copytree(folder, copy)
  _weights(copy, change)
  with pytest.raises(UsageError) as refusal:
    import_marian(copy, Workdir(tmp_path / 'run'))
  assert str(refusal.value).startswith(f'{copy / "model.safetensors"}: ')
  assert message in str(refusal.value)
  assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
  'content', [b'', b'no weights', b'PK\x03\x04' + bytes(40), b'\x80\x02]q\x00.']
)
def test_a_file_of_torch_that_holds_no_weights(folder, content, tmp_path):
  pytest.importorskip('torch')
  copy = tmp_path / 'copy'
  shutil.copytree(folder, copy)
  (copy / 'model.safetensors').unlink()
  (copy / 'pytorch_model.bin').write_bytes(content)
  with pytest.raises(
    UsageError,
    match=f'^{copy}/pytorch_model.bin: cannot be read, it is damaged',
  ):
    import_marian(copy, Workdir(tmp_path / 'run'))


def test_a_sentencepiece_model_of_another_vocabulary(folder, tmp_path):
  """Its pieces are mostly not in vocab.json: all would become <unk>."""
  copy = tmp_path / 'copy'
  shutil.copytree(folder, copy)
  config = vocabulary_config(kind='unigram', joint=True, byte_fallback=False)
  lines = ['日本語を話します', 'これは本です', 'あれは猫です'] * 30
  config = dataclasses.replace(config, size=20)
  other = Tokenizers.train(config, [(line, line) for line in lines])
  [model] = [
    content
    for name, content in other.source.files().items()
    if content[:1] == b'\n'
  ]
  (copy / 'target.spm').write_bytes(model)
  with pytest.raises(
    UsageError,
    match=f'^{copy}/target.spm: expected the model that cuts text into the',
  ):
    import_marian(copy, Workdir(tmp_path / 'run'))


def test_a_file_in_the_workdirs_place(folder, tmp_path):
  (tmp_path / 'run').write_text('mine')
  with pytest.raises(UsageError, match=r'expected a new .*, found a file$'):
    import_marian(folder, Workdir(tmp_path / 'run'))


@pytest.mark.parametrize(
  'name', ['config.json', 'vocab.json', 'source.spm', 'model.safetensors']
)
def test_a_missing_file_is_named(folder, name, tmp_path):
  copy = tmp_path / 'copy'
  shutil.copytree(folder, copy)
  (copy / name).unlink()
  with pytest.raises(UsageError, match=name):
    import_marian(copy, Workdir(tmp_path / 'run'))


def test_a_run_is_not_overwritten(folder, tmp_path):
  (tmp_path / 'file').write_text('mine')
  with pytest.raises(UsageError, match=r'^--workdir=.*: expected a new'):
    import_marian(folder, Workdir(tmp_path))
