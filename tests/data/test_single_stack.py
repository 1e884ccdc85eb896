"""Rows of a language model, a tagger and a classifier, from their text."""

import itertools
import pathlib
import re
import runpy

import numpy as np
import pytest
from data_configs import write_lines

from t2t_jax.config import from_mapping
from t2t_jax.data import chunks, corpora, encoding, pace, token_store
from t2t_jax.data.fingerprint import compute_fingerprint
from t2t_jax.data.single_stack import cut
from t2t_jax.data.token_store import prepare
from t2t_jax.data.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from t2t_jax.errors import UsageError

_CONFIGS = pathlib.Path(__file__).parents[2] / 'configs'

TEXT = ['the dog sleeps', '', 'the  cat\tand the dog', 'a', 'the dog sleeps']
WORDS = ['the dog sleeps', 'doghouses rule', ' ', 'unbelievable dogs sleep now']
TAGS = ['D N V', 'N V', '', 'A N V R']


def make_config(directory, name, argument=None, **changes):
  """Returns a shipped config on the text that `write` made."""
  get_config = runpy.run_path(str(_CONFIGS / f'{name}.py'))['get_config']
  mapping = (get_config(argument) if argument else get_config()).to_dict()
  mapping['data'] |= {
    'directory': str(directory),
    'cache_dir': str(directory / 'cache'),
    'max_tokens': 6,
  }
  if name == 'language_model':
    mapping['data'] |= {
      'train_target': ('train.txt',),
      'dev_target': ('dev.txt',),
      'test_target': ('wiki.txt', 'news.txt.gz'),
    }
  mapping['vocabulary'] |= {'kind': 'segmented', 'size': 40, 'target_size': 40}
  if 'vocabulary_kind' in changes:
    mapping['vocabulary']['kind'] = changes.pop('vocabulary_kind')
  for key, value in changes.items():
    section = next(s for s in ('data', 'vocabulary') if key in mapping[s])
    mapping[section][key] = value
  return from_mapping(mapping)


def rows(store, side):
  tokens = getattr(store, f'{side}_tokens').tolist()
  offsets = getattr(store, f'{side}_offsets')
  return [tokens[start:end] for start, end in itertools.pairwise(offsets)]


# --- language models ----------------------------------------------------------


def prepare_text(directory, train=TEXT, **changes):
  write_lines(directory / 'train.txt', train)
  write_lines(directory / 'dev.txt', TEXT)
  config = make_config(directory, 'language_model', **changes)
  return prepare(config, lambda line: None)


def test_a_line_is_a_row_and_a_long_one_several(tmp_path):
  prepared = prepare_text(tmp_path, max_tokens=4)
  ids = prepared.tokenizers.target.encode(['the dog sleeps cat and a'])[0]
  the, dog, sleeps, cat, and_, a = ids
  assert len(set(ids)) == 6 and min(ids) > UNK_ID
  whole = [the, dog, sleeps, EOS_ID]
  # Five words and EOS: four tokens, then two; only the end has an EOS.
  expected = [whole, [the, cat, and_, the], [dog, EOS_ID], [a, EOS_ID], whole]
  for store in (prepared.train, prepared.dev):
    assert rows(store, 'target') == expected
    assert rows(store, 'source') == [[EOS_ID]] * 5
  counts = prepared.report['train']
  assert (counts['read'], counts['empty'], counts['kept']) == (5, 1, 4)
  assert counts['words'] == 3 + 5 + 1 + 3
  assert counts['target_tokens'] == counts['words'] + 4
  assert prepared.tokenizers.joint


def test_repeated_lines_go_if_asked_to(tmp_path):
  counts = prepare_text(tmp_path, remove_duplicates=True).report['train']
  assert (counts['duplicates'], counts['kept'], counts['words']) == (1, 3, 9)


def test_samplings_cut_lines_anew(tmp_path):
  lines = ['the doghouses of the town are unbelievable'] * 20
  prepared = prepare_text(
    tmp_path,
    lines,
    vocabulary_kind='bpe',
    size=300,
    samplings=3,
    sampling_rate=0.5,
    max_tokens=30,
  )
  sequences = rows(prepared.train, 'target')
  text = prepared.tokenizers.target.decode(sequences)
  assert ''.join(text).replace(' ', '') == ''.join(lines * 3).replace(' ', '')
  assert len({tuple(row) for row in sequences}) > 20
  assert prepared.report['train']['words'] == 7 * 20


