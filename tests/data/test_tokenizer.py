"""Round trips, determinism, and the message for each bad vocabulary."""

import collections
import random
import re

import pytest
import sentencepiece
from data_configs import make_config

from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.errors import UsageError

SPECIAL_IDS = {'pad_id': 0, 'bos_id': 1, 'eos_id': 2, 'unk_id': 3}
ODD_LINES = [
  '',
  ' ',
  '  two  spaces  ',
  ' leading',
  'trailing ',
  'emoji 😀 👩‍👩‍👧 🇩🇪',
  'unseen 漢字 ქართული हिन्दी',
  'tab\tand\x00control\x01\x1b\x7f',
  'carriage\rreturn',
  'line\u2028separator\x85next',
  'no-break\u00a0space\u3000wide',
  'combining e\u0301 and \u00e9',
  '▁',
  '▁▁ ▁',
  'a▁b ▁c d▁',
  '▁ \ufdd0 \ufdd1 ▁',
  '<s> </s> <pad> <unk> <0x41>',
]


def random_lines(seed, count):
  generator = random.Random(seed)
  words = [
    ''.join(generator.choice('abcdefghijklmnop') for _ in range(length))
    for length in generator.choices(range(2, 8), k=200)
  ]
  return [
    ' '.join(generator.choices(words, k=generator.randint(3, 9)))
    for _ in range(count)
  ]


PAIRS = list(
  zip(
    random_lines(1, 400),
    [line.upper() for line in random_lines(2, 400)],
    strict=True,
  )
)


def train(tmp_path, pairs=PAIRS, **changes):
  settings = {'size': 400, 'target_size': 350, **changes}
  return Tokenizers.train(make_config(tmp_path, **settings).vocabulary, pairs)


def expect_error(expected, function, *args, **kwargs):
  with pytest.raises(UsageError, match=re.escape(expected)) as caught:
    function(*args, **kwargs)
  assert '\n' not in str(caught.value)


@pytest.fixture(scope='module', params=['bpe', 'unigram'])
def joint(request, tmp_path_factory):
  return train(tmp_path_factory.mktemp('joint'), vocabulary_kind=request.param)


def test_special_ids_and_size(joint):
  assert joint.joint and joint.source is joint.target
  tokenizer = joint.source
  assert {name: getattr(tokenizer, name) for name in SPECIAL_IDS} == SPECIAL_IDS
  assert tokenizer.vocab_size == 400
  assert tokenizer.pieces(range(4)) == ['<pad>', '<s>', '</s>', '<unk>']


@pytest.mark.parametrize('line', ODD_LINES)
def test_identity_round_trip_is_exact(joint, line):
  tokenizer = joint.source
  (ids,) = tokenizer.encode([line])
  assert not set(ids) & set(SPECIAL_IDS.values())
  assert tokenizer.decode([ids]) == [line]


def test_round_trip_of_random_characters(joint):
  generator = random.Random(3)
  scalars = [*range(0x0A), *range(0x0B, 0xD800), *range(0xE000, 0x110000)]
  lines = [
    ''.join(map(chr, generator.choices(scalars, k=20))) + ' ▁ab '
    for _ in range(200)
  ]
  tokenizer = joint.source
  assert tokenizer.decode(tokenizer.encode(lines)) == lines


def test_seen_text_takes_few_pieces_without_bytes(joint):
  (ids,) = joint.source.encode([PAIRS[0][0]])
  pieces = joint.source.pieces(ids)
  assert len(ids) < 0.75 * len(PAIRS[0][0])
  assert not any(piece.startswith('<') for piece in pieces)
  assert ''.join(pieces).replace('▁', ' ').strip() == PAIRS[0][0]


def test_decode_drops_specials_and_does_not_stop(joint):
  tokenizer = joint.source
  ids = tokenizer.encode(['abc def'])[0]
  half = len(ids) // 2
  noisy = [1, *ids[:half], 2, 0, *ids[half:], 2, 0, 0]
  assert tokenizer.decode([noisy, [], [0, 2]]) == ['abc def', '', '']


def test_same_text_gives_the_same_model(tmp_path):
  for kind in ('bpe', 'unigram'):
    for name in ('first', 'second'):
      train(tmp_path, vocabulary_kind=kind).save(tmp_path / kind / name)
    models = [
      (tmp_path / kind / name / 'joint.model').read_bytes()
      for name in ('first', 'second')
    ]
    assert models[0] == models[1]


def test_separate_vocabularies(tmp_path):
  tokenizers = train(tmp_path, joint=False)
  assert not tokenizers.joint
  assert tokenizers.source.vocab_size == 400
  assert tokenizers.target.vocab_size == 350
  source = ''.join(tokenizers.source.pieces(range(260, 400)))
  target = ''.join(tokenizers.target.pieces(range(260, 350)))
  assert source.islower() and target.isupper()


