"""What the search must obey, by flags and files of `translate`."""

import dataclasses
import os
import shutil

import pytest
from run_command import run_command

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.data.tokenizer import Tokenizers

LINES = ['the dog sees a house', 'a child', '', 'the big red dog']


def translate(trained, *arguments):
  stdin = ''.join(f'{line}\n' for line in LINES).encode()
  return run_command('translate', trained.flag, *arguments, stdin=stdin)


def texts(trained, *arguments):
  finished = translate(trained, *arguments)
  assert finished.status == 0, finished.stderr
  return finished.lines


def assert_refuses(message, trained, *arguments):
  finished = translate(trained, *arguments)
  assert finished.status == 2
  assert finished.stderr.splitlines()[-1] == f'translate: {message}'


def write(path, lines):
  path.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')
  return path


def test_prefixes_and_phrases_of_files(trained, tmp_path):
  prefixes = ['Der Hund', '', 'Ja', 'Das']
  phrases = ['Haus\tKind', '', '', 'der Hund']
  found = texts(
    trained,
    f'--prefix={write(tmp_path / "prefix", prefixes)}',
    f'--phrases={write(tmp_path / "phrases", phrases)}',
  )
  assert len(found) == 4
  for text, prefix, line in zip(found, prefixes, phrases, strict=True):
    assert text.startswith(prefix)
    assert all(phrase in text for phrase in line.split('\t'))
  assert found[1] == texts(trained)[1]


def test_a_pipe_of_prefixes(trained):
  """As of the shell's --prefix=<(COMMAND)."""
  reader, writer = os.pipe()
  os.write(writer, b'Der Hund\n\nJa\nDas\n')
  os.close(writer)
  found = texts(trained, f'--prefix=/dev/fd/{reader}')
  os.close(reader)
  for text, prefix in zip(found, ['Der Hund', '', 'Ja', 'Das'], strict=True):
    assert text.startswith(prefix)


@pytest.mark.parametrize('flag', ['prefix', 'phrases'])
def test_a_file_goes_along_with_the_input(trained, tmp_path, flag):
  short = write(tmp_path / 'short', ['x'] * 2)
  assert_refuses(
    f'--{flag}={short}: expected a line for each line of the input, found '
    'none for line 3',
    trained,
    f'--{flag}={short}',
  )
  long = write(tmp_path / 'long', [''] * 5)
  assert_refuses(
    f'--{flag}={long}: expected a line for each of the 4 lines of the input, '
    'found more',
    trained,
    f'--{flag}={long}',
  )
  assert_refuses(
    f'--{flag}={tmp_path}/none: No such file or directory',
    trained,
    f'--{flag}={tmp_path}/none',
  )
  assert_refuses(
    f'--{flag}=-: expected a file, found standard input',
    trained,
    f'--{flag}=-',
  )


def test_phrases_of_samples_are_refused(trained, tmp_path):
  phrases = write(tmp_path / 'phrases', ['', 'Kind', '', ''])
  assert_refuses(
    "line 2: phrases that must appear need decoding.method = 'beam', found "
    "'sampling'",
    trained,
    f'--phrases={phrases}',
    '--method=sampling',
  )


@pytest.mark.parametrize(
  ('flags', 'name', 'needed', 'found'),
  [
    (['--temperature=0.5'], 'temperature', 'sampling', 'beam'),
    (['--num_samples=1'], 'num_samples', 'sampling', 'beam'),
    (['--method=beam', '--top_k=5'], 'top_k', 'sampling', 'beam'),
    (['--method=sampling', '--beam_size=2'], 'beam_size', 'beam', 'sampling'),
  ],
)
def test_what_another_method_reads_is_refused(
  trained, flags, name, needed, found
):
  assert_refuses(
    f"decoding.{name}: needs decoding.method = '{needed}', found '{found}'",
    trained,
    *flags,
  )


def test_samples_by_seed(trained):
  flags = ('--method=sampling', '--num_samples=4', '--top_k=50', '--top_p=0.9')
  first = texts(trained, *flags, '--seed=3', '--nbest=4')
  assert len(first) == 3 * 4 + 1
  assert texts(trained, *flags, '--seed=3', '--nbest=4') == first
  assert texts(trained, *flags, '--seed=4', '--nbest=4') != first
  chosen = texts(trained, *flags, '--seed=3', '--mbr=chrf')
  for number, text in enumerate(chosen):
    assert any(line.startswith(f'{number} ||| {text} |||') for line in first)


def test_an_ensemble_of_checkpoints(trained):
  alone = texts(trained, '--checkpoint=latest')
  with_itself = f'--ensemble={trained.directory}@latest'
  assert texts(trained, '--checkpoint=latest', with_itself) == alone
  finished = translate(
    trained, '--checkpoint=4', f'--ensemble={trained.directory}@2'
  )
  assert finished.stderr.splitlines()[-1].startswith(
    f'translating with checkpoint 4 and checkpoint 2 of {trained.directory}'
  )


def test_an_ensemble_has_one_vocabulary(trained, tmp_path):
  other = tmp_path / 'other'
  shutil.copytree(trained.directory, other)
  vocabulary = dataclasses.replace(
    Workdir(other).read_config().vocabulary, size=270
  )
  Tokenizers.train(vocabulary, [('a b c', 'd e f')] * 50).save(
    other / 'tokenizer'
  )
  assert_refuses(
    f'--ensemble={other}@2: expected the vocabulary of --workdir, found '
    'another',
    trained,
    f'--ensemble={other}@2',
  )
  assert_refuses(
    f'--ensemble={tmp_path}/none: --workdir={tmp_path}/none: no such directory',
    trained,
    f'--ensemble={tmp_path}/none',
  )
