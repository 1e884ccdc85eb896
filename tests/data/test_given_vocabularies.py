"""Models made elsewhere, and text that holds its tokens already."""

import collections

import sentencepiece
from vocabulary_text import PAIRS, SPECIAL_IDS, expect_error, train


def foreign_model(path, **settings):
  sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter([line for pair in PAIRS for line in pair]),
    model_prefix=str(path.with_suffix('')),
    vocab_size=200,
    minloglevel=2,
    **settings,
  )
  return str(path)


def test_a_given_model_keeps_its_own_special_ids(tmp_path):
  path = foreign_model(
    tmp_path / 'm.model', unk_id=7, bos_id=3, eos_id=5, pad_id=4
  )
  tokenizer = train(tmp_path, [], source_model=path).source
  assert {name: getattr(tokenizer, name) for name in SPECIAL_IDS} == {
    'pad_id': 4,
    'bos_id': 3,
    'eos_id': 5,
    'unk_id': 7,
  }
  theirs = sentencepiece.SentencePieceProcessor(model_file=path)
  lines = [source for source, _ in PAIRS[:20]]
  assert tokenizer.encode(lines) == theirs.encode(lines)
  assert tokenizer.decode(theirs.encode(lines)) == lines


def test_a_given_model_without_padding_or_bos(tmp_path):
  path = foreign_model(tmp_path / 'm.model', bos_id=-1, pad_id=-1)
  tokenizer = train(tmp_path, [], source_model=path).source
  assert tokenizer.pad_id == 200
  assert tokenizer.vocab_size == 201
  assert tokenizer.bos_id == tokenizer.eos_id == 2
  assert tokenizer.pieces([200, 2]) == ['<pad>', '</s>']
  ids = tokenizer.encode(['abc'])[0]
  assert tokenizer.decode([[*ids, 2, 200]]) == ['abc']


def test_given_models_of_both_sides_must_agree_on_padding(tmp_path):
  paths = {
    'source_model': foreign_model(tmp_path / 'a.model', pad_id=3),
    'target_model': foreign_model(tmp_path / 'b.model'),
  }
  expect_error(
    'expected one padding id for both sides, found 3 in the source and 200',
    train,
    tmp_path,
    [],
    joint=False,
    **paths,
  )
  paths['target_model'] = foreign_model(tmp_path / 'b.model', pad_id=3)
  tokenizers = train(tmp_path, [], joint=False, **paths)
  assert tokenizers.source.pad_id == tokenizers.target.pad_id == 3


def test_one_given_model_and_one_trained(tmp_path):
  path = foreign_model(
    tmp_path / 'a.model', pad_id=0, bos_id=1, eos_id=2, unk_id=3
  )
  tokenizers = train(tmp_path, joint=False, source_model=path)
  assert tokenizers.source.vocab_size == 200
  assert tokenizers.target.vocab_size == 350


def test_given_model_errors(tmp_path):
  (tmp_path / 'text').write_text('not a model')
  (tmp_path / 'empty').write_bytes(b'')
  no_end = foreign_model(tmp_path / 'e.model', eos_id=-1)
  for path, expected in (
    (str(tmp_path / 'no'), 'vocabulary.source_model: there is no file'),
    (str(tmp_path / 'text'), 'expected a SentencePiece model, found something'),
    (str(tmp_path / 'empty'), 'found 0 pieces'),
    (no_end, 'with an end-of-sentence id, found 200 pieces and eos_id -1'),
  ):
    expect_error(expected, train, tmp_path, [], source_model=path)
  expect_error(
    'a joint vocabulary has one model',
    train,
    tmp_path,
    target_model=str(tmp_path / 'text'),
  )
  expect_error(
    'expected none, as segmented text holds its tokens already',
    train,
    tmp_path,
    vocabulary_kind='segmented',
    source_model=no_end,
  )


SEGMENTED = [
  ('the un@@ seen house', 'das un@@ gese@@ hene Haus'),
  ('the  house </s>\tthe', 'das Haus <unk>'),
]


def test_segmented_vocabulary_is_by_frequency_then_text(tmp_path):
  tokenizer = train(tmp_path, SEGMENTED, vocabulary_kind='segmented').source
  counts = collections.Counter(
    token for pair in SEGMENTED for line in pair for token in line.split()
  )
  del counts['</s>'], counts['<unk>']
  assert tokenizer.pieces(range(4, tokenizer.vocab_size)) == sorted(
    counts, key=lambda token: (-counts[token], token)
  )
  small = train(tmp_path, SEGMENTED, vocabulary_kind='segmented', size=8).source
  assert small.vocab_size == 8
  assert small.pieces(range(4, 8)) == ['the', 'Haus', 'das', 'house']


def test_segmented_encodes_tokens_and_joins_on_decoding(tmp_path):
  tokenizer = train(tmp_path, SEGMENTED, vocabulary_kind='segmented').source
  lines = [source for source, _ in SEGMENTED] + ['the </s> new\u00a0house', '']
  ids = tokenizer.encode(lines)
  assert tokenizer.pieces(ids[0]) == lines[0].split()
  assert tokenizer.pieces(ids[2]) == ['the', '<unk>', '<unk>']
  assert tokenizer.decode([[1, *ids[0], 2, 0], ids[1], ids[3]]) == [
    'the unseen house',
    'the house <unk> the',
    '',
  ]
  assert tokenizer.decode([ids[0][:2]]) == ['the un']
