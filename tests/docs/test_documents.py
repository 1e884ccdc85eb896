"""Every command of the documents is run, or at least could be."""

import re

import pytest
import readable
import shell
from documents import DOCUMENTS, read_blocks
from not_run import ONLY_READ, SLOW

QUICK = ('docs/tutorial.md',)
# All of them stand in the extra `dev`, which `make test` installs.
_ENGINES = {
  'README.md': ('ctranslate2',),
  'docs/tutorial.md': ('ctranslate2', 'flatbuffers', 'safetensors'),
}
_SYNOPSES = [
  (block.place, line)
  for block in read_blocks('README.md')
  if not block.language
  for line in block.text.replace('\n' + ' ' * 20, ' ').splitlines()
  if line.startswith('python -m ')
]


@pytest.mark.parametrize('document', QUICK)
def test_the_first_commands_run(document, workspace):
  pytest.importorskip('ctranslate2')
  for block in read_blocks(document):
    workspace.run(block, with_slow=False)


@pytest.mark.slow
@pytest.mark.parametrize('document', DOCUMENTS)
def test_all_commands_run(document, workspace):
  for package in _ENGINES.get(document, ()):
    pytest.importorskip(package)
  for block in read_blocks(document):
    workspace.run(block, with_slow=True)


@pytest.mark.parametrize('document', DOCUMENTS)
def test_all_commands_can_be_read(document, workspace, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for block in read_blocks(document):
    if block.file_name:
      workspace.write_file(block)
    elif block.language == 'python':
      compile(block.text, block.place, 'exec')
    elif block.language == 'bash':
      for command in block.commands():
        try:
          readable.check(command.text)
        except Exception as error:
          pytest.fail(f'{command.place}: {command.text}\n{error}')


@pytest.mark.parametrize('document', DOCUMENTS)
def test_no_block_escapes(document):
  """A block without a language shows something; commands are in `bash`."""
  for block in read_blocks(document):
    assert block.language in ('', 'bash', 'console', 'python', 'text')
    if not block.language:
      assert document in ('README.md', 'CONTRIBUTING.md'), block.place


@pytest.mark.parametrize('pattern', [*(each[0] for each in ONLY_READ), *SLOW])
def test_nothing_is_left_out_for_nothing(pattern):
  """A command that is no longer there needs no reason."""
  blocks = [block for each in DOCUMENTS for block in read_blocks(each)]
  commands = [c.text for block in blocks for c in block.commands()]
  assert any(re.match(pattern, command) for command in commands)


@pytest.mark.parametrize('place, line', _SYNOPSES)
def test_the_flags_of_the_synopsis(place, line):
  """README's list of the commands names no flag that is not there."""
  words = line.split()
  package, _, name = words[2].rpartition('.')
  known = shell.flags_of(package, name)
  for word in ' '.join(words).replace('[', ' ').replace('|', ' ').split():
    flag = word.partition('=')[0].rstrip(']')
    if flag.startswith('--') and not flag.startswith('--config.'):
      assert flag[2:] in known or flag[4:] in known, f'{place}: {flag}'
