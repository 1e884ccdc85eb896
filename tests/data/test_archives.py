"""Text inside archives, .gz and .sgm, read where it lies."""

import gzip
import io
import re
import tarfile
import zipfile

import pytest
from data_configs import make_config, write_lines

from t2t_jax.data import archives, corpora, text_files
from t2t_jax.data.fingerprint import compute_fingerprint
from t2t_jax.errors import UsageError

SGM = """<refset setid="newstest2014" srclang="any" trglang="de">
<doc sysid="ref" docid="one" genre="news" origlang="en">
<hl>
<seg id="1"> Fish &amp; Chips &lt;3 </seg>
</hl>
<p>
<seg id="2">&quot;It&apos;s&quot; 5 &gt; 4 &amp;amp; no &euro;</seg>
<seg id="3">not <b>bold</b></seg>
</p>
</doc>
<DOC docid="two">
<SEG id="1">two
  lines</SEG>
<seg id="2"></seg>
</DOC>
</refset>
"""
SEGMENTS = [
  'Fish & Chips <3',
  '"It\'s" 5 > 4 &amp; no &euro;',
  'not <b>bold</b>',
  'two lines',
  '',
]


def make_archive(path, members):
  """Writes an archive of {name: text or bytes}; ./ before every other name."""
  if path.suffix == '.zip':
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
      archive.mkdir('training')
      for name, content in members.items():
        archive.writestr(name, content)
    return
  mode = 'w' if path.suffix == '.tar' else 'w:gz'
  with tarfile.open(path, mode) as archive:
    archive.addfile(_directory('training'))
    for number, (name, content) in enumerate(members.items()):
      data = content.encode() if isinstance(content, str) else content
      entry = tarfile.TarInfo(f'./{name}' if number % 2 else name)
      entry.size = len(data)
      archive.addfile(entry, io.BytesIO(data))


def _directory(name):
  entry = tarfile.TarInfo(name)
  entry.type = tarfile.DIRTYPE
  return entry


@pytest.mark.parametrize('name', ['a.tgz', 'a.tar.gz', 'a.tar', 'a.zip'])
def test_members_are_read_in_place(tmp_path, name):
  make_archive(
    tmp_path / name,
    {
      'training/text.de': 'A\nB\n',
      'training/other': 'x\n',
      'training/text.en': '\ufeffa\r\nb',
      'packed.en.gz': gzip.compress(b'c\nd\n'),
      'dev/set-ref.de.sgm': SGM,
    },
  )
  before = sorted(tmp_path.rglob('*'))

  def read(member):
    found = text_files.find(str(tmp_path), f'{name}/{member}', 'key')
    assert text_files.size(found) == (tmp_path / name).stat().st_size
    return list(text_files.read_lines(found))

  assert read('training/text.en') == ['a', 'b']
  assert read('training/text.de') == ['A', 'B']
  assert read('packed.en.gz') == ['c', 'd']
  assert read('dev/set-ref.de.sgm') == SEGMENTS
  assert sorted(tmp_path.rglob('*')) == before


@pytest.mark.parametrize('name', ['set.sgm', 'set.sgm.gz'])
def test_segments_of_sgm_in_order(tmp_path, name):
  content = SGM.encode()
  packed = gzip.compress(content) if name.endswith('.gz') else content
  (tmp_path / name).write_bytes(packed)
  assert list(text_files.read_lines(tmp_path / name)) == SEGMENTS


@pytest.mark.parametrize(
  'content',
  [
    '<seg id="1"> a </seg>\n<seg id="2"> b\n<SEG id="3">c</SEG>\n',
    '<seg id="1">a</seg><seg id="2">b, and here the file is cut sh',
  ],
)
def test_a_segment_without_an_end(tmp_path, content):
  file = tmp_path / 'set.sgm'
  file.write_text(content)
  with pytest.raises(UsageError) as error:
    list(text_files.read_lines(file))
  assert str(error.value) == (
    f'{file}: expected </seg> at the end of segment 2, found none'
  )


def test_sgm_without_a_segment(tmp_path):
  (tmp_path / 'set.sgm').write_text('plain\nlines\n')
  with pytest.raises(UsageError, match=r'set\.sgm: expected lines of text'):
    list(text_files.read_lines(tmp_path / 'set.sgm'))