def test_normalization_and_missing_byte_fallback(tmp_path):
  tokenizer = train(
    tmp_path, normalization='nmt_nfkc', byte_fallback=False
  ).source
  (ids,) = tokenizer.encode(['ａｂ 漢'])
  assert tokenizer.unk_id in ids
  assert tokenizer.decode([ids])[0].startswith('ab ')


def test_training_sentences_limits_and_repeats_the_sample(tmp_path):
  models = [
    train(tmp_path, size=320, training_sentences=limit).source.files()
    for limit in (50, 50, 400)
  ]
  assert models[0] == models[1]
  assert models[0] != models[2]


@pytest.mark.parametrize('kind', ['bpe', 'unigram', 'segmented'])
@pytest.mark.parametrize('joint_sides', [True, False])
def test_save_and_load_behave_equally(tmp_path, kind, joint_sides):
  tokenizers = train(tmp_path, vocabulary_kind=kind, joint=joint_sides)
  tokenizers.save(tmp_path / 'saved')
  loaded = Tokenizers.load(tmp_path / 'saved')
  assert loaded.joint == joint_sides
  assert (loaded.source is loaded.target) == joint_sides
  for side in ('source', 'target'):
    before, after = getattr(tokenizers, side), getattr(loaded, side)
    ids = before.encode(ODD_LINES + [line for pair in PAIRS for line in pair])
    assert (
      after.encode(ODD_LINES + [line for pair in PAIRS for line in pair]) == ids
    )
    assert after.decode(ids) == before.decode(ids)
    everything = range(before.vocab_size)
    assert after.pieces(everything) == before.pieces(everything)
    assert after.vocab_size == before.vocab_size


def test_vocabulary_file_is_readable(tmp_path):
  tokenizers = train(tmp_path)
  tokenizers.save(tmp_path)
  rows = (tmp_path / 'joint.vocab').read_text().splitlines()
  assert [row.split('\t')[0] for row in rows] == tokenizers.source.pieces(
    range(400)
  )


@pytest.mark.parametrize('name', ['joint.model', 'tokenizers.json'])
def test_load_names_a_missing_file(tmp_path, name):
  train(tmp_path).save(tmp_path)
  (tmp_path / name).unlink()
  expect_error(f'{tmp_path / name}: missing', Tokenizers.load, tmp_path)


def test_load_names_a_damaged_file(tmp_path):
  train(tmp_path).save(tmp_path)
  model = tmp_path / 'joint.model'
  content = bytearray(model.read_bytes())
  content[1000] ^= 1
  model.write_bytes(content)
  expect_error(f'{model}: damaged', Tokenizers.load, tmp_path)


@pytest.mark.parametrize(
  ('content', 'found'),
  [
    ('{', 'something else'),
    ('[]', 'something else'),
    ('{"format": 9}', 'format 9'),
  ],
)
def test_load_names_a_damaged_index(tmp_path, content, found):
  train(tmp_path).save(tmp_path)
  (tmp_path / 'tokenizers.json').write_text(content)
  expect_error(
    f'expected saved tokenizers of format 1, found {found}',
    Tokenizers.load,
    tmp_path,
  )


@pytest.mark.parametrize('kind', ['bpe', 'unigram'])
def test_too_large_a_size_names_the_largest_that_works(tmp_path, kind, capfd):
  with pytest.raises(
    UsageError, match=r'config\.vocabulary\.target_size: .* at most'
  ) as caught:
    train(tmp_path, vocabulary_kind=kind, joint=False, target_size=30000)
  largest = int(re.search(r'at most (\d+) pieces', str(caught.value))[1])
  assert 350 < largest < 30000
  tokenizers = train(
    tmp_path, vocabulary_kind=kind, joint=False, target_size=largest
  )
  assert tokenizers.target.vocab_size == largest
  assert capfd.readouterr() == ('', '')


def test_too_small_a_size_names_the_smallest(tmp_path, capfd):
  with pytest.raises(
    UsageError, match=r'config\.vocabulary\.size: expected at least'
  ) as caught:
    train(tmp_path, size=100)
  smallest = int(re.search(r'at least (\d+)', str(caught.value))[1])
  # 4 special pieces, 256 bytes, the space mark and both alphabets.
  assert smallest == 4 + 256 + 1 + 2 * 16
  assert train(tmp_path, size=smallest).source.vocab_size == smallest
  assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('pairs', [[], [('', 'a'), ('b', ' ')]])
def test_no_text(tmp_path, pairs):
  expect_error('no training text', train, tmp_path, pairs)


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