def test_a_text_is_named_after_itself(tmp_path):
  prepare_text(tmp_path)
  data = make_config(tmp_path, 'language_model').data
  assert corpora.test_set_names(data) == ('wiki', 'news')
  assert list(corpora.read_split(data, 'dev')) == [('', line) for line in TEXT]


def test_a_text_of_empty_lines_leaves_nothing(tmp_path):
  write_lines(tmp_path / 'train.txt', TEXT)
  write_lines(tmp_path / 'dev.txt', ['', ' '])
  config = make_config(tmp_path, 'language_model')
  with pytest.raises(UsageError, match='no line of the dev text is left; 0 of'):
    prepare(config, lambda line: None)


def test_generated_pairs_give_their_target_side(tmp_path):
  config = make_config(
    tmp_path,
    'language_model',
    kind='generated',
    generated_train_pairs=30,
    generated_dev_pairs=3,
    size=400,
    max_tokens=99,
  )
  prepared = prepare(config, lambda line: None)
  _, german = zip(*corpora.read_split(config.data, 'train'), strict=True)
  encoded = prepared.tokenizers.target.encode(german)
  assert rows(prepared.train, 'target') == [[*ids, EOS_ID] for ids in encoded]


@pytest.mark.parametrize('size', [0, 1, 5, 6, 7, 12, 13])
def test_cut_loses_nothing(size):
  ids = list(range(size))
  parts = cut(ids, 6)
  assert list(itertools.chain(*parts)) == ids
  assert len(parts) == max(1, -(-size // 6))
  assert all(len(part) == 6 for part in parts[:-1])


# --- labels -------------------------------------------------------------------


def write_labels(directory, words=WORDS, tags=TAGS):
  for split in ('train', 'dev', 'test'):
    write_lines(directory / f'{split}.words', words)
    write_lines(directory / f'{split}.tags', tags)


def test_a_words_label_stands_at_its_first_piece(tmp_path):
  write_labels(tmp_path)
  config = make_config(
    tmp_path, 'tagging', vocabulary_kind='bpe', size=290, max_tokens=100
  )
  prepared = prepare(config, lambda line: None)
  source, target = prepared.tokenizers.source, prepared.tokenizers.target
  sources, targets = (
    rows(prepared.train, 'source'),
    rows(prepared.train, 'target'),
  )
  assert source.decode(sources) == [line for line in WORDS if line.strip()]
  for ids, labels, tags in zip(
    sources, targets, filter(None, TAGS), strict=True
  ):
    pieces = source.pieces(ids)
    first = [piece.startswith('\u2581') for piece in pieces]
    assert len(ids) > sum(first) + 1  # some word has several pieces
    np.testing.assert_array_equal(np.array(labels) != PAD_ID, first)
    found = [label for label in labels if label != PAD_ID]
    assert ' '.join(target.pieces(found)) == tags
  counts = prepared.report['train']
  assert (counts['empty'], counts['words'], counts['target_tokens']) == (
    1,
    9,
    9,
  )


def test_pieces_of_words_are_those_of_the_line(tmp_path):
  write_labels(tmp_path)
  config = make_config(
    tmp_path, 'tagging', vocabulary_kind='bpe', size=290, max_tokens=100
  )
  prepared = prepare(config, lambda line: None)
  lines = [line for line in WORDS if line.strip()]
  whole = prepared.tokenizers.source.encode(lines)
  assert rows(prepared.train, 'source') == [[*ids, EOS_ID] for ids in whole]


def test_a_lines_label_stands_at_its_end(tmp_path):
  write_labels(tmp_path, tags=['A', 'B', '', 'A'])
  config = make_config(tmp_path, 'tagging', 'classification')
  prepared = prepare(config, lambda line: None)
  a, b = prepared.tokenizers.target.encode(['A B'])[0]
  pad = PAD_ID
  assert rows(prepared.dev, 'target') == [
    [pad, pad, pad, a],
    [pad, pad, b],
    [pad, pad, pad, pad, a],
  ]


def test_a_word_that_normalises_to_nothing_keeps_its_label(tmp_path):
  write_labels(tmp_path, ['the \u200b dog'] * 2, ['D X N'] * 2)
  config = make_config(
    tmp_path,
    'tagging',
    vocabulary_kind='bpe',
    size=268,
    normalization='nmt_nfkc',
    max_tokens=30,
  )
  prepared = prepare(config, lambda line: None)
  source, labels = (
    rows(prepared.dev, side)[0] for side in ('source', 'target')
  )
  label = prepared.tokenizers.target.encode(['X'])[0][0]
  assert source[labels.index(label)] == UNK_ID


def test_long_lines_are_left_out_of_training_alone(tmp_path):
  write_labels(tmp_path)
  prepared = prepare(
    make_config(tmp_path, 'tagging', max_tokens=4), lambda line: None
  )
  assert (len(prepared.train), len(prepared.dev)) == (2, 3)
  assert prepared.report['train']['too_long'] == 1
  assert prepared.report['dev']['over_long_kept'] == 1


@pytest.mark.parametrize(
  'argument, tags, message',
  [
    ('tagging', 'N', 'a label for each of the 2 words, found 1'),
    ('tagging', 'N V V', 'a label for each of the 2 words, found 3'),
    ('tagging', '', 'a label for each of the 2 words, found 0'),
    ('classification', 'N V', 'one label, found 2'),
    ('classification', '', 'one label, found 0'),
  ],
)
def test_labels_that_do_not_fit_name_file_and_line(
  tmp_path, argument, tags, message
):
  good = ['D N V', 'N V'] if argument == 'tagging' else ['A', 'B']
  write_labels(tmp_path, ['a b c', 'a b', 'c d'], [*good, tags])
  place = f'{tmp_path}/train.words and {tmp_path}/train.tags, line 3'
  with pytest.raises(
    UsageError, match=f'^{re.escape(place)}: expected {message}$'
  ):
    prepare(make_config(tmp_path, 'tagging', argument), lambda line: None)


def test_labels_that_are_too_many_are_counted(tmp_path):
  tags = [' '.join(f'{chr(65 + i)}{j}' for j in range(3)) for i in range(4)]
  write_labels(tmp_path, ['a b c'] * 4, tags)
  message = (
    r'^config\.vocabulary\.target_size: expected at least 16, for the 12 '
    r'labels of the training text and 4 special entries, found 15$'
  )
  with pytest.raises(UsageError, match=message):
    prepare(make_config(tmp_path, 'tagging', target_size=15), lambda line: None)
  prepared = prepare(
    make_config(tmp_path, 'tagging', target_size=16), lambda line: None
  )
  assert prepared.tokenizers.target.vocab_size == 16


def test_tasks_have_token_files_of_their_own(tmp_path):
  write_labels(tmp_path, tags=['A', 'B', '', 'A'])
  prints = {
    compute_fingerprint(make_config(tmp_path, 'tagging', argument))
    for argument in ('tagging', 'classification')
  }
  assert len(prints) == 2
  assert BOS_ID == 1  # what a row begins behind is not in the files


# --- in chunks ----------------------------------------------------------------


LONG_TEXT = [f'the {"dog " * (n % 17)}sleeps {n % 31}' for n in range(130)]
LONG_TEXT[7] = LONG_TEXT[8] = ''


def write_long_text(directory):
  words = [line.replace('the', 'The') for line in LONG_TEXT]
  tags = [' '.join(word[:1] for word in line.split()) for line in words]
  write_labels(directory, words, tags)
  for split in ('train', 'dev'):
    write_lines(directory / f'{split}.txt', LONG_TEXT)


def contents(directory):
  return {
    str(path.relative_to(directory)): path.read_bytes()
    for path in directory.rglob('*')
    if path.is_file()
  }


IN_CHUNKS = {
  'language_model': {
    'vocabulary_kind': 'bpe',
    'size': 280,
    'samplings': 2,
    'sampling_rate': 0.3,
    'train_weights': (1.5,),
  },
  'tagging': {'train_weights': (0.5,), 'max_tokens': 12},
}


def prepare_chunks(directory, name, progress=str, **changes):
  config = make_config(
    directory, name, remove_duplicates=True, **IN_CHUNKS[name], **changes
  )
  return prepare(config, progress)


@pytest.mark.parametrize('name', list(IN_CHUNKS))
def test_the_same_from_two_processes_and_after_an_end(
  tmp_path, monkeypatch, name
):
  monkeypatch.setattr(encoding, 'CHUNK', 25)
  write_long_text(tmp_path)
  two = prepare_chunks(
    tmp_path, name, cache_dir=str(tmp_path / 'two'), workers=2
  )
  saved = []
  save = chunks.save

  def save_three(path, arrays):
    if len(saved) == 3:
      raise KeyboardInterrupt
    saved.append(path)
    save(path, arrays)

  with monkeypatch.context() as patched:
    patched.setattr(chunks, 'save', save_three)
    with pytest.raises(KeyboardInterrupt):
      prepare_chunks(tmp_path, name, workers=1)
  stamps = [path.stat().st_mtime_ns for path in saved]
  lines = []
  install = token_store._install

  def look_and_install(building, directory):
    assert [path.stat().st_mtime_ns for path in saved] == stamps
    install(building, directory)

  monkeypatch.setattr(token_store, '_install', look_and_install)
  one = prepare_chunks(tmp_path, name, lines.append, workers=1)
  assert any(line.startswith('going on with what is done') for line in lines)
  assert not any(line.startswith('vocabulary') for line in lines)
  assert contents(one.directory) == contents(two.directory)
  counts = one.report['train']
  distinct = len(set(LONG_TEXT)) - 1
  assert (counts['read'], counts['empty']) == (130, 2)
  assert counts['duplicates'] == 128 - distinct
  assert counts['kept'] + counts['too_long'] == distinct


def test_weights_repeat_all_rows_of_a_line(tmp_path):
  lines = ['the dog sleeps the cat', 'a dog', 'the dog the cat the dog a']
  prepared = prepare_text(
    tmp_path, lines, train_weights=(2.0,), max_tokens=3, remove_duplicates=True
  )
  once = [
    row
    for ids in prepared.tokenizers.target.encode(lines)
    for _ in range(2)
    for row in cut([*ids, EOS_ID], 3)
  ]
  assert rows(prepared.train, 'target') == once
  counts = prepared.report['train']
  assert (counts['kept'], counts['written'], counts['words']) == (3, 6, 14)
  assert counts['over_long_kept'] == 2


def test_few_long_lines_are_a_chunk(tmp_path, monkeypatch):
  whole = prepare_text(tmp_path)
  monkeypatch.setattr(encoding, '_CHARACTERS', 14)
  sizes = []
  save = chunks.save
  monkeypatch.setattr(
    chunks,
    'save',
    lambda path, arrays: (
      sizes.append(len(arrays['reasons'])) or save(path, arrays)
    ),
  )
  split = prepare_text(tmp_path, cache_dir=str(tmp_path / 'again'))
  assert contents(whole.directory) == contents(split.directory)
  # Of 14, 0, 19, 1 and 14 characters, twice.
  assert sizes == [1, 2, 2] * 2


def test_a_text_on_one_line_gives_a_vocabulary(tmp_path):
  # SentencePiece leaves out lines of more than 65,536 bytes.
  text = ' '.join(f'größe{n % 7} of the {n % 50}' for n in range(5000))
  assert len(text.encode()) > 1 << 16
  prepared = prepare_text(
    tmp_path, [text], vocabulary_kind='bpe', size=300, max_tokens=500
  )
  [ids] = prepared.tokenizers.target.encode([text])
  assert prepared.tokenizers.target.decode([ids]) == [text]
  assert 'of' in [
    p.strip('\u2581') for p in prepared.tokenizers.target.pieces(ids)
  ]
  assert rows(prepared.train, 'target') == cut([*ids, EOS_ID], 500)
  lengths = prepared.train.target_lengths
  assert (lengths[:-1] == 500).all() and 0 < lengths[-1] <= 500


def test_a_text_in_another_script_is_left_out_of_training(tmp_path):
  lines = ['the dog sleeps', 'Привет друг', 'a cat', '12 3', '']
  counts = prepare_text(
    tmp_path, lines, min_script_share=0.5, target_language='en'
  ).report['train']
  assert (counts['script'], counts['empty'], counts['kept']) == (1, 1, 3)


def test_progress_counts_lines(tmp_path, monkeypatch):
  monkeypatch.setattr(encoding, 'CHUNK', 2)
  monkeypatch.setattr(pace, '_EVERY', 0)
  lines = []
  write_lines(tmp_path / 'train.txt', TEXT)
  write_lines(tmp_path / 'dev.txt', TEXT)
  prepare(make_config(tmp_path, 'language_model', workers=1), lines.append)
  told = '\n'.join(lines)
  assert re.search(r'^reading: 2 lines, [\d,]+ lines/s$', told, re.MULTILINE)
  assert re.search(
    r'^train: 2 of 5 lines \(40%\), [\d,]+ lines/s, 0:00 minutes left$',
    told,
    re.MULTILINE,
  )
  assert re.search(
    r'^train, token files: 5 of 5 lines \(100%\), ', told, re.MULTILINE
  )
  assert re.search(
    r'^train: 4 of 5 lines kept, left out: 1 empty; '
    r'12 words, 16 target tokens, 0 unknown$',
    told,
    re.MULTILINE,
  )
