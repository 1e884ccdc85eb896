"""Round trips, determinism, and the message for each bad vocabulary."""

import random
import re

import pytest
from vocabulary_text import PAIRS, SPECIAL_IDS, expect_error, train

from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.errors import UsageError

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


def test_half_characters_are_read_as_bad_bytes_of_files_are(joint):
  lines = ['plain', 'half \ud83d of \udcff', 'whole \U0001f600 ▁']
  encoded = joint.source.encode(lines)
  assert joint.source.decode(encoded) == [
    'plain',
    'half \ufffd of \ufffd',
    'whole \U0001f600 ▁',
  ]


@pytest.mark.parametrize('line', [None, float('nan'), 3, b'bytes'])
def test_what_is_no_text_is_named(joint, line):
  found = re.escape(f'found {line!r} ({type(line).__name__})')
  with pytest.raises(UsageError, match=f'expected a line of text, {found}'):
    joint.source.encode(['plain', line])


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