def test_both_sides_of_a_pair_in_one_archive(tmp_path):
  lines = {
    language: [f'{language} {n}' for n in range(30000)]
    for language in ('en', 'de')
  }
  make_archive(
    tmp_path / 'both.tgz',
    {f'text.{key}': '\n'.join(value) + '\n' for key, value in lines.items()},
  )
  config = make_config(
    tmp_path, train_source='both.tgz/text.en', train_target='both.tgz/text.de'
  )
  pairs = list(corpora.read_split(config.data, 'train'))
  assert pairs == list(zip(lines['en'], lines['de'], strict=True))


def test_a_directory_may_be_named_like_an_archive(tmp_path):
  (tmp_path / 'a.tgz').mkdir()
  write_lines(tmp_path / 'a.tgz' / 'text.en', ['unpacked'])
  found = text_files.find(str(tmp_path), 'a.tgz/text.en', 'key')
  assert archives.split(found) == (found, '', 0)
  assert list(text_files.read_lines(found)) == ['unpacked']


@pytest.mark.parametrize('name', ['a.tgz', 'a.zip'])
def test_a_missing_member_names_the_nearest(tmp_path, name):
  make_archive(tmp_path / name, {'training/text.en': 'a\n', 'b': 'b\n'})
  path = text_files.find(str(tmp_path), f'{name}/training/texts.en', 'key')
  with pytest.raises(
    UsageError,
    match=re.escape(
      f'{tmp_path}/{name}: there is no member training/texts.en. Did you mean '
      "'training/text.en'?"
    ),
  ):
    list(text_files.read_lines(path))


def test_a_link_is_no_member(tmp_path):
  link = tarfile.TarInfo('text.en')
  link.type, link.linkname = tarfile.SYMTYPE, 'real/text.en'
  with tarfile.open(tmp_path / 'a.tgz', 'w:gz') as archive:
    archive.addfile(link)
    archive.addfile(tarfile.TarInfo('real/text.en'))
  with pytest.raises(
    UsageError,
    match=re.escape("no member text.en. Did you mean 'real/text.en'?"),
  ):
    list(text_files.read_lines(tmp_path / 'a.tgz' / 'text.en'))


@pytest.mark.parametrize('name', ['a.tgz', 'a.tar.gz', 'a.zip'])
def test_an_archive_alone_is_no_text(tmp_path, name):
  make_archive(tmp_path / name, {'text.en': 'a\n'})
  with pytest.raises(
    UsageError,
    match=re.escape(
      f'config.data.train_source: {tmp_path}/{name} is an archive; expected a '
      f'text in it, such as {name}/FOLDER/FILE'
    ),
  ):
    text_files.find(str(tmp_path), name, 'data.train_source')


def test_a_missing_archive_names_the_nearest(tmp_path):
  make_archive(tmp_path / 'europarl.tgz', {})
  with pytest.raises(
    UsageError,
    match=re.escape(
      f'config.data.train_source: there is no file {tmp_path}/europral.tgz. '
      "Did you mean 'europarl.tgz'?"
    ),
  ):
    text_files.find(str(tmp_path), 'europral.tgz/a.en', 'data.train_source')


@pytest.mark.parametrize('name', ['a.tgz', 'a.tar', 'a.zip'])
def test_what_is_no_archive(tmp_path, name):
  (tmp_path / name).write_bytes(b'nothing of the kind\n' * 100)
  with pytest.raises(UsageError, match='expected an archive, found something'):
    list(text_files.read_lines(tmp_path / name / 'a.en'))


@pytest.mark.parametrize(
  ('name', 'kind'), [('a.tgz', 'gzip'), ('a.tar', 'tar')]
)
def test_an_archive_cut_short(tmp_path, name, kind):
  text = ''.join(f'line {n * 7919 % 99991}\n' for n in range(30000))
  make_archive(tmp_path / name, {'a.en': text})
  content = (tmp_path / name).read_bytes()
  (tmp_path / name).write_bytes(content[: len(content) // 2])
  with pytest.raises(
    UsageError, match=f'expected a whole {kind} file, found a damaged one after'
  ):
    list(text_files.read_lines(tmp_path / name / 'a.en'))


def test_a_zip_that_cannot_be_read(tmp_path):
  archive = tmp_path / 'a.zip'
  text = ''.join(f'line {n * 7919 % 99991}\n' for n in range(30000))
  make_archive(archive, {'a.en': text})
  whole = bytearray(archive.read_bytes())
  damaged = whole.copy()
  damaged[len(whole) // 2] ^= 255
  archive.write_bytes(damaged)
  with pytest.raises(
    UsageError, match='expected a whole zip file, found a damaged one after'
  ):
    list(text_files.read_lines(archive / 'a.en'))
  locked = whole.copy()
  locked[whole.rfind(b'PK\1\2') + 8] |= 1  # the flag: encrypted
  archive.write_bytes(locked)
  with pytest.raises(
    UsageError, match=r'a\.zip/a\.en: cannot be read \(.*password'
  ):
    list(text_files.read_lines(archive / 'a.en'))


# --- tables -------------------------------------------------------------------

TABLE = 'a b\tA\tby X\n\tB\r\n"c\tC C\t\t2\r\n'
COLUMNS = {1: ['a b', '', '"c'], 2: ['A', 'B', 'C C']}


@pytest.mark.parametrize('name', ['t.tsv', 't.tsv.gz', 'a.zip/t.txt'])
def test_columns_of_a_table(tmp_path, name):
  content = TABLE.encode()
  if name.endswith('.gz'):
    (tmp_path / name).write_bytes(gzip.compress(content))
  elif name.startswith('a.zip'):
    make_archive(tmp_path / 'a.zip', {'t.txt': content})
  else:
    (tmp_path / name).write_bytes(content)
  write_lines(tmp_path / 'dev.en', ['a'])
  write_lines(tmp_path / 'dev.de', ['A'])
  sides = {'train_source': f'{name}#1', 'train_target': f'{name}#2'}
  tests = {'test_source': f'{name}#1', 'test_target': f'{name}#2'}
  config = make_config(tmp_path, **sides, **tests)
  for split in ('train', 't'):
    found = list(corpora.read_split(config.data, split))
    assert found == list(zip(COLUMNS[1], COLUMNS[2], strict=True))
  turned = make_config(
    tmp_path, train_source=f'{name}#2', train_target=f'{name}#1'
  )
  assert compute_fingerprint(turned) != compute_fingerprint(config)


def test_a_table_may_be_found_as_gz(tmp_path):
  (tmp_path / 't.tsv.gz').write_bytes(gzip.compress(TABLE.encode()))
  path = text_files.find(str(tmp_path), 't.tsv#2', 'key')
  assert list(text_files.read_lines(path)) == COLUMNS[2]
  assert text_files.size(path) == (tmp_path / 't.tsv.gz').stat().st_size


def test_a_line_with_too_few_columns(tmp_path):
  (tmp_path / 't.tsv').write_text(TABLE)
  with pytest.raises(
    UsageError,
    match=re.escape(
      f'{tmp_path}/t.tsv#3, line 2: expected at least 3 columns with tabs '
      'between them, found 2'
    ),
  ):
    list(text_files.read_lines(tmp_path / 't.tsv#3'))


def test_a_file_may_be_named_like_a_column(tmp_path):
  write_lines(tmp_path / 'part#2', ['whole\tline'])
  path = text_files.find(str(tmp_path), 'part#2', 'key')
  assert list(text_files.read_lines(path)) == ['whole\tline']


def test_bad_utf8_far_into_a_file(tmp_path):
  before = b'a line of text\n' * 200000
  (tmp_path / 'a.en').write_bytes(b'\xef\xbb\xbf' + before + b'b\xffc\n')
  with pytest.raises(
    UsageError,
    match=re.escape(
      f'{tmp_path}/a.en, line 200001: expected UTF-8, found the byte 0xff at '
      'byte 2 of the line'
    ),
  ):
    list(text_files.read_lines(tmp_path / 'a.en'))


def test_a_member_decides_the_fingerprint(tmp_path):
  make_archive(
    tmp_path / 'a.tgz',
    {'a.en': 'a\n', 'b.en': 'b\n', 'a.de': 'A\n', 'b.de': 'B\n'},
  )

  def fingerprint(stem):
    return compute_fingerprint(
      make_config(
        tmp_path,
        train_source=f'a.tgz/{stem}.en',
        train_target=f'a.tgz/{stem}.de',
        dev_source='a.tgz/a.en',
        dev_target='a.tgz/a.de',
      )
    )

  assert fingerprint('a') == fingerprint('a') != fingerprint('b')


@pytest.mark.parametrize(
  'name, language, stem',
  [
    ('test-full.tgz/test-full/newstest2014-deen-src.en.sgm', 'en', None),
    ('newstest2014-fren-ref.fr.sgm.gz', 'fr', None),
    ('dev/newstest2013-src.de.sgm', 'de', 'newstest2013'),
    ('plain-src.en', 'en', 'plain-src'),
  ],
)
def test_names_of_wmts_test_sets(tmp_path, name, language, stem):
  config = make_config(
    tmp_path, test_source=name, test_target=name, source_language=language
  )
  names = corpora.test_set_names(config.data)
  assert names == (stem or 'newstest2014',)
